// SPDX-License-Identifier: BSD-3-Clause

package platform

// affinity.go - lists of processors. The contract is in platform.go. Counterpart: setcpuaffinity.c.

import (
	"errors"
	"fmt"
)

// maxCPU bounds the processors that can be named, as the size of C's cpu_set_t does.
const maxCPU = 1024

// ErrCPUList tells that a list of processors is not one.
var ErrCPUList = errors.New("invalid CPU list")

// ParseCPUList reads lists as taskset(1) takes them: "1,3", "0-3,8-11", "0-10:2" for every second one.
func ParseCPUList(list string) ([]int, error) {
	var cpus []int
	p := 0
	number := func() (int, bool) {
		start, n := p, 0
		for ; p < len(list) && list[p] >= '0' && list[p] <= '9'; p++ {
			n = min(n*10+int(list[p]-'0'), maxCPU)
		}
		return n, p > start
	}
	for {
		from, ok := number()
		if !ok {
			return nil, fmt.Errorf("%w: %q", ErrCPUList, list)
		}
		to, step := from, 1
		if p < len(list) && list[p] == '-' {
			p++
			if to, ok = number(); !ok {
				return nil, fmt.Errorf("%w: %q", ErrCPUList, list)
			}
			if p < len(list) && list[p] == ':' {
				p++
				if step, ok = number(); !ok || step == 0 {
					return nil, fmt.Errorf("%w: %q", ErrCPUList, list)
				}
			}
		}
		if from > to || to >= maxCPU {
			return nil, fmt.Errorf("%w: %q", ErrCPUList, list)
		}
		for ; from <= to; from += step {
			cpus = append(cpus, from)
		}
		if p == len(list) {
			return cpus, nil
		}
		if list[p] != ',' {
			return nil, fmt.Errorf("%w: %q", ErrCPUList, list)
		}
		p++
	}
}

// SetCPUAffinity lets the calling thread run on the listed processors only; an empty list changes nothing. The goroutine has to be
// locked to its thread. Threads that Go starts later may inherit it or not.
func SetCPUAffinity(list string) error {
	if list == "" {
		return nil
	}
	cpus, err := ParseCPUList(list)
	if err != nil {
		return err
	}
	return setAffinity(cpus)
}
