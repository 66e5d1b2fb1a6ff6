// SPDX-License-Identifier: BSD-3-Clause

package connection

// tls_ciphers.go - OpenSSL's cipher lists. The language (names, groups, `+` between them, `!`, `-`, `+`, `@STRENGTH`,
// `@SECLEVEL`) is the one of OpenSSL's ciphers(1); the suites are those that crypto/tls has. A name that OpenSSL knows
// and crypto/tls does not adds nothing, as an unknown name adds nothing in OpenSSL.

import (
	"crypto/tls"
	"errors"
	"slices"
	"strings"
)

// cipherSuite is a suite up to TLS 1.2, by the properties that groups are made of.
type cipherSuite struct {
	name    string // OpenSSL's
	id      uint16
	kx      string // "ECDHE" or "RSA"
	au      string // "RSA" or "ECDSA"
	enc     string // "AES128", "AES256", "CHACHA20", "3DES", "RC4"
	mac     string // "AEAD", "SHA1", "SHA256"
	tls12   bool   // not below TLS 1.2
	bits    int    // of strength
	defined bool   // in DEFAULT
}

// ciphers is in OpenSSL's default order of preference.
var ciphers = []cipherSuite{
	{"ECDHE-ECDSA-AES256-GCM-SHA384", tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, "ECDHE", "ECDSA", "AES256", "AEAD", true, 256, true},
	{"ECDHE-RSA-AES256-GCM-SHA384", tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, "ECDHE", "RSA", "AES256", "AEAD", true, 256, true},
	{"ECDHE-ECDSA-CHACHA20-POLY1305", tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, "ECDHE", "ECDSA", "CHACHA20", "AEAD", true, 256, true},
	{"ECDHE-RSA-CHACHA20-POLY1305", tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256, "ECDHE", "RSA", "CHACHA20", "AEAD", true, 256, true},
	{"ECDHE-ECDSA-AES128-GCM-SHA256", tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, "ECDHE", "ECDSA", "AES128", "AEAD", true, 128, true},
	{"ECDHE-RSA-AES128-GCM-SHA256", tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, "ECDHE", "RSA", "AES128", "AEAD", true, 128, true},
	{"ECDHE-ECDSA-AES128-SHA256", tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256, "ECDHE", "ECDSA", "AES128", "SHA256", true, 128, true},
	{"ECDHE-RSA-AES128-SHA256", tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256, "ECDHE", "RSA", "AES128", "SHA256", true, 128, true},
	{"ECDHE-ECDSA-AES256-SHA", tls.TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA, "ECDHE", "ECDSA", "AES256", "SHA1", false, 256, true},
	{"ECDHE-RSA-AES256-SHA", tls.TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA, "ECDHE", "RSA", "AES256", "SHA1", false, 256, true},
	{"ECDHE-ECDSA-AES128-SHA", tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA, "ECDHE", "ECDSA", "AES128", "SHA1", false, 128, true},
	{"ECDHE-RSA-AES128-SHA", tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA, "ECDHE", "RSA", "AES128", "SHA1", false, 128, true},
	{"AES256-GCM-SHA384", tls.TLS_RSA_WITH_AES_256_GCM_SHA384, "RSA", "RSA", "AES256", "AEAD", true, 256, true},
	{"AES128-GCM-SHA256", tls.TLS_RSA_WITH_AES_128_GCM_SHA256, "RSA", "RSA", "AES128", "AEAD", true, 128, true},
	{"AES128-SHA256", tls.TLS_RSA_WITH_AES_128_CBC_SHA256, "RSA", "RSA", "AES128", "SHA256", true, 128, true},
	{"AES256-SHA", tls.TLS_RSA_WITH_AES_256_CBC_SHA, "RSA", "RSA", "AES256", "SHA1", false, 256, true},
	{"AES128-SHA", tls.TLS_RSA_WITH_AES_128_CBC_SHA, "RSA", "RSA", "AES128", "SHA1", false, 128, true},
	{"ECDHE-RSA-DES-CBC3-SHA", tls.TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA, "ECDHE", "RSA", "3DES", "SHA1", false, 112, false},
	{"DES-CBC3-SHA", tls.TLS_RSA_WITH_3DES_EDE_CBC_SHA, "RSA", "RSA", "3DES", "SHA1", false, 112, false},
	{"ECDHE-ECDSA-RC4-SHA", tls.TLS_ECDHE_ECDSA_WITH_RC4_128_SHA, "ECDHE", "ECDSA", "RC4", "SHA1", false, 128, false},
	{"ECDHE-RSA-RC4-SHA", tls.TLS_ECDHE_RSA_WITH_RC4_128_SHA, "ECDHE", "RSA", "RC4", "SHA1", false, 128, false},
	{"RC4-SHA", tls.TLS_RSA_WITH_RC4_128_SHA, "RSA", "RSA", "RC4", "SHA1", false, 128, false},
}

var ciphers13 = []struct {
	name string
	id   uint16
}{
	{"TLS_AES_256_GCM_SHA384", tls.TLS_AES_256_GCM_SHA384},
	{"TLS_CHACHA20_POLY1305_SHA256", tls.TLS_CHACHA20_POLY1305_SHA256},
	{"TLS_AES_128_GCM_SHA256", tls.TLS_AES_128_GCM_SHA256},
}

func cipherByID(id uint16) *cipherSuite {
	for i := range ciphers {
		if ciphers[i].id == id {
			return &ciphers[i]
		}
	}
	return nil
}

func suite13ByID(id uint16) string {
	for _, s := range ciphers13 {
		if s.id == id {
			return s.name
		}
	}
	return ""
}

// CipherName is the name of a suite as OpenSSL has it.
func CipherName(id uint16) string {
	if s := suite13ByID(id); s != "" {
		return s
	}
	if c := cipherByID(id); c != nil {
		return c.name
	}
	return tls.CipherSuiteName(id)
}

// in tells whether the suite is of the group or has the name. Group names are case sensitive, as in OpenSSL.
func (c *cipherSuite) in(group string) bool {
	switch group {
	case c.name:
		return true
	case "ALL":
		return true
	case "DEFAULT":
		return c.defined
	case "COMPLEMENTOFDEFAULT":
		return !c.defined
	case "HIGH":
		return c.enc != "RC4" && c.enc != "3DES"
	case "MEDIUM":
		return c.enc == "RC4" || c.enc == "3DES"
	case "ECDHE", "EECDH", "kECDHE", "kEECDH", "ECDH", "kECDH":
		return c.kx == "ECDHE"
	case "RSA", "kRSA":
		return c.kx == "RSA"
	case "aRSA":
		return c.au == "RSA"
	case "ECDSA", "aECDSA":
		return c.au == "ECDSA"
	case "AES":
		return c.enc == "AES128" || c.enc == "AES256"
	case "AES128", "AES256", "CHACHA20", "3DES", "RC4":
		return c.enc == group
	case "AESGCM":
		return c.mac == "AEAD" && c.enc != "CHACHA20"
	case "CBC":
		return c.mac != "AEAD" && c.enc != "RC4"
	case "SHA", "SHA1":
		return c.mac == "SHA1"
	case "SHA256":
		return c.mac == "SHA256"
	case "FIPS":
		return c.enc != "RC4" && c.enc != "CHACHA20"
	case "TLSv1.2":
		return c.tls12
	case "TLSv1", "TLSv1.0":
		return !c.tls12 && c.kx == "ECDHE"
	case "SSLv3":
		return !c.tls12 && c.kx == "RSA"
	}
	return false
}

// parseCipherList gives the ids of the suites that a list selects, in its order.
func parseCipherList(list string) ([]uint16, error) {
	var active []*cipherSuite
	killed := map[uint16]bool{}
	for _, word := range strings.FieldsFunc(list, func(r rune) bool { return strings.ContainsRune(": ,;", r) }) {
		op := byte(0)
		if strings.IndexByte("!-+@", word[0]) >= 0 {
			op, word = word[0], word[1:]
		}
		if op == '@' {
			switch {
			case word == "STRENGTH":
				slices.SortStableFunc(active, func(a, b *cipherSuite) int { return b.bits - a.bits })
			case strings.HasPrefix(word, "SECLEVEL=") && len(word) == 10 && word[9] >= '0' && word[9] <= '5':
			default:
				return nil, errors.New("unknown command @" + word)
			}
			continue
		}
		selected := func(c *cipherSuite) bool {
			for _, group := range strings.Split(word, "+") {
				if !c.in(group) {
					return false
				}
			}
			return true
		}
		switch op {
		case '!', '-':
			active = slices.DeleteFunc(active, selected)
			for i := range ciphers {
				if op == '!' && selected(&ciphers[i]) {
					killed[ciphers[i].id] = true
				}
			}
		case '+':
			var stay, move []*cipherSuite
			for _, c := range active {
				if selected(c) {
					move = append(move, c)
				} else {
					stay = append(stay, c)
				}
			}
			active = append(stay, move...)
		default:
			for i := range ciphers {
				c := &ciphers[i]
				if selected(c) && !killed[c.id] && !slices.Contains(active, c) {
					active = append(active, c)
				}
			}
		}
	}
	ids := make([]uint16, len(active))
	for i, c := range active {
		ids[i] = c.id
	}
	return ids, nil
}

// parseCipherSuites gives the ids of TLS 1.3 suites; any other name is an error. The two CCM suites, which crypto/tls
// does not have, are passed over.
func parseCipherSuites(list string) ([]uint16, error) {
	ids := []uint16{}
next:
	for _, name := range strings.Split(list, ":") {
		for _, s := range ciphers13 {
			if s.name == name {
				ids = append(ids, s.id)
				continue next
			}
		}
		if name != "TLS_AES_128_CCM_SHA256" && name != "TLS_AES_128_CCM_8_SHA256" {
			return nil, errors.New("no cipher match")
		}
	}
	return ids, nil
}
