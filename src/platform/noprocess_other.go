// SPDX-License-Identifier: BSD-3-Clause

//go:build !linux

package platform

import "errors"

// ForbidProcesses forbids this process to start another one. The system has no way to do that.
func ForbidProcesses() error { return errors.ErrUnsupported }
