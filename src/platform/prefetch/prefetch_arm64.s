// SPDX-License-Identifier: BSD-3-Clause

#include "textflag.h"

// func Lines(at *unsafe.Pointer, n, lines int)
TEXT ·Lines(SB), NOSPLIT, $0-24
	MOVD at+0(FP), R0
	MOVD n+8(FP), R1
	MOVD lines+16(FP), R2

next:
	CMP  $0, R1
	BLE  done
	MOVD (R0), R3
	MOVD R2, R4

line:
	PRFM (R3), PLDL1KEEP
	ADD  $64, R3
	SUBS $1, R4
	BGT  line
	ADD  $8, R0
	SUB  $1, R1
	B    next

done:
	RET
