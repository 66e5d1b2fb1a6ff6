// SPDX-License-Identifier: BSD-3-Clause

package platform

import (
	"errors"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
)

func faultWrite(t *testing.T, disk *FaultFS, name, text string, sync bool) {
	t.Helper()
	f, err := disk.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if sync {
		if err := f.Datasync(); err != nil {
			t.Fatal(err)
		}
	}
	f.Close()
}

func TestFaultFSKeepsWhatWasSynced(t *testing.T) {
	seen := map[string]bool{}
	for seed := range uint64(400) {
		disk := NewFaultFS("/d")
		faultWrite(t, disk, "/d/old", "old", true)
		disk.SyncDir("/d")
		faultWrite(t, disk, "/d/tmp", "new", true)
		disk.Rename("/d/tmp", "/d/old")
		after := disk.Crash(rand.New(rand.NewPCG(seed, 1)), seed%2 == 0)
		b, ok := after.Contents("/d/old")
		if !ok || string(b) != "old" && string(b) != "new" {
			t.Fatalf("seed %d: %q", seed, b)
		}
		seen[string(b)+" "+strings.Join(after.Files("/d"), " ")] = true
		if _, err := disk.Stat("/d/old"); !errors.Is(err, ErrPowerOff) {
			t.Fatalf("the machine goes on: %v", err)
		}
	}
	for _, want := range []string{"old old", "old old tmp", "new old"} {
		if !seen[want] {
			t.Errorf("never found %q: %v", want, seen)
		}
	}
}

// A file that was renamed without being synced may have lost its bytes, whatever became of the name.
func TestFaultFSLosesWhatWasNotSynced(t *testing.T) {
	seen := map[string]bool{}
	for seed := range uint64(400) {
		disk := NewFaultFS("/d")
		faultWrite(t, disk, "/d/tmp", "new", false)
		disk.Rename("/d/tmp", "/d/file")
		disk.SyncDir("/d")
		b, ok := disk.Crash(rand.New(rand.NewPCG(seed, 2)), seed%2 == 0).Contents("/d/file")
		if !ok {
			t.Fatal("a name was lost that was synced")
		}
		seen[string(b)] = true
	}
	for _, want := range []string{"", "n", "ne", "new"} {
		if !seen[want] {
			t.Errorf("never found %q", want)
		}
	}
}

func TestFaultFSFaults(t *testing.T) {
	disk := NewFaultFS("/d")
	disk.SetFault(func(op, name string, n int) (int, error) {
		if op == OpWrite && n > 3 {
			return 3, syscall.ENOSPC
		}
		return n, nil
	})
	f, err := disk.OpenFile("/d/f", os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := f.Write([]byte("abcdef")); n != 3 || !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("wrote %d, %v", n, err)
	}
	if err := f.Truncate(1); err != nil {
		t.Fatal(err)
	}
	if n, err := f.Write([]byte("xy")); n != 2 || err != nil {
		t.Errorf("wrote %d, %v", n, err)
	}
	if b, _ := disk.Contents("/d/f"); string(b) != "axy" {
		t.Errorf("contents %q", b)
	}
	disk.SetFault(func(op, name string, n int) (int, error) { disk.PowerOff(); return 0, syscall.EIO })
	if err := f.Datasync(); !errors.Is(err, ErrPowerOff) {
		t.Errorf("synced: %v", err)
	}
	if files := disk.Crash(rand.New(rand.NewPCG(3, 3)), true).Files("/d"); len(files) > 1 || len(files) == 1 && !slices.Equal(files, []string{"f"}) {
		t.Errorf("files %v", files)
	}
}
