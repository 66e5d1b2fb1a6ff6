#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
#
# gen-test-certs.sh [DIR] - makes certificates for tests in DIR (tests/tls), under the names that Redis's own suite uses: a CA; server.* and
# client.*, each for its purpose only; redis.* for both; and DH parameters. Of no worth but for tests.

set -e
dir=${1:-tests/tls}
mkdir -p "$dir"
[ -s "$dir/redis.dh" ] && exit 0

run() { openssl "$@" 2>/dev/null; }

run genrsa -out "$dir/ca.key" 2048
run req -x509 -new -nodes -sha256 -key "$dir/ca.key" -days 3650 -subj "/O=Redport Test/CN=Certificate Authority" -out "$dir/ca.crt"

# certificate NAME SUBJECT [EXTENSION LINES]
certificate() {
	printf '%s\n' "subjectAltName = DNS:localhost, IP:127.0.0.1" "$3" >"$dir/$1.ext"
	run genrsa -out "$dir/$1.key" 2048
	run req -new -sha256 -subj "/O=Redport Test/CN=$2" -key "$dir/$1.key" -out "$dir/$1.csr"
	run x509 -req -sha256 -CA "$dir/ca.crt" -CAkey "$dir/ca.key" -CAserial "$dir/ca.txt" -CAcreateserial -days 365 \
		-extfile "$dir/$1.ext" -in "$dir/$1.csr" -out "$dir/$1.crt"
	rm -f "$dir/$1.ext" "$dir/$1.csr"
}
certificate server "Server-only" "extendedKeyUsage = serverAuth"
certificate client "Client-only" "extendedKeyUsage = clientAuth"
certificate redis "Generic-cert" ""

# A group of RFC 7919: to look for a prime of our own would take minutes. Last, since its presence says that all is done.
run genpkey -genparam -algorithm DH -pkeyopt group:ffdhe2048 -out "$dir/redis.dh.tmp"
mv "$dir/redis.dh.tmp" "$dir/redis.dh"
