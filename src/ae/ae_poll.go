// SPDX-License-Identifier: BSD-3-Clause

//go:build unix || zos

package ae

// poll(2), for every Unix that has nothing better here (illumos, Solaris, AIX, z/OS), and for tests on the others. The
// array handed to the system is kept up to date as descriptors come and go, so that a wait costs what the system makes
// of it. The wake-up is a pipe; it is the array's first entry.

import (
	"golang.org/x/sys/unix"
)

type poll struct {
	fds   []unix.PollFd
	gens  []uint32 // beside fds
	at    []int32  // by descriptor: 1 + its place in fds
	pipe  [2]int
	start int // where the next look begins, so that none is always last
}

func newPoll() (poller, error) {
	p := &poll{}
	var err error
	if p.pipe, err = wakePipe(); err != nil {
		return nil, err
	}
	p.fds = []unix.PollFd{{Fd: int32(p.pipe[0]), Events: unix.POLLIN}}
	p.gens = []uint32{0}
	return p, nil
}

func (p *poll) name() string { return "poll" }

func pollEvents(mask uint8) pollBits {
	var e pollBits
	if mask&Readable != 0 {
		e |= unix.POLLIN
	}
	if mask&Writable != 0 {
		e |= unix.POLLOUT
	}
	return e
}

func (p *poll) add(fd int, gen uint32, mask uint8) error {
	for fd >= len(p.at) {
		p.at = append(p.at, 0)
	}
	if p.at[fd] != 0 {
		return unix.EEXIST
	}
	p.fds = append(p.fds, unix.PollFd{Fd: int32(fd), Events: pollEvents(mask)})
	p.gens = append(p.gens, gen)
	p.at[fd] = int32(len(p.fds))
	return nil
}

func (p *poll) modify(fd int, gen uint32, old, mask uint8) error {
	p.fds[p.at[fd]-1].Events = pollEvents(mask)
	return nil
}

func (p *poll) remove(fd int, old uint8) {
	i, last := p.at[fd]-1, len(p.fds)-1
	p.at[fd] = 0
	if int(i) != last {
		p.fds[i], p.gens[i] = p.fds[last], p.gens[last]
		p.at[p.fds[i].Fd] = i + 1
	}
	p.fds, p.gens = p.fds[:last], p.gens[:last]
}

func (p *poll) wait(evs []event, timeout int, hold bool) int {
	n, err := unix.Poll(p.fds, timeout)
	if err != nil || n <= 0 {
		return 0
	}
	if p.fds[0].Revents != 0 {
		drainPipe(p.pipe[0])
		n--
	}
	total := len(p.fds) - 1
	if n == 0 || total == 0 {
		return 0
	}
	if p.start >= total {
		p.start = 0
	}
	k := 0
	for j := 0; j < total && k < n && k < len(evs); j++ {
		i := p.start + j
		if i >= total {
			i -= total
		}
		f := &p.fds[i+1]
		if f.Revents == 0 {
			continue
		}
		var mask uint8
		if f.Revents&unix.POLLIN != 0 {
			mask = Readable
		}
		if f.Revents&unix.POLLOUT != 0 {
			mask |= Writable
		}
		if f.Revents&(unix.POLLERR|unix.POLLHUP|unix.POLLNVAL) != 0 {
			mask |= Readable | Writable | evHup
		}
		evs[k] = event{fd: f.Fd, gen: p.gens[i+1], mask: mask}
		k++
	}
	if k == len(evs) {
		p.start += k // more may be ready than fitted
	}
	return k
}

func (p *poll) wake() { unix.Write(p.pipe[1], []byte{0}) }

func (p *poll) close() {
	unix.Close(p.pipe[0])
	unix.Close(p.pipe[1])
}
