// SPDX-License-Identifier: BSD-3-Clause

//go:build !linux && !darwin && !freebsd && !openbsd

package platform

func systemChecks() []systemCheck { return nil }

func somaxconn() (limit int, name string) { return 0, "" }

// AnonHugePages is 0: there are none.
func AnonHugePages() int64 { return 0 }
