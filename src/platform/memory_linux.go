// SPDX-License-Identifier: BSD-3-Clause

package platform

import (
	"bufio"
	"bytes"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// ResidentSetSize is the second field of /proc/self/statm.
func ResidentSetSize() uint64 { return statm(1) }

// VirtualSize is the first field of /proc/self/statm.
func VirtualSize() uint64 { return statm(0) }

func statm(field int) uint64 {
	// One read into a buffer of our own: this runs ten times a second and more.
	fd, err := unix.Open("/proc/self/statm", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return 0
	}
	defer unix.Close(fd)
	var buf [128]byte
	n, err := unix.Read(fd, buf[:])
	if err != nil || n <= 0 {
		return 0
	}
	fields := buf[:n]
	for ; field > 0; field-- {
		space := bytes.IndexByte(fields, ' ')
		if space < 0 {
			return 0
		}
		fields = fields[space+1:]
	}
	pages := uint64(0)
	for i := 0; i < len(fields) && fields[i] >= '0' && fields[i] <= '9'; i++ {
		pages = pages*10 + uint64(fields[i]-'0')
	}
	return pages * uint64(os.Getpagesize())
}

// TotalSystemMemory is the machine's memory, whatever a container may use of it.
func TotalSystemMemory() uint64 {
	var info unix.Sysinfo_t
	if err := unix.Sysinfo(&info); err != nil {
		return 0
	}
	return uint64(info.Totalram) * uint64(info.Unit)
}

// SmapsBytes sums a field of /proc/<pid>/smaps, such as "Private_Dirty:", 0 for this process (C: zmalloc_get_smap_bytes_by_field). It
// can take a second for a big process.
func SmapsBytes(field string, pid int) uint64 {
	name := "self"
	if pid > 0 {
		name = strconv.Itoa(pid)
	}
	// The kernel has made the sum where smaps_rollup exists.
	f, err := os.Open("/proc/" + name + "/smaps_rollup")
	if err != nil {
		if f, err = os.Open("/proc/" + name + "/smaps"); err != nil {
			return 0
		}
	}
	defer f.Close()
	sum := uint64(0)
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		if rest, ok := strings.CutPrefix(lines.Text(), field); ok {
			kb, _ := strconv.ParseUint(strings.TrimSpace(strings.TrimSuffix(rest, "kB")), 10, 64)
			sum += kb << 10
		}
	}
	return sum
}
