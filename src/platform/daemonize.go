// SPDX-License-Identifier: BSD-3-Clause

package platform

// daemonize.go - `daemonize yes`. The contract is in platform.go.
//
// Go programs cannot fork: threads other than the calling one would be missing in the child. The program starts itself once more
// instead, with the same arguments, detached from the terminal; the environment tells the second one. Nothing may
// have been opened or served before that. What the first one has read from standard input, the second gets there again.

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
)

// daemonMark is in the environment of the process that is detached.
const daemonMark = "REDPORT_DAEMONIZED"

// Daemonized tells whether this process is the detached one.
func Daemonized() bool { return os.Getenv(daemonMark) != "" }

// Daemonize starts the program again, in the background: after nil the caller exits with 0.
func Daemonize() error { return DaemonizeWithInput(nil) }

// DaemonizeWithInput is Daemonize for a program that has read input from its standard input (a configuration of "-").
func DaemonizeWithInput(input []byte) error {
	path, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := &exec.Cmd{Path: path, Args: os.Args, Env: append(os.Environ(), daemonMark+"=1")}
	if cmd.SysProcAttr = detachedAttr(); cmd.SysProcAttr == nil {
		return errors.ErrUnsupported
	}
	if len(input) == 0 {
		if err := cmd.Start(); err != nil {
			return err
		}
		return cmd.Process.Release()
	}
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	cmd.Stdin = r
	err = cmd.Start()
	r.Close()
	if err == nil {
		// What does not fit into the pipe waits for the other one to read.
		_, err = io.Copy(w, bytes.NewReader(input))
	}
	return errors.Join(err, w.Close())
}
