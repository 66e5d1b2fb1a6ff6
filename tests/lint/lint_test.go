// SPDX-License-Identifier: BSD-3-Clause

// Package lint holds the rules of the house that a compiler does not know, as tests over the files of the tree. CONTRIBUTING.md tells them to people.
package lint

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const maxLines = 1500

// file is a file of the tree; ast is nil for what is not Go.
type file struct {
	path string // from the root of the tree, with slashes
	data []byte
	set  *token.FileSet
	ast  *ast.File
}

func (f *file) line(pos token.Pos) int { return f.set.Position(pos).Line }

func (f *file) dir() string { return path.Dir(f.path) }

func (f *file) test() bool { return strings.HasSuffix(f.path, "_test.go") }

var generated = regexp.MustCompile(`(?m)^// Code generated .* DO NOT EDIT\.$`)

// tree reads all files that git knows or would add, so that build results and the files of test servers are not looked at.
func tree(t *testing.T) []*file {
	t.Helper()
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("git", "ls-files", "-co", "--exclude-standard", "-z")
	cmd.Dir = root
	out, err := cmd.Output()
	if err != nil {
		t.Skipf("git ls-files: %v", err)
	}
	var files []*file
	for name := range strings.SplitSeq(strings.TrimSuffix(string(out), "\x00"), "\x00") {
		data, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			continue // deleted, not committed
		}
		f := &file{path: name, data: data}
		if strings.HasSuffix(name, ".go") {
			f.set = token.NewFileSet()
			f.ast, err = parser.ParseFile(f.set, name, data, parser.ParseComments)
			if err != nil {
				t.Errorf("%v", err)
				continue
			}
		}
		files = append(files, f)
	}
	return files
}

func TestFirstLineIsTheLicence(t *testing.T) {
	const want = "SPDX-License-Identifier: BSD-3-Clause"
	for _, f := range tree(t) {
		lines := strings.SplitN(string(f.data), "\n", 4)
		first := lines[0]
		switch {
		case f.ast != nil:
			if len(lines) < 2 || first != "// "+want || lines[1] != "" {
				t.Errorf("%s: must begin with %q and a blank line", f.path, "// "+want)
			}
			continue
		case strings.HasPrefix(first, "#!") && len(lines) > 1:
			first = lines[1]
		case path.Ext(f.path) != ".tcl" && path.Base(f.path) != "Makefile":
			continue
		}
		if first != "# "+want {
			t.Errorf("%s: must begin with %q (after a #! line)", f.path, "# "+want)
		}
	}
}

func TestFilesAreNotTooLong(t *testing.T) {
	for _, f := range tree(t) {
		if f.ast == nil && path.Ext(f.path) != ".tcl" || generated.Match(f.data) {
			continue
		}
		if n := bytes.Count(f.data, []byte("\n")); n >= maxLines {
			t.Errorf("%s: %d lines; files stay under %d", f.path, n, maxLines)
		}
	}
}

// leaf tells whether a folder is that of a leaf package: all of src and deps but the server itself and the mains.
func leaf(dir string) bool {
	return strings.HasPrefix(dir, "deps/") || strings.HasPrefix(dir, "src/") && !strings.HasPrefix(dir, "src/cmd/")
}

func TestLeavesDoNotImportTheServer(t *testing.T) {
	for _, f := range tree(t) {
		if f.ast == nil || !leaf(f.dir()) {
			continue
		}
		for _, imp := range f.ast.Imports {
			if imp.Path.Value == `"redport/src"` {
				t.Errorf("%s:%d: a leaf package imports the server", f.path, f.line(imp.Pos()))
			}
		}
	}
}

func TestNoCgo(t *testing.T) {
	for _, f := range tree(t) {
		if f.ast == nil {
			continue
		}
		for _, imp := range f.ast.Imports {
			if imp.Path.Value == `"C"` {
				t.Errorf("%s:%d: cgo", f.path, f.line(imp.Pos()))
			}
		}
	}
}

// systemDependent are the packages that may know which system they are built for.
var systemDependent = []string{"src/platform", "src/ae", "src/anet", "src/zmalloc", "src/epoch"}

// A file name that ends in these is a build tag too.
var systemSuffix = regexp.MustCompile(`_(linux|windows|darwin|freebsd|openbsd|netbsd|dragonfly|solaris|illumos|aix|zos|unix|` +
	`amd64|arm64|386|arm|s390x|riscv64|ppc64|ppc64le|loong64)(_test)?\.go$`)

func TestSystemsAreKnownInFewPackages(t *testing.T) {
	for _, f := range tree(t) {
		if f.ast == nil || slices.ContainsFunc(systemDependent, func(dir string) bool {
			return f.dir() == dir || strings.HasPrefix(f.dir(), dir+"/")
		}) {
			continue
		}
		if systemSuffix.MatchString(f.path) {
			t.Errorf("%s: a file for one system outside %s", f.path, strings.Join(systemDependent, ", "))
		}
		for _, group := range f.ast.Comments {
			for _, c := range group.List {
				// The race detector and our own invariants tag are no systems.
				if expr, ok := strings.CutPrefix(c.Text, "//go:build "); ok && !regexp.MustCompile(`^!?(race|invariants|ignore)$`).MatchString(expr) {
					t.Errorf("%s:%d: a build tag outside %s", f.path, f.line(c.Pos()), strings.Join(systemDependent, ", "))
				}
			}
		}
		f.calls("runtime", []string{"GOOS"}, func(pos token.Pos, name string) {
			t.Errorf("%s:%d: %s outside %s", f.path, f.line(pos), name, strings.Join(systemDependent, ", "))
		})
	}
}

// calls finds uses of pkg.name, under whatever name the file imports pkg.
func (f *file) calls(pkg string, names []string, found func(token.Pos, string)) {
	local := ""
	for _, imp := range f.ast.Imports {
		if strings.Trim(imp.Path.Value, `"`) == pkg {
			local = path.Base(pkg)
			if imp.Name != nil {
				local = imp.Name.Name
			}
		}
	}
	if local == "" {
		return
	}
	ast.Inspect(f.ast, func(n ast.Node) bool {
		sel, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		if x, ok := sel.X.(*ast.Ident); ok && x.Name == local && slices.Contains(names, sel.Sel.Name) {
			found(sel.Pos(), pkg+"."+sel.Sel.Name)
		}
		return true
	})
}

func TestNothingChangesDirectory(t *testing.T) {
	for _, f := range tree(t) {
		if f.ast == nil || f.test() || !strings.HasPrefix(f.path, "src/") && !strings.HasPrefix(f.path, "deps/") {
			continue
		}
		for _, pkg := range []string{"os", "syscall", "golang.org/x/sys/unix", "golang.org/x/sys/windows"} {
			f.calls(pkg, []string{"Chdir", "Fchdir", "SetCurrentDirectory"}, func(pos token.Pos, name string) {
				t.Errorf("%s:%d: %s: several servers live in a process, join paths with the server's dir", f.path, f.line(pos), name)
			})
		}
	}
}

func TestTheServerStartsNoProcess(t *testing.T) {
	for _, f := range tree(t) {
		// Sentinel's scripts are the one exception.
		if f.ast == nil || f.test() || f.dir() != "src" || strings.HasPrefix(path.Base(f.path), "sentinel") {
			continue
		}
		for _, imp := range f.ast.Imports {
			if imp.Path.Value == `"os/exec"` {
				t.Errorf("%s:%d: os/exec", f.path, f.line(imp.Pos()))
			}
		}
		f.calls("os", []string{"StartProcess"}, func(pos token.Pos, name string) { t.Errorf("%s:%d: %s", f.path, f.line(pos), name) })
		f.calls("syscall", []string{"ForkExec", "StartProcess", "Exec"}, func(pos token.Pos, name string) {
			t.Errorf("%s:%d: %s", f.path, f.line(pos), name)
		})
	}
}

func TestOnePackageDocEach(t *testing.T) {
	docs := map[string][]string{}
	packages := map[string]bool{}
	for _, f := range tree(t) {
		if f.ast == nil || f.test() || strings.Contains(f.path, "testdata/") {
			continue
		}
		packages[f.dir()] = true
		if f.ast.Doc != nil {
			docs[f.dir()] = append(docs[f.dir()], path.Base(f.path))
		}
	}
	for dir := range packages {
		if n := len(docs[dir]); n != 1 {
			t.Errorf("%s: %d files have a package comment (%s); a file's own goes after the imports", dir, n, strings.Join(docs[dir], " "))
		}
	}
}

// TestGeneratedFilesAreFresh runs the generators and looks whether anything came out differently; it puts the old contents back.
func TestGeneratedFilesAreFresh(t *testing.T) {
	if testing.Short() {
		t.Skip("runs the generators")
	}
	var old []*file
	any := false
	for _, f := range tree(t) {
		if f.ast != nil && generated.Match(f.data) {
			old = append(old, f)
		}
		any = any || f.ast != nil && bytes.Contains(f.data, []byte("\n//go:generate "))
	}
	if !any {
		t.Skip("nothing is generated")
	}
	cmd := exec.Command("go", "generate", "./...")
	cmd.Dir = "../.."
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("go generate: %v\n%s", err, out)
	}
	for _, f := range old {
		name := filepath.Join("../..", f.path)
		now, err := os.ReadFile(name)
		if err == nil && bytes.Equal(now, f.data) {
			continue
		}
		t.Errorf("%s is not what `make generate` makes", f.path)
		if err := os.WriteFile(name, f.data, 0o644); err != nil {
			t.Error(err)
		}
	}
}
