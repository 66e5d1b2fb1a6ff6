// SPDX-License-Identifier: BSD-3-Clause

//go:build darwin || dragonfly || freebsd || netbsd || openbsd

package ae

// kqueue. Readability and writability of a descriptor are told apart, as two events. A disarmed filter is told no more,
// not even for a hang-up, so evHup is never needed. What generation an event belongs to is looked up when it is taken
// out of the system: a descriptor that is closed and given out again afterwards has another by then. The wake-up is a
// pipe, as not all of these systems have EVFILT_USER.

import (
	"golang.org/x/sys/unix"
)

type kqueue struct {
	fd   int
	pipe [2]int
	gens []uint32 // by descriptor
	evs  []unix.Kevent_t
}

var pollers = []backend{{"kqueue", newKqueue}, {"poll", newPoll}}

func newKqueue() (poller, error) {
	fd, err := unix.Kqueue()
	if err != nil {
		return nil, err
	}
	unix.CloseOnExec(fd)
	p := &kqueue{fd: fd}
	if p.pipe, err = wakePipe(); err != nil {
		unix.Close(fd)
		return nil, err
	}
	if err = p.add(p.pipe[0], 0, Readable); err != nil {
		p.close()
		return nil, err
	}
	return p, nil
}

func (p *kqueue) name() string { return "kqueue" }

// change arms or disarms the filters that differ between old and mask.
func (p *kqueue) change(fd int, old, mask uint8) error {
	var changes [2]unix.Kevent_t
	n := 0
	for _, f := range [...]struct {
		bit    uint8
		filter int
	}{{Readable, unix.EVFILT_READ}, {Writable, unix.EVFILT_WRITE}} {
		if (old^mask)&f.bit == 0 {
			continue
		}
		flags := unix.EV_DELETE
		if mask&f.bit != 0 {
			flags = unix.EV_ADD
		}
		unix.SetKevent(&changes[n], fd, f.filter, flags)
		n++
	}
	for i := range n { // one by one: an error stops the system from applying those behind it
		for {
			_, err := unix.Kevent(p.fd, changes[i:i+1], nil, nil)
			if err == unix.EINTR {
				continue
			}
			if err != nil && changes[i].Flags != unix.EV_DELETE {
				return err
			}
			break
		}
	}
	return nil
}

func (p *kqueue) add(fd int, gen uint32, mask uint8) error {
	for fd >= len(p.gens) {
		p.gens = append(p.gens, 0)
	}
	p.gens[fd] = gen
	return p.change(fd, 0, mask)
}

func (p *kqueue) modify(fd int, gen uint32, old, mask uint8) error { return p.change(fd, old, mask) }

func (p *kqueue) remove(fd int, old uint8) { p.change(fd, old, 0) }

func (p *kqueue) wait(evs []event, timeout int, hold bool) int {
	if len(p.evs) < len(evs) {
		p.evs = make([]unix.Kevent_t, len(evs))
	}
	var ts *unix.Timespec
	if timeout >= 0 {
		t := unix.NsecToTimespec(int64(timeout) * 1e6)
		ts = &t
	}
	n, err := unix.Kevent(p.fd, nil, p.evs[:len(evs)], ts)
	if err != nil { // EINTR
		return 0
	}
	k := 0
	for i := range p.evs[:n] {
		e := &p.evs[i]
		fd := int(e.Ident)
		if fd == p.pipe[0] {
			drainPipe(fd)
			continue
		}
		var mask uint8
		switch int(e.Filter) {
		case unix.EVFILT_READ:
			mask = Readable
		case unix.EVFILT_WRITE:
			mask = Writable
		}
		evs[k] = event{fd: int32(fd), gen: p.gens[fd], mask: mask}
		k++
	}
	return k
}

func (p *kqueue) wake() { unix.Write(p.pipe[1], []byte{0}) }

func (p *kqueue) close() {
	unix.Close(p.pipe[0])
	unix.Close(p.pipe[1])
	unix.Close(p.fd)
}
