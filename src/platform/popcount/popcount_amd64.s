// SPDX-License-Identifier: BSD-3-Clause

#include "textflag.h"

// func blocks(at *byte, n int) int
//
// Each word has a register of its own, and each pair of sums as well: on some processors POPCNT waits for what its target held
// before.
TEXT ·blocks(SB), NOSPLIT, $0-24
	MOVQ at+0(FP), SI
	MOVQ n+8(FP), CX
	XORQ AX, AX
	XORQ BX, BX
	XORQ DX, DX
	XORQ DI, DI

next:
	TESTQ   CX, CX
	JLE     done
	POPCNTQ 0(SI), R8
	POPCNTQ 8(SI), R9
	POPCNTQ 16(SI), R10
	POPCNTQ 24(SI), R11
	ADDQ    R8, AX
	ADDQ    R9, BX
	ADDQ    R10, DX
	ADDQ    R11, DI
	POPCNTQ 32(SI), R8
	POPCNTQ 40(SI), R9
	POPCNTQ 48(SI), R10
	POPCNTQ 56(SI), R11
	ADDQ    R8, AX
	ADDQ    R9, BX
	ADDQ    R10, DX
	ADDQ    R11, DI
	ADDQ    $64, SI
	DECQ    CX
	JMP     next

done:
	ADDQ BX, AX
	ADDQ DI, DX
	ADDQ DX, AX
	MOVQ AX, ret+16(FP)
	RET
