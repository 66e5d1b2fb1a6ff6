// SPDX-License-Identifier: BSD-3-Clause

package geohash

import "math"

func sin(x float64) float64  { return math.Sin(x) }
func cos(x float64) float64  { return math.Cos(x) }
func asin(x float64) float64 { return math.Asin(x) }
