// SPDX-License-Identifier: BSD-3-Clause

// Package version is the release of Redis whose commands and behaviour the server and its tools have. Counterpart: version.h.
package version

// Redis is the release.
const Redis = "8.0.6"
