// SPDX-License-Identifier: BSD-3-Clause

//go:build unix

package ae

import (
	"fmt"
	"net"
	"os"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// maxTestConns is how many connections a test may have with both ends in this process.
func maxTestConns() int {
	var r unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &r) != nil {
		return 100
	}
	return max(int(min(r.Cur, 1<<20)/2)-200, 50)
}

// TestMain looks for goroutines and descriptors that the tests left behind.
func TestMain(m *testing.M) {
	fds := openFds()
	goroutines := runtime.NumGoroutine()
	code := m.Run()
	if code == 0 {
		deadline := time.Now().Add(patience)
		for runtime.NumGoroutine() > goroutines || openFds() > fds+2 { // the runtime's own epoll comes late
			if time.Now().After(deadline) {
				buf := make([]byte, 1<<20)
				fmt.Printf("left behind: %d goroutines, %d descriptors\n%s\n", runtime.NumGoroutine()-goroutines,
					openFds()-fds, buf[:runtime.Stack(buf, true)])
				code = 1
				break
			}
			time.Sleep(time.Millisecond)
		}
	}
	os.Exit(code)
}

// setNumber copes with systems that disagree on the type of a limit.
func setNumber[T int64 | uint64](p *T, n int) { *p = T(n) }

// openFds counts the descriptors below 4096 that are open.
func openFds() int {
	n := 0
	for fd := range 4096 {
		if _, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err == nil {
			n++
		}
	}
	return n
}

func TestFileEvents(t *testing.T) {
	for _, p := range pollers {
		t.Run(p.name, func(t *testing.T) {
			b := newBench(t, mode{backend: p.name}, nil)
			var fds [2]int
			if err := unix.Pipe(fds[:]); err != nil {
				t.Fatal(err)
			}
			got := make(chan string, 10)
			b.do(func() {
				err := b.l.CreateFileEvent(fds[0], Readable, func(mask int) {
					var buf [16]byte
					n, _ := unix.Read(fds[0], buf[:])
					got <- string(buf[:n])
				})
				if err != nil {
					t.Error(err)
				}
				n := 0
				err = b.l.CreateFileEvent(fds[1], Writable, func(mask int) {
					if n++; n == 3 {
						b.l.DeleteFileEvent(fds[1], Writable)
						unix.Write(fds[1], []byte("hello"))
					}
				})
				if err != nil {
					t.Error(err)
				}
			})
			select {
			case s := <-got:
				if s != "hello" {
					t.Error(s)
				}
			case <-time.After(patience):
				t.Fatal("no event")
			}
			b.do(func() {
				if b.l.FileEvents(fds[0]) != Readable || b.l.FileEvents(fds[1]) != 0 || b.l.FileEvents(99999) != 0 {
					t.Error("masks")
				}
				b.l.DeleteFileEvent(fds[0], Readable)
			})
			unix.Write(fds[1], []byte("x"))
			b.do(func() {})
			unix.Close(fds[0])
			unix.Close(fds[1])
			if len(got) > 0 {
				t.Error("event after DeleteFileEvent")
			}
		})
	}
	l, _ := New(Options{Backend: "pump"})
	if err := l.CreateFileEvent(0, Readable, nil); err != ErrNoDescriptors {
		t.Error(err)
	}
	l.Close()
}

// With no descriptor left, the connection waits, the loop does not spin, and it is accepted once there is room.
func TestDescriptorsExhausted(t *testing.T) {
	for _, p := range pollers {
		for _, network := range []string{"tcp", "tls"} {
			t.Run(p.name+"/"+network, func(t *testing.T) {
				b := newBench(t, mode{backend: p.name, network: network}, nil)
				n, failed := 0, 0
				var first *Conn
				b.listen(func(c *Conn) {
					echo(c)
					if n++; n == 1 {
						first = c
					}
				})
				b.do(func() { b.l.AcceptError = func(*Listener, error) { failed++ } })
				dial := func() net.Conn {
					nc, err := net.Dial("tcp", b.ln.Addr())
					if err != nil {
						t.Fatal(err)
					}
					t.Cleanup(func() { nc.Close() })
					return nc
				}
				dial()
				b.until("first", func() bool { return n == 1 })

				var old unix.Rlimit
				if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &old); err != nil {
					t.Skip(err)
				}
				var held []int
				free := func() {
					for _, fd := range held {
						unix.Close(fd)
					}
					held = nil
					unix.Setrlimit(unix.RLIMIT_NOFILE, &old)
				}
				defer free()
				probe, err := unix.Dup(0)
				if err != nil {
					t.Fatal(err)
				}
				unix.Close(probe)
				limit := old
				setNumber(&limit.Cur, probe+8)
				if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
					t.Skip(err)
				}
				nc := 0
				for { // all but one, which the client takes
					fd, err := unix.Dup(0)
					if err != nil {
						break
					}
					held = append(held, fd)
					nc++
				}
				if len(held) == 0 {
					t.Skip("no room to begin with")
				}
				unix.Close(held[len(held)-1])
				held = held[:len(held)-1]
				dial()
				b.until("accept fails", func() bool { return failed > 0 })
				var turns int64
				b.do(func() { turns = b.l.Stats.Turns; failed = 0 })
				time.Sleep(30 * time.Millisecond)
				b.do(func() {
					if k := b.l.Stats.Turns - turns; k > 50 || failed > 2 {
						t.Errorf("%d turns, %d errors while there is no room", k, failed)
					}
					if n != 1 {
						t.Error("accepted without a descriptor")
					}
					first.Close() // makes room
				})
				if network == "tls" {
					free() // it needs two for a moment
				}
				b.until("accepted after all", func() bool { return n == 2 })
			})
		}
	}
}
