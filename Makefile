# SPDX-License-Identifier: BSD-3-Clause
#
# Redport's build. Needs Go and make; what the tests need beside that (tclsh), they bring. `make help` lists the targets.

GO          ?= go
PREFIX      ?= /usr/local
BINDIR       = $(DESTDIR)$(PREFIX)/bin
LDFLAGS     ?=
STATICCHECK  = honnef.co/go/tools/cmd/staticcheck@v0.8.2

# Programs with a main of their own under src/cmd, and the names by which the server's binary knows other trades.
PROGRAMS     = redis-server redis-cli redis-benchmark
BUILT        = $(notdir $(patsubst %/,%,$(dir $(wildcard $(PROGRAMS:%=src/cmd/%/main.go)))))
LINKS        = redis-sentinel redis-check-rdb redis-check-aof

export CGO_ENABLED = 0

all: $(BUILT:%=src/%) $(LINKS:%=src/%)

help:
	@sed -n 's/^##  *//p' Makefile

##  make                     redis-server, its other names, redis-cli and redis-benchmark, static, in src/
$(BUILT:%=src/%): src/%: FORCE
	@$(GO) build -trimpath -ldflags '$(LDFLAGS)' -o $@ ./src/cmd/$*

$(LINKS:%=src/%): src/redis-server
	@ln -sf redis-server $@

##  make run                 serve on 127.0.0.1:6379 with ./redis.conf
run: all
	exec ./src/redis-server ./redis.conf

# Tags of tests for what is not there yet; empty once all is.
MISSING      = -needs:repl

# In CI a unit that failed runs once more, alone, before it counts.
RETRY        = $(if $(CI),--retry)

##  make test                Go tests, then our Tcl tests (ARGS="--single unit/string --only ...")
test: test-go test-tcl

test-go:
	@tests/go-test ./...

test-tcl: all
	@tests/need tclsh
	@tests/runtest --durable $(RETRY) --tags "$(MISSING)" $(ARGS)

##  make test-race           both again with the race detector (needs a C compiler)
test-race: test-race-go test-race-tcl

test-race-go:
	@tests/need gcc
	@CGO_ENABLED=1 tests/go-test -race ./src/... ./deps/lua/...

test-race-tcl:
	@tests/need gcc tclsh
	@mkdir -p tests/tmp/race
	@CGO_ENABLED=1 $(GO) build -race -pgo=off -o tests/tmp/race/redis-server ./src/cmd/redis-server
	@REDPORT_TEST_SERVER=tests/tmp/race/redis-server tests/runtest --durable $(RETRY) --tags "-slow $(MISSING)" $(ARGS)

##  make test-reference      our Tcl tests on C Redis 8.0: they must pass there too
test-reference:
	@tests/need tclsh
	@tests/runtest --reference --durable $(RETRY) $(ARGS)

##  make test-upstream       Redis's own suite on our binaries (UNITS="unit/protocol unit/scan"; none: those of passing.txt)
test-upstream: all
	@tests/need tclsh ps:procps ip:iproute2 unshare:util-linux
	@$(GO) run ./tests/upstream $(ARGS) $(UNITS)

##  make differ              random commands, compared with C Redis (ARGS="-n 1000000 -seed 1", ARGS="-help")
differ: all
	@$(GO) run ./tests/differ $(ARGS)

##  make test-clients        go-redis, rueidis, ioredis and node-redis against our server
test-clients: all
	@tests/clients/run

##  make bench               beside C Redis 8.0 and Valkey 9.1 (ARGS="-quick", ARGS="-help")
bench: all
	@$(GO) run ./utils/bench $(ARGS)

##  make soak                long mixed load; fails when goroutines, descriptors or memory grow (ARGS="-n 5000000")
soak: all
	@$(GO) run ./utils/soak $(ARGS)

##  make test-kill           kill -9 at random moments, in all modes of persistence (ARGS="-rounds 1000")
test-kill: all
	@$(GO) run ./tests/kill $(ARGS)

##  make profile             record anew what the compiler lays the server out by (src/cmd/redis-server/default.pgo)
profile: all
	@$(GO) run ./utils/profile $(ARGS)

##  make test-exchange       files and payloads from and to C Redis 7.0 and 8.0 and Valkey 9.1 (ARGS=-short)
test-exchange: all
	@$(GO) run ./tests/exchange $(ARGS)

##  make test-nofork         tests of persistence with a server that can start no process (Linux; ARGS=--short)
test-nofork: all
	@tests/need tclsh ps:procps ip:iproute2 unshare:util-linux
	@tests/nofork/run $(ARGS)

##  make fuzz                each fuzz target for FUZZTIME (10s)
FUZZTIME ?= 10s
fuzz:
	@tests/fuzz $(FUZZTIME)

##  make generate            regenerate the command tables and whatever else is made from data
generate:
	@$(GO) generate ./...

##  make lint                gofmt, vet, staticcheck, house rules
lint:
	@off=$$(git ls-files -co --exclude-standard '*.go' | xargs gofmt -l); test -z "$$off" || { echo "not gofmt-ed:"; echo "$$off"; exit 1; }
	@$(GO) vet ./...
	@$(GO) run $(STATICCHECK) ./...
	@$(GO) test -count=1 ./tests/lint

##  make cross               build and vet for every system; unit tests and a server on s390x under emulation
cross:
	@tests/cross

##  make install             into PREFIX/bin (/usr/local)
install: all
	@mkdir -p $(BINDIR)
	@for program in $(BUILT); do install -m 755 src/$$program $(BINDIR)/; done
	@for link in $(LINKS); do ln -sf redis-server $(BINDIR)/$$link; done

##  make clean
clean:
	@rm -rf $(PROGRAMS:%=src/%) $(LINKS:%=src/%) tests/tmp
	@rm -f dump.rdb

FORCE:
.PHONY: all help run test test-go test-tcl test-race test-race-go test-race-tcl test-reference test-upstream test-clients differ bench soak test-kill test-exchange test-nofork profile fuzz generate lint cross install clean FORCE
