// SPDX-License-Identifier: BSD-3-Clause

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sort"
	"strings"
)

// declaration.go - the JSON form of a command, and reading it.

// command is one file: a command or a subcommand.
type command struct {
	Summary         string          `json:"summary"`
	Complexity      string          `json:"complexity"`
	Group           string          `json:"group"`
	Since           string          `json:"since"`
	Arity           int             `json:"arity"`
	Container       string          `json:"container"`
	Function        string          `json:"function"`
	GetKeysFunction string          `json:"get_keys_function"`
	History         [][2]string     `json:"history"`
	DocFlags        []string        `json:"doc_flags"`
	DeprecatedSince string          `json:"deprecated_since"`
	ReplacedBy      string          `json:"replaced_by"`
	CommandFlags    []string        `json:"command_flags"`
	ACLCategories   []string        `json:"acl_categories"`
	CommandTips     []string        `json:"command_tips"`
	KeySpecs        []keySpec       `json:"key_specs"`
	Arguments       []argument      `json:"arguments"`
	ReplySchema     json.RawMessage `json:"reply_schema"` // for tests; not in the tables

	name        string // upper case, as in the file
	subcommands []*command
}

type keySpec struct {
	Notes       string   `json:"notes"`
	Flags       []string `json:"flags"`
	BeginSearch struct {
		Index *struct {
			Pos int `json:"pos"`
		} `json:"index"`
		Keyword *struct {
			Keyword   string `json:"keyword"`
			StartFrom int    `json:"startfrom"`
		} `json:"keyword"`
		Unknown json.RawMessage `json:"unknown"`
	} `json:"begin_search"`
	FindKeys struct {
		Range *struct {
			LastKey int `json:"lastkey"`
			Step    int `json:"step"`
			Limit   int `json:"limit"`
		} `json:"range"`
		Keynum *struct {
			KeynumIdx int `json:"keynumidx"`
			FirstKey  int `json:"firstkey"`
			Step      int `json:"step"`
		} `json:"keynum"`
		Unknown json.RawMessage `json:"unknown"`
	} `json:"find_keys"`
}

type argument struct {
	Name            string     `json:"name"`
	Type            string     `json:"type"`
	Display         string     `json:"display"`
	KeySpecIndex    *int       `json:"key_spec_index"`
	Token           *string    `json:"token"` // may be the empty string, which is not the same as none
	Since           string     `json:"since"`
	DeprecatedSince string     `json:"deprecated_since"`
	Optional        bool       `json:"optional"`
	Multiple        bool       `json:"multiple"`
	MultipleToken   bool       `json:"multiple_token"`
	Arguments       []argument `json:"arguments"`
}

// fullname is the lower-case name, with its container where it has one: "config|get".
func (c *command) fullname() string {
	if c.Container == "" {
		return strings.ToLower(c.name)
	}
	return strings.ToLower(c.Container + "|" + c.name)
}

// load reads all declarations of a directory. The result holds the commands, sorted by name, with their
// subcommands, sorted likewise, inside.
func load(dir string) ([]*command, error) {
	paths, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil {
		return nil, err
	}
	if len(paths) == 0 {
		return nil, fmt.Errorf("no declarations in %s", dir)
	}
	var problems []error
	var subcommands, commands []*command
	byName := map[string]*command{}
	for _, path := range paths {
		c, err := loadFile(path)
		switch {
		case err != nil:
			problems = append(problems, fmt.Errorf("%s: %w", filepath.Base(path), err))
		case c.Container != "":
			subcommands = append(subcommands, c)
		default:
			commands = append(commands, c)
			byName[c.name] = c
		}
	}
	for _, sub := range subcommands {
		if parent := byName[sub.Container]; parent != nil {
			parent.subcommands = append(parent.subcommands, sub)
		} else {
			problems = append(problems, fmt.Errorf("%s: no container %s", sub.fullname(), sub.Container))
		}
	}
	byFirstName := func(list []*command) {
		sort.Slice(list, func(i, j int) bool { return list[i].fullname() < list[j].fullname() })
	}
	byFirstName(commands)
	for _, c := range commands {
		byFirstName(c.subcommands)
	}
	return commands, errors.Join(problems...)
}

// loadFile reads one declaration. Its file must bear its name, so no two files can declare the same command.
func loadFile(path string) (*command, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	if err := checkDuplicateKeys(text); err != nil {
		return nil, err
	}
	var object map[string]*command
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&object); err != nil {
		return nil, err
	}
	if len(object) != 1 {
		return nil, fmt.Errorf("%d commands declared, want one", len(object))
	}
	for name, c := range object {
		if c == nil {
			return nil, fmt.Errorf("%s is null", name)
		}
		c.name = name
		if want := strings.ReplaceAll(c.fullname(), "|", "-") + ".json"; filepath.Base(path) != want {
			return nil, fmt.Errorf("declares %s, which belongs in %s", c.fullname(), want)
		}
		return c, nil
	}
	panic("unreachable")
}

// checkDuplicateKeys refuses an object that has a key twice, which encoding/json would let pass, and anything
// behind the object.
func checkDuplicateKeys(text []byte) error {
	d := json.NewDecoder(bytes.NewReader(text))
	if err := walkValue(d); err != nil {
		return err
	}
	if _, err := d.Token(); err != io.EOF {
		return errors.New("text after the object")
	}
	return nil
}

func walkValue(d *json.Decoder) error {
	token, err := d.Token()
	if err != nil {
		return err
	}
	open, ok := token.(json.Delim)
	if !ok {
		return nil
	}
	seen := map[string]bool{}
	for d.More() {
		if open == '{' {
			key, err := d.Token()
			if err != nil {
				return err
			}
			name := key.(string)
			if seen[name] {
				return fmt.Errorf("key %q occurs twice", name)
			}
			seen[name] = true
		}
		if err := walkValue(d); err != nil {
			return err
		}
	}
	_, err = d.Token()
	return err
}
