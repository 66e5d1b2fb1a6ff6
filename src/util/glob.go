// SPDX-License-Identifier: BSD-3-Clause

package util

// glob.go - Redis's glob-style patterns, byte by byte.
//
//	*        any bytes, also none
//	?        any byte
//	[ab^]    one of these; [^ab] none of these; [a-z] a range, in either order; \] inside is a plain ]
//	\x       x itself
//
// Corners that are part of the interface, since servers and clients have agreed on them for long:
//   - an empty string matches only the empty pattern, not even "*";
//   - a set without its closing bracket ends where the pattern ends;
//   - bytes of ranges compare as signed ones (C's char on x86): [a-\xff] spans -1 to 'a';
//   - an escaped byte in a set compares exactly even where case is ignored.
//
// Cost: a star forgets the one before it. Once what follows a star cannot be matched from anywhere in the rest of the string,
// a longer match of an earlier star only leaves less to match it in. So there is one place to go back to, and the work
// is at most len(pattern)*len(string) steps. Redis recurses at each star and gives up at 1,000; the count is
// kept here, so that both sides refuse the same patterns.

// globMaxStars is how many stars, not counting one that ends the pattern, can be in use in one match.
const globMaxStars = 1000

// StringMatchLen tells whether s matches the pattern (C: stringmatchlen).
func StringMatchLen[P, S ~string | ~[]byte](pattern P, s S, nocase bool) bool {
	p, i := 0, 0
	starP, starI, stars := -1, 0, 0
	for p < len(pattern) && i < len(s) {
		matched := false
		switch pattern[p] {
		case '*':
			for p+1 < len(pattern) && pattern[p+1] == '*' {
				p++
			}
			if p+1 == len(pattern) {
				return true
			}
			if stars++; stars > globMaxStars {
				return false
			}
			p++
			starP, starI = p, i
			continue
		case '?':
			matched = true
		case '[':
			p, matched = matchSet(pattern, p+1, s[i], nocase)
		case '\\':
			if p+1 < len(pattern) {
				p++
			}
			fallthrough
		default:
			matched = pattern[p] == s[i] || nocase && lower(pattern[p]) == lower(s[i])
		}
		if matched {
			p++
			i++
			if i < len(s) && p < len(pattern) {
				continue
			}
			if i == len(s) {
				for p < len(pattern) && pattern[p] == '*' {
					p++
				}
				return p == len(pattern)
			}
		}
		// A mismatch, or the pattern ended before the string: let the last star take one byte more.
		if starP < 0 {
			return false
		}
		starI++
		p, i = starP, starI
	}
	return p == len(pattern) && i == len(s)
}

// StringMatch is StringMatchLen for strings (C: stringmatch).
func StringMatch(pattern, s string, nocase bool) bool { return StringMatchLen(pattern, s, nocase) }

// matchSet tells whether c is in the set whose first byte after '[' is at p. end is the place of the closing
// bracket, or of the pattern's last byte where there is none.
func matchSet[P ~string | ~[]byte](pattern P, p int, c byte, nocase bool) (end int, matched bool) {
	negate := p < len(pattern) && pattern[p] == '^'
	if negate {
		p++
	}
	for {
		if p >= len(pattern) {
			p = len(pattern) - 1
			break
		}
		if pattern[p] == '\\' && p+1 < len(pattern) {
			p++
			if pattern[p] == c {
				matched = true
			}
		} else if pattern[p] == ']' {
			break
		} else if p+2 < len(pattern) && pattern[p+1] == '-' {
			from, to, x := int8(pattern[p]), int8(pattern[p+2]), int8(c)
			if from > to {
				from, to = to, from
			}
			if nocase {
				from, to, x = int8(lower(byte(from))), int8(lower(byte(to))), int8(lower(c))
			}
			p += 2
			if x >= from && x <= to {
				matched = true
			}
		} else if pattern[p] == c || nocase && lower(pattern[p]) == lower(c) {
			matched = true
		}
		p++
	}
	return p, matched != negate
}

func lower(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		c += 'a' - 'A'
	}
	return c
}
