// SPDX-License-Identifier: BSD-3-Clause

#include "textflag.h"

// func Lines(at *unsafe.Pointer, n, lines int)
TEXT ·Lines(SB), NOSPLIT, $0-24
	MOVQ at+0(FP), SI
	MOVQ n+8(FP), CX
	MOVQ lines+16(FP), BX

next:
	TESTQ CX, CX
	JLE   done
	MOVQ  (SI), AX
	MOVQ  BX, DX

line:
	PREFETCHT0 (AX)
	ADDQ       $64, AX
	DECQ       DX
	JGT        line
	ADDQ       $8, SI
	DECQ       CX
	JMP        next

done:
	RET
