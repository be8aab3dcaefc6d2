# The front door. `make run` and `make test` set everything up by themselves; CMake and Ninja do the work.
SHELL := /bin/bash
JOBS := $(shell nproc)
LAUNCHER := -DCMAKE_C_COMPILER_LAUNCHER=ccache
CMAKE := cmake
CTEST := ctest --output-on-failure -j$(JOBS)

.PHONY: help bootstrap build run test test-asan test-golden test-e2e fuzz plant bench check fmt prepush clean

help:
	@echo 'make run     build everything and play the treasure hunt: open the address it prints'
	@echo 'make test    every test: unit, sanitizers, golden hashes, browser, kill -9'
	@echo 'make build   bin/lq            make bench   the tables in bench/results/'
	@echo 'make check   floors, format, floating point       make fuzz   FUZZ_SECONDS=60 each'
	@echo 'make plant   does the simulator find every planted bug? PLANT=--quick: known seeds first'
	@echo 'make fmt     clang-format      make prepush check + test      make clean'

bootstrap:
	@scripts/bootstrap.sh

# The page and the client are built first: the binary carries them.
build/web.stamp: $(shell find sdk/ts/src sdk/ts/package-lock.json studio/play/src studio/play/package-lock.json -type f 2>/dev/null) | bootstrap
	@mkdir -p build
	cd sdk/ts && npm ci --no-audit --no-fund --loglevel=error && npm run build --silent
	cd studio/play && npm ci --no-audit --no-fund --loglevel=error && npm run build --silent
	@touch $@

build: bootstrap build/web.stamp
	@$(CMAKE) --preset release $(LAUNCHER) >build/configure.log || { cat build/configure.log; exit 1; }
	@$(CMAKE) --build build/release
	@mkdir -p bin && ln -sf ../build/release/bin/lq bin/lq

run: build
	bin/lq dev examples/treasure_hunt

test: build
	$(CTEST) --test-dir build/release
	cd sdk/ts && npm test --silent
	cd studio/play && npm test --silent
	$(MAKE) --no-print-directory check test-golden test-asan test-e2e

test-asan: build
	@$(CMAKE) --preset asan $(LAUNCHER) >build/configure-asan.log || { cat build/configure-asan.log; exit 1; }
	@$(CMAKE) --build build/asan
	$(CTEST) --test-dir build/asan
	LQ_BIN=$(CURDIR)/build/asan/bin/lq LQ_KILLS=10 scripts/e2e.sh

test-golden: build
	scripts/golden_matrix.sh

test-e2e: build
	scripts/e2e.sh

FUZZ_SECONDS ?= 60
fuzz: build
	@$(CMAKE) --preset fuzz $(LAUNCHER) >build/configure-fuzz.log || { cat build/configure-fuzz.log; exit 1; }
	@$(CMAKE) --build build/fuzz --target fuzzers
	scripts/fuzz.sh build/fuzz $(FUZZ_SECONDS)

# Every planted bug must be found by the simulator. PLANT=--quick: the seeds of docs/proof/planted.md first.
plant: bootstrap
	@$(CMAKE) --preset plant $(LAUNCHER) >build/configure-plant.log || { cat build/configure-plant.log; exit 1; }
	@$(CMAKE) --build build/plant --target lqsim
	scripts/plant.sh build/plant/bin/lqsim $(PLANT)

bench: build
	scripts/bench.sh

check: build
	python3 scripts/check_floors.py build/release
	scripts/check_exact.sh build/release
	scripts/check_format.sh

fmt:
	@git ls-files '*.c' '*.h' | xargs clang-format -i

prepush: check test

clean:
	rm -rf build bin
