// SPDX-License-Identifier: BSD-3-Clause

//go:build unix && !linux

package platform

const abstractSockets = false

func systemHelpers() map[string]func() { return nil }
