// SPDX-License-Identifier: BSD-3-Clause

package ae

type pollBits = uint16
