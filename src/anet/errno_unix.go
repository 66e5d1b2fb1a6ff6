// SPDX-License-Identifier: BSD-3-Clause

//go:build unix || zos

package anet

import (
	"errors"

	"golang.org/x/sys/unix"
)

// AddrMissing tells the error of binding to an address that this host does not have.
func AddrMissing(err error) bool { return errors.Is(err, unix.EADDRNOTAVAIL) }

// FamilyMissing tells the errors of a host without the address family that was asked for.
func FamilyMissing(err error) bool {
	return errors.Is(err, unix.EAFNOSUPPORT) || errors.Is(err, unix.EPFNOSUPPORT) ||
		errors.Is(err, unix.EPROTONOSUPPORT) || errors.Is(err, unix.ESOCKTNOSUPPORT) || errors.Is(err, unix.ENOPROTOOPT)
}
