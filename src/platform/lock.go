// SPDX-License-Identifier: BSD-3-Clause

package platform

// lock.go - whole-file locks. The contract is in platform.go.

import (
	"errors"
)

// ErrLocked tells that someone else holds the lock.
var ErrLocked = errors.New("file is locked")
