// SPDX-License-Identifier: BSD-3-Clause

package platform

// cputime.go - what INFO's cpu section tells. The contract is in platform.go.

import (
	"time"
)

// CPUTimes is the processor time that something has used.
type CPUTimes struct {
	User time.Duration
	Sys  time.Duration
}
