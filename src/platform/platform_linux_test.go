// SPDX-License-Identifier: BSD-3-Clause

package platform

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

const abstractSockets = true

func systemHelpers() map[string]func() {
	commandLine := func() string {
		b, _ := os.ReadFile("/proc/self/cmdline")
		return string(b)
	}
	return map[string]func(){
		"title": func() {
			fmt.Printf("%q\n", commandLine())
			for _, title := range []string{"redis-server *:6379", strings.Repeat("t", len(commandLine())-2), strings.Repeat("u", len(commandLine())-1),
				strings.Repeat("v", len(commandLine())), strings.Repeat("w", len(commandLine())+10), "x", "a\x00b", ""} {
				SetProcessTitle(title)
				fmt.Printf("%q\n", commandLine())
			}
			SetProcessTitle(strings.Repeat("y", 1<<20))
			fmt.Println(len(commandLine()) > 200)
			out, err := exec.Command("sh", "-c", "echo $REDPORT_TEST_VALUE").CombinedOutput()
			fmt.Printf("%q %q %q %v\n", os.Args[1:], os.Getenv("REDPORT_TEST_VALUE"), out, err)
		},
		"oom": func() {
			before, err := OOMScoreAdj()
			err2 := SetOOMScoreAdj(before + 7)
			after, err3 := OOMScoreAdj()
			fmt.Println(after-before, err, err2, err3)
			err = SetOOMScoreAdj(5000)
			after, _ = OOMScoreAdj()
			fmt.Println(after, err)
		},
		"noprocess": func() {
			if err := ForbidProcesses(); err != nil {
				fmt.Println(err)
				return
			}
			// Threads are no processes: each of these needs one of its own.
			var all, done sync.WaitGroup
			all.Add(20)
			for range 20 {
				done.Go(func() {
					runtime.LockOSThread()
					all.Done()
					all.Wait()
				})
			}
			done.Wait()
			fmt.Println("threads")
			err := exec.Command("/bin/true").Run()
			fmt.Println("still here", err)
		},
		"prctl": func() {
			fmt.Println(SetDumpable(false), SetDumpable(true), DisableTHP(), EnableCoreDumps())
		},
	}
}

func TestProcessTitle(t *testing.T) {
	cmd := helper(t, "title", "REDPORT_TEST_VALUE=some value")
	cmd.Args = []string{"redis-server", "--port", "6379", "", "--last"}
	lines := strings.Split(output(t, cmd), "\n")
	original := "redis-server\x00--port\x006379\x00\x00--last\x00"
	n := len(original)
	var want []string
	for _, s := range []string{original, "redis-server *:6379\x00", strings.Repeat("t", n-2) + "\x00"} {
		want = append(want, fmt.Sprintf("%q", s))
	}
	for i, w := range want {
		// Kernels before 5.3 show what is left of the area behind a short title.
		if got := lines[i]; got != w {
			t.Errorf("line %d: got %s, want %s", i, got, w)
		}
	}
	for i, prefix := range map[int]string{3: "uuuu", 4: "vvvv", 5: "wwww", 6: "x", 7: "a"} {
		if !strings.HasPrefix(lines[i], `"`+prefix) || strings.Contains(lines[i], "redis") || strings.Contains(lines[i], "REDPORT") {
			t.Errorf("line %d: %s", i, lines[i])
		}
	}
	if lines[9] != "true" || lines[10] != `["--port" "6379" "" "--last"] "some value" "some value\n" <nil>` {
		t.Errorf("got %q", lines[9:])
	}
	t.Log(strings.Join(lines, "\n"))
}

func TestForbidProcesses(t *testing.T) {
	cmd := helper(t, "noprocess")
	out, _ := cmd.Output()
	if strings.Contains(string(out), "seccomp") {
		t.Skip("no filters here: ", string(out))
	}
	_, signal := ExitStatus(cmd.ProcessState)
	if string(out) != "threads\n" || signal != int(unix.SIGSYS) {
		t.Errorf("it says %q, and ends with signal %d", out, signal)
	}
}

func TestStopSelf(t *testing.T) {
	cmd := helper(t, "stop")
	var out strings.Builder
	cmd.Stdout = &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var status unix.WaitStatus
	if _, err := unix.Wait4(cmd.Process.Pid, &status, unix.WUNTRACED, nil); err != nil || !status.Stopped() {
		t.Errorf("did not stop: %v, %v", status, err)
	}
	if err := Kill(cmd.Process.Pid, int(unix.SIGCONT)); err != nil {
		t.Error(err)
	}
	if err := cmd.Wait(); err != nil || out.String() != "continued\n" {
		t.Errorf("%q, %v", out.String(), err)
	}
}

func TestOOMScore(t *testing.T) {
	if got := output(t, helper(t, "oom")); got != "7 <nil> <nil> <nil>\n1000 <nil>\n" {
		t.Errorf("got %q", got)
	}
}

func TestPrctl(t *testing.T) {
	if got := output(t, helper(t, "prctl")); got != "<nil> <nil> <nil> <nil>\n" {
		t.Errorf("got %q", got)
	}
}

func TestMemoryFigures(t *testing.T) {
	rss, size, total := ResidentSetSize(), VirtualSize(), TotalSystemMemory()
	if rss == 0 || size < rss || total < rss {
		t.Errorf("resident %d, virtual %d, total %d", rss, size, total)
	}
	if got := SmapsBytes("Rss:", 0); got < rss/4 || got > rss*4 {
		t.Errorf("smaps adds up to %d, resident are %d", got, rss)
	}
	if SmapsBytes("Private_Dirty:", os.Getpid()) == 0 || SmapsBytes("Nonsense:", 0) != 0 || SmapsBytes("Rss:", 1<<30) != 0 {
		t.Error("other fields and processes")
	}
	if AnonHugePages() < 0 {
		t.Error("less than no huge pages")
	}
}

func TestCPUFigures(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for {
		self, ok := SelfCPU()
		thread, threadOK := ThreadCPU()
		_, childrenOK := ChildrenCPU()
		if !ok || !threadOK || !childrenOK {
			t.Fatal("not known")
		}
		if thread.User+thread.Sys > 0 && self.User+self.Sys >= thread.User {
			return
		}
	}
}

func TestAffinityAndThreadName(t *testing.T) {
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // Never unlocked: the thread ends with the goroutine.
		done <- func() error {
			var allowed, now unix.CPUSet
			if err := unix.SchedGetaffinity(0, &allowed); err != nil {
				return err
			}
			cpu := 0
			for !allowed.IsSet(cpu) {
				cpu++
			}
			if err := SetCPUAffinity(fmt.Sprint(cpu)); err != nil {
				return err
			}
			if err := unix.SchedGetaffinity(0, &now); err != nil || now.Count() != 1 || !now.IsSet(cpu) {
				return fmt.Errorf("affinity %v, %w", now, err)
			}
			if err := SetThreadName("a name that is too long"); err != nil {
				return err
			}
			name, err := os.ReadFile(fmt.Sprintf("/proc/self/task/%d/comm", unix.Gettid()))
			if err != nil || string(name) != "a name that is \n" {
				return fmt.Errorf("thread name %q, %w", name, err)
			}
			return nil
		}()
	}()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestUnameIsTheKernels(t *testing.T) {
	out, err := exec.Command("uname", "-srm").Output()
	if err != nil {
		t.Skip(err)
	}
	system, release, machine := Uname()
	if got := system + " " + release + " " + machine + "\n"; got != string(out) {
		t.Errorf("got %q, uname says %q", got, out)
	}
}
