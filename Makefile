# Every task by name; CI calls only these. `make help` lists them.
.DEFAULT_GOAL := help
SHELL := /bin/bash
CARGO ?= cargo
# The demo, `run` and the benchmarks are measured as people run them: optimised.
BIN := $(or $(CARGO_TARGET_DIR),target)/release/firstseen
# What containers run: a binary that needs no dynamic loader.
STATIC := $(or $(CARGO_TARGET_DIR),target)/x86_64-unknown-linux-gnu/release/firstseen
# Or docker (BuildKit).
ENGINE ?= podman

.PHONY: help setup demo build static image test test-containers chaos check fmt clippy doc deny fuzz fuzz-check bench catalog matrix install clean

help: ## list the tasks
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 18

setup: ## install what building needs and is missing (a C linker; asks apt, needs root for that)
	@command -v cc >/dev/null 2>&1 || ./scripts/apt-install gcc libc6-dev

build: setup ## build the optimised binary
	$(CARGO) build --release --locked

static: setup ## build the static binary
	RUSTFLAGS="-C target-feature=+crt-static" $(CARGO) build --release --locked --target x86_64-unknown-linux-gnu

image: static ## make the container image of the static binary, without any registry
	./scripts/image-root $(STATIC) target/context/image
	$(ENGINE) build --tag firstseen --file Containerfile --build-context build=target/context .

demo: build ## both rules of the lab on this machine: alerts and proven silences
	$(BIN) demo

test: setup ## unit, property, catalog, conformance and end-to-end tests; lists what was skipped, and why
	./scripts/test

test-containers: ## the lab in containers (needs root and podman): which flags each sensor needs, and bare containers
	./scripts/test-containers $(STATIC)

chaos: setup ## 200 rounds of killing and interrupting runs at random moments; FIRSTSEEN_CHAOS_SEED repeats them
	FIRSTSEEN_CHAOS_ROUNDS=$${FIRSTSEEN_CHAOS_ROUNDS:-200} $(CARGO) test --locked --test lab chaos:: -- --nocapture --test-threads 1

FUZZ_SECONDS ?= 60
fuzz: setup ## run every fuzz target for FUZZ_SECONDS each (needs nightly and cargo-fuzz)
	./scripts/fuzz $(FUZZ_SECONDS)

fuzz-check: setup ## build the fuzz targets
	./scripts/fuzz check

check: fmt clippy doc deny fuzz-check ## format, lints, documentation, licences and fuzz targets; any warning fails

fmt:
	$(CARGO) fmt --all --check

clippy: setup
	$(CARGO) clippy --workspace --all-targets --locked -- -D warnings

doc: setup
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --no-deps --document-private-items --locked

deny: ## licences and bans of everything that is linked in
	./scripts/deny

catalog: build ## run the whole catalog with every sensor that works here
	./scripts/catalog $(BIN)

matrix: build ## do every technique and write docs/matrix.md; fails if a verdict changed
	$(BIN) matrix --write-docs docs/matrix.md

bench: setup ## benchmarks; docs/performance.md explains the figures
	$(CARGO) bench --workspace --locked

install: setup ## install the firstseen command for this user
	$(CARGO) install --path . --locked

clean: ## remove what was built
	$(CARGO) clean
