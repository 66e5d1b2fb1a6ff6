// SPDX-License-Identifier: BSD-3-Clause

package sparkline

import "testing"

func TestRender(t *testing.T) {
	tests := []struct {
		name    string
		values  []float64
		labels  []string
		columns int
		rows    int
		flags   int
		want    string
	}{
		{"nothing", nil, nil, 10, 2, 0, ""},
		{"all the same", []float64{5, 5}, nil, 10, 2, Fill, "  \n__\n"},
		{"a line", []float64{0, 1, 2, 3, 4, 5}, nil, 10, 2, 0, "   _-`\n_-`   \n"},
		{"a filled line", []float64{0, 1, 2, 3, 4, 5}, nil, 10, 2, Fill, "   _o#\n_o#|||\n"},
		{"labels", []float64{0, 9}, []string{"1s", "12m"}, 10, 1, Fill, "_#\n  \n11\ns2\n m\n"},
		{"blocks", []float64{0, 9, 0}, nil, 2, 1, Fill, "_#\n\n_\n"},
	}
	for _, test := range tests {
		var s Sequence
		for i, v := range test.values {
			label := ""
			if test.labels != nil {
				label = test.labels[i]
			}
			s.Add(v, label)
		}
		if got := string(s.Render(nil, test.columns, test.rows, test.flags)); got != test.want {
			t.Errorf("%s: got\n%s\nwant\n%s", test.name, got, test.want)
		}
	}
}
