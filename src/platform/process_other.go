// SPDX-License-Identifier: BSD-3-Clause

//go:build !unix

package platform

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Exec gives errors.ErrUnsupported: a process keeps its program.
func Exec(path string, argv, env []string) error { return errors.ErrUnsupported }

// CanWrite tells why this process cannot write to the file or directory, nil if it can. A directory passes if it exists.
func CanWrite(path string) error {
	info, err := os.Stat(path)
	if err != nil || info.IsDir() {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	return f.Close()
}

// CanExecute tells why this process cannot run the file, nil if it can. Windows goes by the name's extension.
func CanExecute(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	extensions := os.Getenv("PATHEXT")
	if extensions == "" {
		extensions = ".COM;.EXE;.BAT;.CMD"
	}
	for _, ext := range strings.Split(extensions, ";") {
		if strings.EqualFold(ext, filepath.Ext(path)) && !info.IsDir() {
			return nil
		}
	}
	return &os.PathError{Op: "access", Path: path, Err: fs.ErrPermission}
}

// ExitStatus tells how a process ended: by its exit code.
func ExitStatus(state *os.ProcessState) (code, signal int) { return state.ExitCode(), 0 }
