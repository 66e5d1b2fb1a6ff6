// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"bytes"
	"math/rand/v2"
	"testing"
)

func TestReplyBlockSize(t *testing.T) {
	for n, want := range map[int]int{
		0: 20480 - 16, 1: 20480 - 16, 16384: 20480 - 16, 20464: 20480 - 16, 20465: 24576 - 16, 32752: 32768 - 16, 32753: 40960 - 16, 100000: 114688 - 16,
	} {
		if got := replyBlockSize(n); got != want {
			t.Errorf("%d bytes: %d instead of %d", n, got, want)
		}
	}
	if replyBlockSize(0) != commonReplyBlock {
		t.Error("commonReplyBlock is not the common size")
	}
}

// However much of what Outputs offers is taken at a time, every byte is sent once and in order.
func TestOutputsInAnyPieces(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	server := idleServer(t)
	c := server.fakeClient()
	for range 200 {
		var want, got []byte
		for range r.IntN(12) {
			s := bytes.Repeat([]byte{byte('a' + r.IntN(26))}, r.IntN(1+r.IntN(60000)))
			switch r.IntN(3) {
			case 0:
				d := c.addReplyDeferredLen()
				c.addReplyBulkBytes(s)
				c.setDeferredArrayLen(d, 1)
				want = append(want, "*1\r\n"...)
			case 1:
				c.addReplyBulkBytes(s)
			default:
				c.addReplyProto(s)
				want = append(want, s...)
				continue
			}
			want = appendBulkReply(want, s)
		}
		for {
			vec := make([][]byte, 0, 1+r.IntN(8))
			limit := 1 + r.IntN(100000)
			vec = c.Outputs(vec, limit)
			if len(vec) == 0 {
				break
			}
			offer := bytes.Join(vec, nil)
			if len(offer)-len(vec[len(vec)-1]) >= limit {
				t.Fatalf("%d bytes offered in %d pieces, asked for %d", len(offer), len(vec), limit)
			}
			n := r.IntN(len(offer) + 1)
			if r.IntN(2) == 0 {
				n = len(offer)
			}
			got = append(got, offer[:n]...)
			c.Wrote(n)
		}
		if !bytes.Equal(got, want) {
			t.Fatalf("%d bytes sent, %d were to be", len(got), len(want))
		}
		if c.replyBytes != 0 || c.clientHasPendingReplies() {
			t.Fatalf("%d bytes left in the account", c.replyBytes)
		}
	}
}
