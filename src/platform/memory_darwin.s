// SPDX-License-Identifier: BSD-3-Clause

#include "textflag.h"

TEXT libc_proc_pidinfo_trampoline<>(SB), NOSPLIT, $0-0
	JMP libc_proc_pidinfo(SB)

GLOBL ·libc_proc_pidinfo_trampoline_addr(SB), RODATA, $8
DATA ·libc_proc_pidinfo_trampoline_addr(SB)/8, $libc_proc_pidinfo_trampoline<>(SB)
