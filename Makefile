# The front door. `make demo` is the place to start; `make help` lists the rest.
# The build itself is CMake's: see CMakePresets.json and CONTRIBUTING.md.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.ONESHELL:
.SILENT:
.DEFAULT_GOAL := help
.PHONY: help demo build test bench fuzz crash format check-format install clean

export PATH := $(PATH):$(HOME)/.cargo/bin
PREFIX ?= /usr/local
FUZZ_SECONDS ?= 60
KILLS ?= 1000

help: ## this list
	echo "sluice: SaaS tables into Delta Lake tables"
	grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 22

demo: build ## install what is missing, build, and watch a simulated Airtable base land in Delta tables
	build/sluice demo

build: ## install what is missing and build build/sluice (release, stripped)
	scripts/bootstrap.sh build
	scripts/build_release.sh

test: ## everything: unit, sources, fuzz slices, other people's readers, command line, kill tests
	scripts/test.sh

bench: build ## the figures of bench/README.md, as JSON in build/bench.json
	scripts/venv.sh
	build/venv/bin/python bench/run.py --out build/bench.json

fuzz: ## every fuzz target under libFuzzer, FUZZ_SECONDS=60 each
	scripts/bootstrap.sh build fuzz
	FUZZ_SECONDS=$(FUZZ_SECONDS) scripts/fuzz.sh

crash: ## kill runs KILLS=1000 times, run again, compare; prints docs/crash.md (a slice of it: `make test`)
	scripts/bootstrap.sh build test
	scripts/venv.sh
	scripts/get_jars.sh
	cmake --preset points >/dev/null
	cmake --build --preset points --target sluice
	export SLUICE_BINARY=build/points/sluice SLUICE_BINARY_DEV=build/points/sluice
	build/venv/bin/python tests/crash/storm.py --kills $(KILLS) --out docs/crash.md

format: ## format all C files with clang-format 14
	scripts/bootstrap.sh build format
	scripts/check_format.sh --fix

check-format: ## fail when a C file is not formatted
	scripts/bootstrap.sh build format
	scripts/check_format.sh

install: build ## install the program under PREFIX=/usr/local (DESTDIR is honoured)
	DESTDIR="$(DESTDIR)" cmake --install build/release --prefix "$(PREFIX)" --strip

clean: ## remove what was built; keeps fetched sources, the Python environment and the Rust archive
	rm -rf build/dev build/points build/release build/tsan build/coverage build/fuzz build/tidy build/sluice
