// SPDX-License-Identifier: BSD-3-Clause

package platform

import (
	"os"
	"strconv"
	"strings"
)

const oomScoreFile = "/proc/self/oom_score_adj"

// OOMScoreAdj is the process's value in /proc/self/oom_score_adj.
func OOMScoreAdj() (int, error) {
	b, err := os.ReadFile(oomScoreFile)
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(strings.TrimSpace(string(b)))
}

// SetOOMScoreAdj writes it, cut to -1000..1000. Lowering it takes a privilege.
func SetOOMScoreAdj(v int) error {
	v = min(max(v, -1000), 1000)
	f, err := os.OpenFile(oomScoreFile, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(strconv.Itoa(v) + "\n")
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	return err
}
