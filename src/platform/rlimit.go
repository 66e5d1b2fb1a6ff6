// SPDX-License-Identifier: BSD-3-Clause

package platform

// rlimit.go - the limit on open descriptors. The contract is in platform.go.

// RaiseDescriptorLimit makes the limit on open descriptors at least want, or as high as the system lets it be (C:
// adjustOpenFilesLimit). have is the limit then; err says why it is less than want; have is 0 when nothing is known.
func RaiseDescriptorLimit(want uint64) (have uint64, err error) {
	have, maximum, err := FileLimit()
	if err != nil {
		return 0, err
	}
	if have >= want {
		return have, nil
	}
	if err = SetFileLimit(want); err == nil {
		return want, nil
	}
	// The maximum is in the way, or a system-wide limit that nobody tells: go half the way as long as that helps.
	low, high := have, want
	if maximum < want && maximum > have {
		if SetFileLimit(maximum) == nil {
			low = maximum
		} else {
			high = maximum
		}
	}
	for high-low > 1 {
		middle := low + (high-low)/2
		if SetFileLimit(middle) == nil {
			low = middle
		} else {
			high = middle
		}
	}
	return low, err
}
