// SPDX-License-Identifier: BSD-3-Clause

// Command generate-command-code makes the command tables from the declarations in src/commands/*.json:
//
//	src/commands/commands_def.go  the tables, as literals
//	src/commands_proc.go          which Go function runs which command
//
// It is strict: an unknown key, flag or group, an arity that does not fit the arguments, a key spec that no
// argument uses and the like make it fail, with all complaints at once. The output depends on the
// declarations and on the names of the functions in src/*.go only, so running it twice changes nothing.
package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run() error {
	root, err := findRoot()
	if err != nil {
		return err
	}
	files, err := generate(root)
	if err != nil {
		return err
	}
	for _, f := range files {
		if err := writeIfChanged(filepath.Join(root, f.path), f.text); err != nil {
			return err
		}
	}
	return nil
}

// file is one output, its path relative to the root of the repository.
type file struct {
	path string
	text []byte
}

// generate makes the outputs without writing them.
func generate(root string) ([]file, error) {
	commands, err := load(filepath.Join(root, "src", "commands"))
	if err != nil {
		return nil, err
	}
	if err := check(commands); err != nil {
		return nil, err
	}
	functions, err := findFunctions(filepath.Join(root, "src"))
	if err != nil {
		return nil, err
	}
	def, err := emitTables(commands)
	if err != nil {
		return nil, err
	}
	proc, err := emitProcs(commands, functions)
	if err != nil {
		return nil, err
	}
	return []file{
		{filepath.Join("src", "commands", "commands_def.go"), def},
		{filepath.Join("src", "commands_proc.go"), proc},
	}, nil
}

// findRoot walks up to the directory of go.mod: the program runs from anywhere inside the repository.
func findRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", errors.New("no go.mod in this directory or above it")
		}
		dir = parent
	}
}

// writeIfChanged leaves the time of an up-to-date file alone, which keeps build caches warm.
func writeIfChanged(path string, text []byte) error {
	if old, err := os.ReadFile(path); err == nil && string(old) == string(text) {
		return nil
	}
	return os.WriteFile(path, text, 0o644)
}
