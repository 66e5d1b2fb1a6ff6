// SPDX-License-Identifier: BSD-3-Clause

//go:build invariants || race

package zmalloc

// Invariants switches expensive checks on: freed memory is poisoned, frees are verified, owners of blocks are checked.
const Invariants = true
