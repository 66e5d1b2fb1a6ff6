// SPDX-License-Identifier: BSD-3-Clause

package ae

type ioThreads struct{}

func (t *ioThreads) read(l *Loop, tn *turn, evs []event) bool { return false }
func (t *ioThreads) write(l *Loop, q []*Conn) bool            { return false }

// SetIOThreads sets the number of I/O threads, the loop's own included: 1 turns them off.
func (l *Loop) SetIOThreads(n int) {}
