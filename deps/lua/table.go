// SPDX-License-Identifier: BSD-3-Clause

package lua

// The table library.
//
// Counterpart: ltablib.c.

import (
	"math"
	"strings"

	glua "github.com/yuin/gopher-lua"
)

func (s *State) openTable() {
	t := s.NewTable()
	s.setFunctions(t, map[string]GoFunction{
		"concat":   s.tableConcat,
		"foreach":  s.tableForeach,
		"foreachi": s.tableForeachi,
		"getn":     s.tableGetn,
		"insert":   s.tableInsert,
		"maxn":     s.tableMaxn,
		"remove":   s.tableRemove,
		"setn":     s.tableSetn,
		"sort":     s.tableSort,
	})
	s.globals.RawSetString("table", s.ReadOnly(t))
}

// rawIndex reads t[i] for any integer.
func rawIndex(t *Table, i int) Value {
	if i > 0 && i < glua.MaxArrayIndex {
		return t.RawGetInt(i)
	}
	return t.RawGet(Number(i))
}

func (s *State) tableConcat(l *L) int {
	sep := s.optString(l, 2, "")
	t := s.realTable(s.checkTable(l, 1))
	i := s.optInt(l, 3, 1)
	e := 0
	if l.Get(4) == Nil {
		e = t.Len()
	} else {
		e = s.checkInt(l, 4)
	}
	i, e = int(int32(i)), int(int32(e))
	var b strings.Builder
	var num [32]byte
	for ; i <= e; i++ {
		switch v := rawIndex(t, i).(type) {
		case String:
			b.WriteString(string(v))
		case Number:
			b.Write(appendNumber(num[:0], float64(v)))
		default:
			return s.Errorf(l, "invalid value (%s) at index %d in table for 'concat'", TypeName(v), i)
		}
		if i == e {
			break
		}
		b.WriteString(sep)
		if b.Len() > maxString {
			return s.Throw(l, String("not enough memory"))
		}
		s.spend(1)
	}
	l.Push(String(b.String()))
	return 1
}

func (s *State) tableForeach(l *L) int {
	t := s.realTable(s.checkTable(l, 1))
	fn := s.checkFunction(l, 2)
	for k, v := t.Next(Nil); k != Nil; k, v = t.Next(k) {
		if r := s.call(l, fn, k, v); r != Nil {
			l.Push(r)
			return 1
		}
		s.spend(1)
	}
	return 0
}

func (s *State) tableForeachi(l *L) int {
	t := s.realTable(s.checkTable(l, 1))
	n := t.Len()
	fn := s.checkFunction(l, 2)
	for i := 1; i <= n; i++ {
		if r := s.call(l, fn, Number(i), rawIndex(t, i)); r != Nil {
			l.Push(r)
			return 1
		}
		s.spend(1)
	}
	return 0
}

func (s *State) tableGetn(l *L) int {
	l.Push(Number(s.realTable(s.checkTable(l, 1)).Len()))
	return 1
}

func (s *State) tableSetn(l *L) int {
	s.checkTable(l, 1)
	return s.Errorf(l, "'setn' is obsolete")
}

func (s *State) tableMaxn(l *L) int {
	t := s.realTable(s.checkTable(l, 1))
	m := 0.0
	for k, _ := t.Next(Nil); k != Nil; k, _ = t.Next(k) {
		if n, ok := k.(Number); ok {
			m = math.Max(m, float64(n))
		}
	}
	l.Push(Number(m))
	return 1
}

func (s *State) tableInsert(l *L) int {
	t := s.checkTable(l, 1)
	real := s.realTable(t)
	n := real.Len()
	switch l.GetTop() {
	case 2:
		s.writable(l, t)
		if v := l.Get(2); v != Nil {
			t.RawSetInt(n+1, v)
		}
	case 3:
		pos := int(int32(s.checkInt(l, 2)))
		s.writable(l, t)
		v := l.Get(3)
		switch {
		case pos > n:
			t.RawSet(Number(pos), v)
		case pos >= 1:
			t.Insert(pos, v)
		default:
			for i := n + 1; i > pos; i-- {
				t.RawSet(Number(i), rawIndex(t, i-1))
				s.spend(1)
			}
			t.RawSet(Number(pos), v)
		}
	default:
		return s.Errorf(l, "wrong number of arguments to 'insert'")
	}
	return 0
}

func (s *State) tableRemove(l *L) int {
	t := s.checkTable(l, 1)
	n := s.realTable(t).Len()
	pos := int(int32(s.optInt(l, 2, n)))
	if pos < 1 || pos > n {
		return 0
	}
	s.writable(l, t)
	l.Push(t.Remove(pos))
	return 1
}

// --- sort ---

// sorter is Lua's quicksort. It makes the comparisons that C makes, in C's order, so
// that elements that compare equal end up where C puts them and a comparison function
// with side effects sees the same calls.
type sorter struct {
	s    *State
	l    *L
	less *Function
	a    []Value // a[i] is element i; a[0] is not used
	t    *Table
}

func (s *State) tableSort(l *L) int {
	t := s.checkTable(l, 1)
	n := s.realTable(t).Len()
	var less *Function
	if l.Get(2) != Nil {
		less = s.checkFunction(l, 2)
	}
	if n > 1 {
		s.writable(l, t)
	}
	q := sorter{s: s, l: l, less: less, a: make([]Value, n+1), t: t}
	for i := 1; i <= n; i++ {
		q.a[i] = t.RawGetInt(i)
	}
	// Even a sort that fails leaves its work behind.
	defer func() {
		for i := 1; i <= n; i++ {
			t.RawSetInt(i, q.a[i])
		}
	}()
	q.sort(1, n)
	return 0
}

func (q *sorter) lt(a, b Value) bool {
	q.s.spend(1)
	if q.less != nil {
		return glua.LVAsBool(q.s.call(q.l, q.less, a, b))
	}
	switch x := a.(type) {
	case Number:
		if y, ok := b.(Number); ok {
			return x < y
		}
	case String:
		if y, ok := b.(String); ok {
			return x < y
		}
	case *Table, *UserData:
		return q.l.LessThan(a, b)
	}
	q.s.Throw(q.l, String(compareText(TypeName(a), TypeName(b))))
	return false
}

// at is element i, or what is in the table beside the array: functions that contradict themselves lead C there, too.
func (q *sorter) at(i int) Value {
	if i > 0 && i < len(q.a) {
		return q.a[i]
	}
	return q.t.RawGetInt(i)
}

func (q *sorter) swap(i, j int) { q.a[i], q.a[j] = q.a[j], q.a[i] }

func (q *sorter) sort(lo, hi int) {
	for lo < hi {
		// The ends and the middle in order; the middle is the pivot.
		if q.lt(q.a[hi], q.a[lo]) {
			q.swap(lo, hi)
		}
		if hi-lo == 1 {
			return
		}
		mid := (lo + hi) / 2
		if q.lt(q.a[mid], q.a[lo]) {
			q.swap(mid, lo)
		} else if q.lt(q.a[hi], q.a[mid]) {
			q.swap(mid, hi)
		}
		if hi-lo == 2 {
			return
		}
		pivot := q.a[mid]
		q.swap(mid, hi-1)
		i, j := lo, hi-1
		for {
			for i++; q.lt(q.at(i), pivot); i++ {
				if i > hi {
					q.s.Errorf(q.l, "invalid order function for sorting")
				}
			}
			for j--; q.lt(pivot, q.at(j)); j-- {
				if j < lo {
					q.s.Errorf(q.l, "invalid order function for sorting")
				}
			}
			if j < i {
				break
			}
			q.swap(i, j)
		}
		if i < len(q.a) {
			q.swap(hi-1, i)
		} else {
			v := q.at(i)
			q.t.RawSetInt(i, q.a[hi-1])
			q.a[hi-1] = v
		}
		// The smaller part by recursion, the larger in this loop.
		if i-lo < hi-i {
			q.sort(lo, i-1)
			lo = i + 1
		} else {
			q.sort(i+1, hi)
			hi = i - 1
		}
	}
}
