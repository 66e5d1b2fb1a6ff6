// SPDX-License-Identifier: BSD-3-Clause

package ae

// backend is one entry of pollers, which each system's file declares, best first.
type backend struct {
	name string
	open func() (poller, error)
}
