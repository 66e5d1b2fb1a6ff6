// SPDX-License-Identifier: BSD-3-Clause

//go:build !unix

package platform

import (
	"os"
)

func fsync(f *os.File) error { return f.Sync() }

func cannotSync(error) bool { return false }
