// SPDX-License-Identifier: BSD-3-Clause

//go:build !unix

package platform

func helpers() map[string]func() { return nil }
