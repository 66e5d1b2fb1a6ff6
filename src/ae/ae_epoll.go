// SPDX-License-Identifier: BSD-3-Clause

//go:build linux

package ae

// epoll. The first look is a raw system call, as cheap as in C. With hold it waits in there for up to holdMs, its P and
// all: a loop that is called every few microseconds is spared the way out of the scheduler and back, and sysmon the
// sight of a system call to keep its eyes on. That is worth 5-10 % of CPU unpipelined. The collector gets the loop out
// of there by its preemption signal. Only after that does the loop block by a call that gives its P away. A wait that
// found nothing in the raw part starts the next one with the blocking part, so that an idle loop wakes up no more than
// it must.
//
// The event's data is the descriptor and its generation. The wake-up is an eventfd, edge-triggered: each write to it is
// a new event, so it need never be read.

import (
	"encoding/binary"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// holdMs is longer than a tick of the kernel's clock (4 ms at 250 Hz). A shorter wait would be the next timer of an idle
// CPU and have its clock programmed anew each time, which costs a quarter of all CPU with a single client in a virtual
// machine.
const holdMs = 10

type epoll struct {
	fd     int
	wakeFd int
	evs    []unix.EpollEvent
	cold   bool // the raw part found nothing, the last time
}

var pollers = []backend{{"epoll", newEpoll}, {"poll", newPoll}}

func newEpoll() (poller, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, err
	}
	p := &epoll{fd: fd, wakeFd: -1}
	p.wakeFd, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err == nil {
		ev := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLET, Fd: -1}
		err = unix.EpollCtl(fd, unix.EPOLL_CTL_ADD, p.wakeFd, &ev)
	}
	if err != nil {
		p.close()
		return nil, err
	}
	return p, nil
}

func (p *epoll) name() string { return "epoll" }

func (p *epoll) ctl(op, fd int, gen uint32, mask uint8) error {
	var events uint32
	if mask&Readable != 0 {
		events |= unix.EPOLLIN
	}
	if mask&Writable != 0 {
		events |= unix.EPOLLOUT
	}
	ev := unix.EpollEvent{Events: events, Fd: int32(fd), Pad: int32(gen)}
	_, _, errno := syscall.RawSyscall6(syscall.SYS_EPOLL_CTL, uintptr(p.fd), uintptr(op), uintptr(fd),
		uintptr(unsafe.Pointer(&ev)), 0, 0)
	if errno != 0 {
		return errno
	}
	return nil
}

func (p *epoll) add(fd int, gen uint32, mask uint8) error {
	return p.ctl(unix.EPOLL_CTL_ADD, fd, gen, mask)
}

func (p *epoll) modify(fd int, gen uint32, old, mask uint8) error {
	return p.ctl(unix.EPOLL_CTL_MOD, fd, gen, mask)
}

// remove is not left to close alone: a net.Conn made of the descriptor, or a duplicate somewhere, would keep it armed.
func (p *epoll) remove(fd int, old uint8) { p.ctl(unix.EPOLL_CTL_DEL, fd, 0, 0) }

func (p *epoll) wait(evs []event, timeout int, hold bool) int {
	if len(p.evs) < len(evs) {
		p.evs = make([]unix.EpollEvent, len(evs))
	}
	var n uintptr
	var errno syscall.Errno
	if timeout == 0 || !p.cold {
		first := 0
		if hold && timeout != 0 {
			if first = holdMs; timeout > 0 {
				first = min(timeout, holdMs)
			}
		}
		n, _, errno = syscall.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(p.fd), uintptr(unsafe.Pointer(&p.evs[0])),
			uintptr(len(evs)), uintptr(first), 0, 0)
		if n == 0 && errno == 0 && first > 0 {
			p.cold = true
			if timeout > 0 {
				timeout -= first
			}
		}
	}
	if timeout != 0 && n == 0 && errno == 0 {
		n, _, errno = syscall.Syscall6(unix.SYS_EPOLL_PWAIT, uintptr(p.fd), uintptr(unsafe.Pointer(&p.evs[0])),
			uintptr(len(evs)), uintptr(timeout), 0, 0)
		p.cold = p.cold && n == 0
	}
	if errno != 0 { // EINTR
		return 0
	}
	k := 0
	for i := range p.evs[:n] {
		e := &p.evs[i]
		if e.Fd < 0 {
			continue // the wake-up
		}
		var mask uint8
		if e.Events&(unix.EPOLLIN|unix.EPOLLRDHUP) != 0 {
			mask = Readable
		}
		if e.Events&unix.EPOLLOUT != 0 {
			mask |= Writable
		}
		if e.Events&(unix.EPOLLERR|unix.EPOLLHUP) != 0 {
			mask |= Readable | Writable | evHup
		}
		evs[k] = event{fd: e.Fd, gen: uint32(e.Pad), mask: mask}
		k++
	}
	return k
}

func (p *epoll) wake() {
	var one [8]byte
	binary.NativeEndian.PutUint64(one[:], 1)
	// It fails only when the counter is full, after 2^64-2 wake-ups.
	unix.Write(p.wakeFd, one[:])
}

func (p *epoll) close() {
	if p.wakeFd >= 0 {
		unix.Close(p.wakeFd)
	}
	unix.Close(p.fd)
}
