// SPDX-License-Identifier: BSD-3-Clause

//go:build (unix || zos) && !aix

package ae

type pollBits = int16
