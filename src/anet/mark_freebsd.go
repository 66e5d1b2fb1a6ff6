// SPDX-License-Identifier: BSD-3-Clause

package anet

import "golang.org/x/sys/unix"

const markOption = unix.SO_USER_COOKIE
