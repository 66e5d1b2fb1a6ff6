// SPDX-License-Identifier: BSD-3-Clause

package main

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/format"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// procs.go - writing commands_proc.go. A command is in it once its function exists in package server; one that
// is not written yet is only declared. A get_keys_function that is missing does not compile: without it the keys
// of a command would escape ACLs and the cluster.

const procsPath = "commands_proc.go"

// findFunctions lists the functions of package server that have the form func NAME(c *client).
func findFunctions(dir string) (map[string]bool, error) {
	paths, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		return nil, err
	}
	functions := map[string]bool{}
	for _, path := range paths {
		if base := filepath.Base(path); strings.HasSuffix(base, "_test.go") || base == procsPath {
			continue
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), path, text, parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		for _, d := range parsed.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && isCommandFunction(f) {
				functions[f.Name.Name] = true
			}
		}
	}
	return functions, nil
}

func isCommandFunction(f *ast.FuncDecl) bool {
	if f.Recv != nil || f.Type.TypeParams != nil || f.Type.Results != nil || len(f.Type.Params.List) != 1 {
		return false
	}
	p := f.Type.Params.List[0]
	star, ok := p.Type.(*ast.StarExpr)
	if !ok || len(p.Names) > 1 {
		return false
	}
	name, ok := star.X.(*ast.Ident)
	return ok && name.Name == "client"
}

func emitProcs(list []*command, functions map[string]bool) ([]byte, error) {
	var b bytes.Buffer
	var keys []string
	b.WriteString(header + "package server\n\n")
	b.WriteString("// commandProcs lists the function of each command that has one. It is a function and no variable: a table\n")
	b.WriteString("// of functions that can reach the table would be an initialization cycle.\n")
	b.WriteString("func commandProcs() []commandProc {\nreturn []commandProc{\n")
	emit := func(c *command) {
		if functions[c.Function] {
			fmt.Fprintf(&b, "{%q, %s},\n", c.fullname(), c.Function)
		}
		if c.GetKeysFunction != "" {
			keys = append(keys, c.GetKeysFunction)
		}
	}
	for _, c := range list {
		emit(c)
		for _, sub := range c.subcommands {
			emit(sub)
		}
	}
	b.WriteString("}\n}\n\n")
	slices.Sort(keys)
	b.WriteString("// callGetkeysProc calls the function that a declaration names as its get_keys_function. The calls are direct, so\n")
	b.WriteString("// that a caller's array of keys can stay on the stack.\n")
	b.WriteString("func callGetkeysProc(name string, argv [][]byte, keys []keyReference) []keyReference {\nswitch name {\n")
	for _, name := range slices.Compact(keys) {
		fmt.Fprintf(&b, "case %q:\nreturn %s(argv, keys)\n", name, name)
	}
	b.WriteString("}\nreturn keys\n}\n")
	return format.Source(b.Bytes())
}
