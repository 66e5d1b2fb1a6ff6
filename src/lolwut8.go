// SPDX-License-Identifier: BSD-3-Clause

package server

// lolwut8.go - LOLWUT of version 8: a poem by rule, after the first ones that computers wrote in the 1960s.
//
// Fifteen verses belong to three voices (a machine room, the sea, a garden). A stanza draws ten of them
// at random, under two rules: no two in a row from the same voice, and the rhythms of neighbours must fit.

// tapeMarkVerse is a verse, and which of the verses may follow it.
type tapeMarkVerse struct {
	english, italian string
	successors       uint16 // a bit a verse
}

func verses(numbers ...int) (bits uint16) {
	for _, n := range numbers {
		bits |= 1 << n
	}
	return bits
}

var tapeMarkVerses = [...]tapeMarkVerse{
	// The machine room
	0: {"THE LAMPS   COUNT   IN TWOS", "LE LAMPADE   CONTANO   PER DUE", verses(8, 11, 12, 13, 14)},
	1: {"A KEY   WAITS FOR ITS VALUE", "UNA CHIAVE   ASPETTA IL SUO VALORE", verses(6, 7, 8, 9, 10, 13, 14)},
	2: {"THE TAPE   TURNS   TOWARDS MORNING", "IL NASTRO   GIRA   VERSO IL MATTINO", verses(6, 7, 8, 9, 10, 11, 12, 13, 14)},
	3: {"NOBODY   FORKS TONIGHT", "NESSUNO   SI DIVIDE STANOTTE", verses(6, 7, 11, 12)},
	4: {"THE LOG   SAYS   READY", "IL REGISTRO   DICE   PRONTO", verses(8, 11, 12, 13, 14)},
	// The sea
	5: {"A WAVE   IS COPIED   WHEN IT BREAKS", "UN ONDA   SI COPIA   QUANDO SI FRANGE", verses(0, 1, 2, 3, 4, 10, 13, 14)},
	6: {"SALT   ON THE ROPES", "SALE   SULLE FUNI", verses(0, 1, 2, 3, 4, 11, 12, 13, 14)},
	7: {"THE HARBOUR   HOLDS   EVERY BOAT BY NAME", "IL PORTO   TIENE   OGNI BARCA PER NOME", verses(0, 1, 2, 3, 4, 11, 12, 13, 14)},
	8: {"GULLS   WITHOUT   AN ORDER", "GABBIANI   SENZA   UN ORDINE", verses(1, 2, 3, 4, 11, 12, 13, 14)},
	9: {"THE TIDE   FORGETS   THE LEAST RECENT SHELL", "LA MAREA   SCORDA   LA CONCHIGLIA PIU ANTICA", verses(0, 1, 2, 4, 11, 12, 13, 14)},
	// The garden
	10: {"SEEDS   IN SORTED ROWS", "SEMI   IN FILE ORDINATE", verses(0, 1, 4, 5, 7)},
	11: {"WHAT EXPIRES   FEEDS   WHAT IS SET", "CIO CHE SCADE   NUTRE   CIO CHE NASCE", verses(0, 1, 4, 6, 7)},
	12: {"RAIN   PUBLISHES   TO ALL LEAVES", "LA PIOGGIA   PARLA   A TUTTE LE FOGLIE", verses(1, 2, 4, 5, 8)},
	13: {"I WATCH   ONE STEM   UNTIL IT CHANGES", "OSSERVO   UNO STELO   FINCHE CAMBIA", verses(0, 2, 3, 4, 5, 6, 7, 8, 9)},
	14: {"THE ROOTS   KEEP   A SMALL ALPHABET", "LE RADICI   TENGONO   UN PICCOLO ALFABETO", verses(0, 1, 3, 4, 5, 6, 7, 9)},
}

const tapeMarkStanza = 10

// tapeMark draws a stanza: the verses are shuffled, and at every step the first one in that order that may follow comes next. It
// is shorter if none may.
func (server *Server) tapeMark() []int {
	n := len(tapeMarkVerses)
	order := make([]int, n)
	for i := range order {
		j := server.random(i + 1)
		order[i] = order[j]
		order[j] = i
	}
	var stanza []int
	used := uint16(0)
	may := ^uint16(0)
	for len(stanza) < tapeMarkStanza {
		next := -1
		for _, v := range order {
			if may&^used>>v&1 == 1 {
				next = v
				break
			}
		}
		if next < 0 {
			break
		}
		stanza = append(stanza, next)
		used |= 1 << next
		may = tapeMarkVerses[next].successors
	}
	return stanza
}

// lolwut8Command: LOLWUT [IT]
func lolwut8Command(c *client, args [][]byte) {
	italian := len(args) > 0 && equalFold(args[0], "IT")
	var b []byte
	for _, v := range c.server.tapeMark() {
		text := tapeMarkVerses[v].english
		if italian {
			text = tapeMarkVerses[v].italian
		}
		b = append(b, " "+text+" \n"...)
	}
	b = append(b, "\nA stanza of a machine's poem, in the manner of 1961. LOLWUT IT says it in Italian. Redis ver. "+redisVersion+"\n\n"...)
	c.addReplyVerbatim(b, "txt")
}
