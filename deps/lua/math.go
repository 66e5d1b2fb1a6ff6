// SPDX-License-Identifier: BSD-3-Clause

package lua

// The math library, with Redis's own random numbers, and os.clock.
//
// Counterpart: lmathlib.c, rand.c.

import (
	"math"
	"time"
)

// Random is the 48-bit linear congruential generator that Redis gives scripts in place
// of the C library's, so that they draw the same numbers everywhere.
type Random struct{ x uint64 }

const (
	rand48Mul  = 0x5DEECE66D
	rand48Add  = 0xB
	rand48Mask = 1<<48 - 1
	rand48Init = 0x1234ABCD330E
	// randMax is the largest number drawn (REDIS_LRAND48_MAX).
	randMax = math.MaxInt32
)

// NewRandom starts the sequence that a server begins with.
func NewRandom() *Random { return &Random{rand48Init} }

// Seed starts the sequence of a seed.
func (r *Random) Seed(v int32) { r.x = uint64(uint32(v))<<16 | 0x330E }

func (r *Random) next() int32 {
	r.x = (r.x*rand48Mul + rand48Add) & rand48Mask
	return int32(r.x >> 17)
}

// positiveNaNBits is C's NaN without a sign; Go's own has one more bit set, which bit operations would show.
const positiveNaNBits = 0x7FF8000000000000

func (s *State) openMath() {
	t := s.NewTable()
	one := func(name string, f func(float64) float64) {
		// Outside of their domain some C functions give NaN without a sign.
		positiveNaN := name == "acos" || name == "asin" || name == "log10"
		s.SetFunction(t, name, func(l *L) int {
			x := s.checkNumber(l, 1)
			r := f(x)
			switch {
			case !positiveNaN || math.IsNaN(x):
				r = invalid(r, x)
			case math.IsNaN(r):
				r = math.Float64frombits(positiveNaNBits)
			}
			l.Push(Number(r))
			return 1
		})
	}
	one("abs", math.Abs)
	one("acos", math.Acos)
	one("asin", math.Asin)
	one("atan", math.Atan)
	one("ceil", math.Ceil)
	one("cos", math.Cos)
	one("cosh", math.Cosh)
	one("deg", func(x float64) float64 { return x / (math.Pi / 180) })
	one("exp", math.Exp)
	one("floor", math.Floor)
	one("log", log)
	one("log10", log10)
	one("rad", func(x float64) float64 { return x * (math.Pi / 180) })
	one("sin", math.Sin)
	one("sinh", math.Sinh)
	one("sqrt", math.Sqrt)
	one("tan", math.Tan)
	one("tanh", math.Tanh)
	two := func(name string, f func(a, b float64) float64) {
		s.SetFunction(t, name, func(l *L) int {
			b := s.checkNumber(l, 2) // first, as in C
			a := s.checkNumber(l, 1)
			l.Push(Number(invalid(f(a, b), a, b)))
			return 1
		})
	}
	two("atan2", math.Atan2)
	two("fmod", math.Mod)
	two("mod", math.Mod)
	two("pow", power)
	s.setFunctions(t, map[string]GoFunction{
		"frexp": func(l *L) int {
			f, e := math.Frexp(s.checkNumber(l, 1))
			l.Push(Number(f))
			l.Push(Number(e))
			return 2
		},
		"ldexp": func(l *L) int {
			e := int(int32(s.checkInt(l, 2)))
			l.Push(Number(math.Ldexp(s.checkNumber(l, 1), e)))
			return 1
		},
		"modf": func(l *L) int {
			x := s.checkNumber(l, 1)
			i := math.Trunc(x)
			f := x - i
			if math.IsInf(x, 0) {
				f = 0
			}
			l.Push(Number(i))
			l.Push(Number(math.Copysign(f, x)))
			return 2
		},
		"max": func(l *L) int {
			m := s.checkNumber(l, 1)
			for i := 2; i <= l.GetTop(); i++ {
				if v := s.checkNumber(l, i); v > m {
					m = v
				}
			}
			l.Push(Number(m))
			return 1
		},
		"min": func(l *L) int {
			m := s.checkNumber(l, 1)
			for i := 2; i <= l.GetTop(); i++ {
				if v := s.checkNumber(l, i); v < m {
					m = v
				}
			}
			l.Push(Number(m))
			return 1
		},
		"random":     s.mathRandom,
		"randomseed": s.mathRandomseed,
	})
	t.RawSetString("pi", Number(math.Pi))
	t.RawSetString("huge", Number(math.Inf(1)))
	s.globals.RawSetString("math", s.ReadOnly(t))
}

func (s *State) mathRandom(l *L) int {
	r := float64(s.rnd.next()%randMax) / randMax
	switch l.GetTop() {
	case 0:
		l.Push(Number(r))
	case 1:
		u := float64(int32(s.checkInt(l, 1)))
		if u < 1 {
			return s.ArgError(l, 1, "interval is empty")
		}
		l.Push(Number(math.Floor(float64(r*u)) + 1))
	case 2:
		lo, u := float64(int32(s.checkInt(l, 1))), float64(int32(s.checkInt(l, 2))) // whose distance wraps around, as in C
		if lo > u {
			return s.ArgError(l, 2, "interval is empty")
		}
		l.Push(Number(math.Floor(float64(r*float64(int32(u)-int32(lo)+1))) + lo))
	default:
		return s.Errorf(l, "wrong number of arguments")
	}
	return 1
}

func (s *State) mathRandomseed(l *L) int {
	s.rnd.Seed(int32(s.checkInt(l, 1)))
	return 0
}

// osClock is the seconds that the process has run.
func (s *State) osClock(l *L) int {
	l.Push(Number(time.Since(s.born).Seconds()))
	return 1
}

// smallestNormal is the least positive float with all digits. On amd64 math.Log is wrong below it.
const smallestNormal = 0x1p-1022

func log(x float64) float64 {
	if x > 0 && x < smallestNormal {
		return math.Log(x*0x1p54) - 54*math.Ln2
	}
	return math.Log(x)
}

func log10(x float64) float64 {
	if x > 0 && x < smallestNormal {
		return math.Log10(x*0x1p54) - 54*(math.Ln2/math.Ln10)
	}
	return math.Log10(x)
}
