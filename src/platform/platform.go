// SPDX-License-Identifier: BSD-3-Clause

// Package platform is everything that Redport asks of the operating system beyond Go's standard library.
package platform
