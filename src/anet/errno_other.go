// SPDX-License-Identifier: BSD-3-Clause

//go:build !(unix || zos)

package anet

import (
	"errors"
	"syscall"
)

// The numbers are Winsock's; other systems of this file have none to tell.
const (
	wsaENOPROTOOPT     = syscall.Errno(10042)
	wsaEPROTONOSUPPORT = syscall.Errno(10043)
	wsaESOCKTNOSUPPORT = syscall.Errno(10044)
	wsaEPFNOSUPPORT    = syscall.Errno(10046)
	wsaEAFNOSUPPORT    = syscall.Errno(10047)
	wsaEADDRNOTAVAIL   = syscall.Errno(10049)
)

// AddrMissing tells the error of binding to an address that this host does not have.
func AddrMissing(err error) bool { return errors.Is(err, wsaEADDRNOTAVAIL) }

// FamilyMissing tells the errors of a host without the address family that was asked for.
func FamilyMissing(err error) bool {
	return errors.Is(err, wsaEAFNOSUPPORT) || errors.Is(err, wsaEPFNOSUPPORT) ||
		errors.Is(err, wsaEPROTONOSUPPORT) || errors.Is(err, wsaESOCKTNOSUPPORT) || errors.Is(err, wsaENOPROTOOPT)
}
