// SPDX-License-Identifier: BSD-3-Clause

//go:build !unix

package ae

func maxTestConns() int { return 500 }
