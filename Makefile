# The short way to everything; CMake does the work. `make help` lists the targets.
BUILD := build/release
PREFIX ?= /usr/local

.NOTPARALLEL:
.PHONY: all demo test bench sanitize test-debian12 test-debian13 format format-check check-includes lint install clean help deps

all: ## the library and the program, as build/release/headstart
	cmake --preset release
	cmake --build --preset release --target headstart_program

demo: deps all ## transfer learning in about a minute, on data that Debian ships
	$(BUILD)/headstart demo

test: deps ## builds and runs the tests
	cmake --preset release
	cmake --build --preset release
	ctest --preset release

bench: ## builds and runs the benchmarks, Headstart beside its peers (BENCH="--quick" for under 20 minutes)
	tools/install_deps build test microbench bench
	cmake --preset release -DHEADSTART_BENCH=ON
	cmake --build --preset release
	bench/run $(BUILD) $(BENCH)

sanitize: deps ## the tests under AddressSanitizer and UndefinedBehaviorSanitizer
	cmake --preset sanitize
	cmake --build --preset sanitize
	ctest --preset sanitize

test-debian13: ## builds and tests in a fresh Debian 13 (oneDNN 3), as root
	tools/chroot --shared trixie make test

test-debian12: ## `make demo test` in a Debian 12 with nothing installed but git and make, as root
	tools/chroot bookworm make demo test

format: ## clang-format over every file, and docs/FILES.md
	tools/format
	tools/file_map

format-check:
	tools/format --check
	tools/file_map --check

check-includes: ## the ladder of docs/ARCHITECTURE.md
	tools/check_includes

lint: format-check check-includes ## both checks and clang-tidy
	cmake --preset sanitize
	tools/tidy build/sanitize

install: all ## into PREFIX (/usr/local)
	cmake --install $(BUILD) --prefix $(PREFIX)

clean: ## removes build/
	rm -rf build

deps:
	tools/install_deps

help:
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "make %-16s %s\n", $$1, $$2 }' Makefile
