// SPDX-License-Identifier: BSD-3-Clause

// Package hdr_histogram counts values over a wide range with a bounded relative error: the latency
// histograms of commands. It is a thin face over github.com/HdrHistogram/hdrhistogram-go that adds what
// LATENCY HISTOGRAM needs, the walk in logarithmic steps of the C library (hdr_iter_log).
package hdr_histogram

import (
	"math"
	"math/bits"
	"unsafe"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Histogram counts values from its lowest to its highest trackable one. It is not safe for concurrent use.
//
// Values are grouped: below the sub-bucket count each unit has a counter of its own, and from there on
// every doubling of the value doubles how many values share one.
type Histogram struct {
	h       *hdrhistogram.Histogram
	lowest  int64
	highest int64

	unitMagnitude uint  // log2 of the smallest difference that is told apart
	subBucketBits uint  // log2 of the number of counters in the first bucket
	last          int64 // highest value that the last counter stands for

	// Values below len(small) have a counter each, whatever the geometry, and are counted here until somebody asks (fold).
	small [smallValues]int64
}

// smallValues: the first bucket of the coarsest histogram of two digits, where durations of most commands fall.
const smallValues = 256

// New makes a histogram for lowest..highest that keeps sigfigs (1-5) significant decimal digits.
func New(lowest, highest int64, sigfigs int) *Histogram {
	h := &Histogram{
		h:       hdrhistogram.New(lowest, highest, sigfigs),
		lowest:  max(lowest, 1),
		highest: highest,
	}
	h.unitMagnitude = uint(bits.Len64(uint64(h.lowest)) - 1)
	// The first bucket holds both 1 and 2*10^sigfigs at full resolution.
	resolution := int64(2)
	for range min(max(sigfigs, 1), 5) {
		resolution *= 10
	}
	h.subBucketBits = uint(bits.Len64(uint64(resolution - 1)))
	h.last = int64(1) << (h.subBucketBits + h.unitMagnitude)
	for h.last <= highest && h.last > 0 {
		h.last <<= 1
	}
	h.last--
	return h
}

// RecordValue counts v, brought into the trackable range. It does not allocate.
func (h *Histogram) RecordValue(v int64) {
	if uint64(v) < smallValues {
		h.small[v]++
		return
	}
	// The error is for values outside the range, which these are not.
	_ = h.h.RecordValue(min(max(v, h.lowest), h.highest))
}

// fold hands the counters of small values over to the library.
func (h *Histogram) fold() {
	for v, n := range &h.small {
		if n != 0 {
			h.RecordValues(int64(v), n)
		}
	}
	h.small = [smallValues]int64{}
}

// counted is the library's histogram with everything in it.
func (h *Histogram) counted() *hdrhistogram.Histogram {
	h.fold()
	return h.h
}

// TotalCount is the number of recorded values.
func (h *Histogram) TotalCount() int64 { return h.counted().TotalCount() }

// ValueAtPercentile is the highest value of the group in which the given percentile (0-100) lies; 0 when
// nothing was recorded.
func (h *Histogram) ValueAtPercentile(percentile float64) int64 {
	return h.counted().ValueAtPercentile(percentile)
}

// Min and Max are the bounds of what was recorded, as far as it is told apart.
func (h *Histogram) Min() int64 { return h.counted().Min() }

// Max is the highest recorded value, as far as values are told apart.
func (h *Histogram) Max() int64 { return h.counted().Max() }

// Reset forgets everything.
func (h *Histogram) Reset() {
	h.small = [smallValues]int64{}
	h.h.Reset()
}

// Merge adds what other counted.
func (h *Histogram) Merge(other *Histogram) { h.h.Merge(other.counted()) }

// ByteSize is the memory that the histogram holds.
func (h *Histogram) ByteSize() int { return h.h.ByteSize() + int(unsafe.Sizeof(*h)) }

// highestEquivalent is the highest value that is counted together with v.
func (h *Histogram) highestEquivalent(v int64) int64 {
	bucket := uint(bits.Len64(uint64(v)|(1<<(h.subBucketBits+h.unitMagnitude)-1))) - h.subBucketBits
	return v | (int64(1)<<bucket - 1)
}

// LogSteps calls fn for the steps first, first*base, first*base^2 ... until every recorded value is
// covered: with the highest value counted together with the step and how many values were recorded up
// to there. The last step is cut at the end of the trackable range. (C: hdr_iter_log)
func (h *Histogram) LogSteps(first, base int64, fn func(upTo, cumulative int64)) {
	counted := h.counted()
	total := counted.TotalCount()
	if total == 0 {
		return
	}
	bars := counted.Distribution()
	var cumulative int64
	for step := first; ; step *= base {
		upTo := h.last
		if step <= h.last {
			upTo = h.highestEquivalent(step)
		}
		for len(bars) > 0 && bars[0].From <= upTo {
			cumulative += bars[0].Count
			bars = bars[1:]
		}
		fn(upTo, cumulative)
		if cumulative == total || upTo == h.last {
			return
		}
	}
}

// RecordValues counts n times v, brought into the trackable range.
func (h *Histogram) RecordValues(v, n int64) {
	_ = h.h.RecordValues(min(max(v, h.lowest), h.highest), n) // as in RecordValue
}

// Mean is the average of the recorded values, each taken as the middle of its group; NaN when nothing was recorded.
func (h *Histogram) Mean() float64 {
	if counted := h.counted(); counted.TotalCount() > 0 {
		return counted.Mean()
	}
	return math.NaN()
}

// Percentiles calls fn for percentiles that come ever closer to 100, with ticks steps for each half of the distance, and at last for 100
// itself: with the highest value of the group in which the percentile lies, and how many values were recorded up to there. (C: hdr_iter_percentile)
func (h *Histogram) Percentiles(ticks int32, fn func(percentile float64, upTo, cumulative int64)) {
	for _, b := range h.counted().CumulativeDistributionWithTicks(ticks) {
		fn(b.Quantile, b.ValueAt, b.Count)
	}
}

// LinearSteps calls fn for equal steps until every recorded value is covered: with the highest value counted together with the step, and how
// many values were recorded up to there. fn returns the length of the next step. (C: hdr_iter_linear)
func (h *Histogram) LinearSteps(step int64, fn func(upTo, cumulative int64) (next int64)) {
	counted := h.counted()
	total, bars := counted.TotalCount(), counted.Distribution()
	var cumulative int64
	for level := step; cumulative < total; {
		upTo := h.highestEquivalent(level)
		for len(bars) > 0 && bars[0].From <= upTo {
			cumulative += bars[0].Count
			bars = bars[1:]
		}
		level += fn(upTo, cumulative)
	}
}

// StdDev is the standard deviation of the recorded values.
func (h *Histogram) StdDev() float64 { return h.counted().StdDev() }
