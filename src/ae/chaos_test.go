// SPDX-License-Identifier: BSD-3-Clause

package ae

import (
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
	"time"
)

// chaotic does any of the things a handler may do, at random.
type chaotic struct {
	tester
	all *[]*chaotic
	r   *rand.Rand
}

func (h *chaotic) Data(in []byte) (int, int) {
	if h.closed > 0 || h.c.IsClosed() {
		panic("Data after the end")
	}
	l := h.c.Loop()
	other := (*h.all)[h.r.IntN(len(*h.all))]
	switch h.r.IntN(24) {
	case 0:
		h.c.Close()
	case 1:
		other.c.Close()
	case 2:
		h.c.PauseRead()
		l.CreateTimeEvent(int64(h.r.IntN(3)), func() int64 { h.c.ResumeRead(); return NoMore })
	case 3:
		other.c.PauseRead()
		l.Post(other.c.ResumeRead)
	case 4:
		h.c.Redeliver()
		return 0, 0
	case 5:
		other.c.Redeliver()
	case 6:
		h.reply(in)
		h.c.Flush()
	case 7:
		other.reply(make([]byte, h.r.IntN(300000)))
	case 8:
		other.c.TrimIn()
		return len(in) / 2, 0
	case 9:
		if l.Depth() < 3 {
			l.ProcessEvents(false)
		}
	case 10:
		return 0, len(in) + h.r.IntN(100000)
	case 11:
		return h.r.IntN(len(in) + 1), 0
	case 12:
		l.SetIOThreads(h.r.IntN(4))
		if l.io != nil {
			l.io.minimum, l.io.always = 1, true
		}
	}
	if h.c.IsClosed() {
		return 0, 0
	}
	h.reply(in)
	return len(in), 0
}

func TestChaos(t *testing.T) {
	eachMode(t, func(t *testing.T, m mode) {
		b := newBench(t, m, nil)
		var all []*chaotic
		r := rand.New(rand.NewPCG(7, 9))
		b.listen(func(c *Conn) {
			h := &chaotic{all: &all, r: r}
			h.c = c
			all = append(all, h)
			if r.IntN(20) == 0 {
				c.Close()
			}
			c.SetHandler(h)
		})
		var wg sync.WaitGroup
		rounds := 15
		if m.network == "tls" {
			rounds = 4
		}
		for w := range 8 {
			wg.Add(1)
			go func() {
				defer wg.Done()
				r := rand.New(rand.NewPCG(uint64(w), 3))
				for range rounds {
					nc, err := b.tryDial()
					if err != nil {
						t.Error(err)
						return
					}
					var sink sync.WaitGroup
					sink.Add(1)
					go func() {
						defer sink.Done()
						io.Copy(io.Discard, nc)
					}()
					for range r.IntN(12) {
						if _, err := nc.Write(make([]byte, 1+r.IntN(1<<r.IntN(17)))); err != nil {
							break
						}
						if r.IntN(4) == 0 {
							time.Sleep(time.Duration(r.IntN(300)) * time.Microsecond)
						}
					}
					if tc, ok := nc.(*net.TCPConn); ok && r.IntN(3) == 0 {
						tc.SetLinger(0)
					}
					nc.Close()
					sink.Wait()
				}
			}()
		}
		wg.Wait()
		b.until("everybody gone", func() bool {
			for _, h := range all {
				h.c.ResumeRead()
			}
			return b.l.Connections() == 0 && len(b.l.closingq) == 0
		})
		b.do(func() {
			for i, h := range all {
				if h.closed != 1 {
					t.Errorf("connection %d: Closed called %d times", i, h.closed)
				}
			}
		})
	})
}
