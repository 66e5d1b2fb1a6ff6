// SPDX-License-Identifier: BSD-3-Clause

//go:build !unix && !windows

package platform

import (
	"os"
)

func fsync(f *os.File) error { return f.Sync() }

func cannotSync(error) bool { return false }

// systemText: errors have their own words.
func systemText(err error) (string, bool) { return "", false }

func foreignText(err error) (string, bool) { return "", false }
