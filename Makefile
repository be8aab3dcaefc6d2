# The front door. `make run` and `make test` set everything up by themselves; CMake and Ninja do the work.
SHELL := /bin/bash
JOBS := $(shell nproc)
LAUNCHER := -DCMAKE_C_COMPILER_LAUNCHER=ccache
CMAKE := cmake
# Many tests wait for ticks and sockets: more of them at a time than there are processors.
CTEST := ctest --output-on-failure -j$(shell echo $$((2 * $(JOBS))))

.PHONY: help bootstrap build build-all run test lane-waits lane-computes test-asan test-tsan test-golden golden-arm test-memcheck \
  test-oracle test-e2e test-sim sim plant kill fuzz fuzz-afl bench check dashboards fmt prepush clean

help:
	@echo 'make run     build everything and play the treasure hunt: open the address it prints'
	@echo 'make test    every test: unit, sanitizers, golden hashes, browser, kill -9'
	@echo 'make build   bin/lq            make bench   the tables in bench/results/'
	@echo 'make sim     SEEDS=1..2000: the whole server in a simulated world that tries to break it'
	@echo 'make plant   does the simulator find every planted bug? PLANT=--quick: known seeds first'
	@echo 'make kill    1,000 kills, and one at every system call of five workloads'
	@echo 'make check   floors, format, floating point       make fuzz   FUZZ_SECONDS=60 each; make fuzz-afl: AFL++'
	@echo 'make golden-arm   the golden hashes on aarch64, under QEMU      make test-memcheck   the engine under valgrind'
	@echo 'make fmt     clang-format      make prepush check + test      make clean'
	@echo 'make dashboards   Grafana, Prometheus alerts and CloudWatch, in infrastructure/dashboards/'

bootstrap:
	@scripts/bootstrap.sh

# The page and the client are built first: the binary carries them.
build/web.stamp: $(shell find sdk/ts/src sdk/ts/package-lock.json studio/play/src studio/play/package-lock.json -type f 2>/dev/null) | bootstrap
	@mkdir -p build
	cd sdk/ts && npm ci --no-audit --no-fund --loglevel=error && npm run build --silent
	cd studio/play && npm ci --no-audit --no-fund --loglevel=error && npm run build --silent
	@touch $@

# LQ_BUILT says that all is built, by who calls this make: two of them in one build folder would be in each other's way.
ifdef LQ_BUILT
build: ;
else
build: bootstrap build/web.stamp
	@$(CMAKE) --preset release $(LAUNCHER) >build/configure.log || { cat build/configure.log; exit 1; }
	@$(CMAKE) --build build/release
	@mkdir -p bin && ln -sf ../build/release/bin/lq ../build/release/bin/lqsim bin/
endif

# A build folder beside the release: $(call also,PRESET,TARGETS)
also = $(CMAKE) --preset $(1) $(LAUNCHER) >build/configure-$(1).log || { cat build/configure-$(1).log; exit 1; }; $(CMAKE) --build build/$(1) $(2)
build-all: build
	@$(CMAKE) --build build/release --target golden_record golden_cells golden_wasm physics_wasm
	@$(call also,asan)
	@$(call also,plant,--target lqsim)
	@cd tests/e2e && npm ci --no-audit --no-fund --loglevel=error
	@cd tests/browser && npm ci --no-audit --no-fund --loglevel=error
	@cd tests/oracle && npm ci --no-audit --no-fund --loglevel=error

run: build
	bin/lq dev examples/treasure_hunt

# Two lanes beside each other: tests that wait for ticks, sockets and browsers, and tests that compute, which give way to them (nice).
LANES := LQ_BUILT=1 LQ_FUZZ=$(LQ_FUZZ) $(MAKE) --no-print-directory -j2 lane-waits lane-computes
# LQ_FUZZ=1, as before a change lands: every fuzz target too, a while for each parser that the world can reach.
test: build-all
	@[ -z "$(LQ_FUZZ)" ] || { $(call also,fuzz,--target fuzzers); }
	@$(LANES)

lane-waits: build
	$(CTEST) --test-dir build/release
	scripts/e2e.sh
	$(MAKE) --no-print-directory test-asan

lane-computes: build
	cd sdk/ts && npm test --silent
	cd studio/play && npm test --silent
	nice -n 15 $(MAKE) --no-print-directory check
	nice -n 15 $(MAKE) --no-print-directory test-sim
	nice -n 15 $(MAKE) --no-print-directory plant PLANT=--quick
	nice -n 15 $(MAKE) --no-print-directory test-golden
	nice -n 15 $(MAKE) --no-print-directory test-oracle
	[ -z "$(LQ_FUZZ)" ] || nice -n 15 scripts/fuzz.sh libfuzzer build/fuzz 10 1

test-asan: build
	@[ -n "$(LQ_BUILT)" ] || { $(call also,asan); }
	$(CTEST) --test-dir build/asan
	LQ_BIN=$(CURDIR)/build/asan/bin/lq LQ_KILLS=10 LQ_SYSCALLS=3 LQ_BROWSER=0 scripts/e2e.sh

# Threads inside a world of bodies: what they share must be told by atomics.
test-tsan: bootstrap
	@$(call also,tsan,--target lq_host_crew_test physics_crew_test)
	build/tsan/lq_host_crew_test && build/tsan/tests/physics_crew_test

test-golden: build
	scripts/golden_matrix.sh

# The same on aarch64, under QEMU, with NEON and without; and the engine's suites under valgrind. On request: minutes, and more packages.
golden-arm: build
	scripts/golden_arm.sh

test-memcheck: build
	scripts/memcheck.sh

test-e2e: build
	scripts/e2e.sh

test-sim: build
	scripts/sim.sh

# Physics beside Bullet, ODE, Jolt and Rapier. LQ_SCENES=200 LQ_SEED=6.
test-oracle: build
	scripts/oracle.sh

SEEDS ?= 1..2000
sim: build
	bin/lqsim --seeds $(SEEDS)

# Every kill: LQ_KILLS random ones, then every system call of LQ_WORKLOADS (first,play,sleep,recover,swap). LQ_SECONDS
# bounds the second part; LQ_REPORT names a file for its table.
kill: export LQ_KILLS ?= 1000
kill: export LQ_SYSCALLS ?= all
kill: build
	cd tests/e2e && npm ci --no-audit --no-fund --loglevel=error
	node --test tests/e2e/kill.test.mjs tests/e2e/syscalls.test.mjs

# Seconds for each core parser, for each of the others, and for all together (0: as long as it takes). docs/testing.md.
FUZZ_SECONDS ?= 60
FUZZ_SMALL_SECONDS ?= $(FUZZ_SECONDS)
FUZZ_TOTAL_SECONDS ?= 0
fuzz: build
	@$(call also,fuzz,--target fuzzers)
	scripts/fuzz.sh libfuzzer build/fuzz $(FUZZ_SECONDS) $(FUZZ_SMALL_SECONDS) $(FUZZ_TOTAL_SECONDS)

# The same targets with AFL++, which this installs: it is large, and nothing else needs it.
fuzz-afl: build
	@scripts/bootstrap.sh afl++ libclang-rt-dev
	@AFL_QUIET=1 $(CMAKE) --preset fuzz-afl $(LAUNCHER) >build/configure-fuzz.log || { cat build/configure-fuzz.log; exit 1; }
	@AFL_QUIET=1 $(CMAKE) --build build/fuzz-afl --target fuzzers
	scripts/fuzz.sh afl build/fuzz-afl $(FUZZ_SECONDS) $(FUZZ_SMALL_SECONDS) $(FUZZ_TOTAL_SECONDS)

# Every planted bug must be found by the simulator. PLANT=--quick: the seeds of docs/proof/planted.md first.
plant: build
	@[ -n "$(LQ_BUILT)" ] || { $(call also,plant,--target lqsim); }
	scripts/plant.sh build/plant/bin/lqsim $(PLANT)

bench: build
	scripts/bench.sh

check: build
	python3 scripts/check_floors.py --self-test build/release
	scripts/check_exact.sh build/release
	scripts/check_format.sh

# One table of panels, one of alarms: scripts/dashboards.py.
dashboards:
	@python3 scripts/dashboards.py

fmt:
	@git ls-files '*.c' '*.h' | xargs clang-format -i

prepush: check test

clean:
	rm -rf build bin
