// SPDX-License-Identifier: BSD-3-Clause

package ae

// Time events: a binary heap by due time. An event made by the function of another is not run in the same pass, however
// early it is due, so that a function which always makes a new one cannot hold the loop.

import (
	"math"

	"redport/src/monotonic"
)

type timer struct {
	id   int64
	when int64 // monotonic ns
	pos  int   // in the heap, -1 when it is running or deleted
	proc func() int64
}

type timerHeap struct {
	heap   []*timer
	byID   map[int64]*timer
	lastID int64
}

func (h *timerHeap) init() { h.byID = map[int64]*timer{} }

// CreateTimeEvent calls proc once ms milliseconds have passed, and then again as many milliseconds after it returned as
// it says, until that is NoMore. The id is for DeleteTimeEvent.
func (l *Loop) CreateTimeEvent(ms int64, proc func() (nextMs int64)) int64 {
	h := &l.timers
	h.lastID++
	t := &timer{id: h.lastID, when: after(monotonic.Nanotime(), ms), proc: proc}
	h.byID[t.id] = t
	h.push(t)
	return t.id
}

// DeleteTimeEvent forgets an event, its own function's included; false if there is none of that id.
func (l *Loop) DeleteTimeEvent(id int64) bool {
	h := &l.timers
	t := h.byID[id]
	if t == nil {
		return false
	}
	delete(h.byID, id)
	h.remove(t)
	return true
}

// after is now + ms, without overflow.
func after(now, ms int64) int64 {
	ms = max(ms, 0)
	if ms > (math.MaxInt64-now)/1e6 {
		return math.MaxInt64
	}
	return now + ms*1e6
}

func (h *timerHeap) due(now int64) bool { return len(h.heap) > 0 && h.heap[0].when <= now }

// timeout is how long the loop may sleep, in ms rounded up; -1 for ever.
func (h *timerHeap) timeout() int {
	if len(h.heap) == 0 {
		return -1
	}
	d := h.heap[0].when - monotonic.Nanotime()
	if d <= 0 {
		return 0
	}
	return int(min((d-1)/1e6+1, math.MaxInt32))
}

func (l *Loop) processTimeEvents() int {
	h := &l.timers
	newest := h.lastID
	var later []*timer // made in this pass
	n := 0
	for h.due(l.now) {
		t := h.heap[0]
		h.remove(t)
		if t.id > newest {
			later = append(later, t)
			continue
		}
		next := t.proc()
		n++
		if h.byID[t.id] != t {
			continue // deleted itself
		}
		if next == NoMore {
			delete(h.byID, t.id)
			continue
		}
		t.when = after(monotonic.Nanotime(), next)
		if next <= 0 {
			// Due again at once: in the next pass, as it would never end here.
			later = append(later, t)
			continue
		}
		h.push(t)
	}
	for _, t := range later {
		if h.byID[t.id] == t {
			h.push(t)
		}
	}
	return n
}

func (h *timerHeap) push(t *timer) {
	t.pos = len(h.heap)
	h.heap = append(h.heap, t)
	h.up(t.pos)
}

func (h *timerHeap) remove(t *timer) {
	i := t.pos
	if i < 0 {
		return
	}
	t.pos = -1
	last := len(h.heap) - 1
	moved := h.heap[last]
	h.heap[last] = nil
	h.heap = h.heap[:last]
	if i == last {
		return
	}
	h.heap[i] = moved
	moved.pos = i
	h.up(i)
	h.down(moved.pos)
}

func (h *timerHeap) less(i, j int) bool {
	a, b := h.heap[i], h.heap[j]
	return a.when < b.when || a.when == b.when && a.id < b.id
}

func (h *timerHeap) swap(i, j int) {
	h.heap[i], h.heap[j] = h.heap[j], h.heap[i]
	h.heap[i].pos, h.heap[j].pos = i, j
}

func (h *timerHeap) up(i int) {
	for i > 0 {
		p := (i - 1) / 2
		if !h.less(i, p) {
			return
		}
		h.swap(i, p)
		i = p
	}
}

func (h *timerHeap) down(i int) {
	for {
		c := 2*i + 1
		if c >= len(h.heap) {
			return
		}
		if c+1 < len(h.heap) && h.less(c+1, c) {
			c++
		}
		if !h.less(c, i) {
			return
		}
		h.swap(i, c)
		i = c
	}
}
