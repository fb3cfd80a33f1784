# What can be done here? `make` checks everything that takes a minute; the rest has a name.
#
#   make           format, lint, types, fast tests, documentation
#   make test      the same, and every slow test
#   make soak      fifty journeys killed at moments that nobody chose, and ten minutes of fuzzing
#   make demo      thirty-two drawings become a model: demo-output/report.html
#   make benchmark how good, against real drawings of artists nobody trained on: docs/benchmark.md, hours
#   make bench     how fast, how much memory, how good: bench.json
#   make format    lay the code out as `make` wants it
#   make clean     remove .venv, demo-output and what the tools left
#
# SEED, MOMENTS and MINUTES say what `soak` draws, how many journeys it kills, and how long it fuzzes.
# REFERENCE=PATH lets `bench` and `benchmark` compare with the scripts of a diffusers checkout; TASKS names what `bench`
# compares, and AUDIT=1 lets it time inspections of the example, too. PACKAGES holds the unpacked npm packages that `benchmark` draws, BENCHMARK is where its rows go.
# Tests run side by side; `make test SIDE_BY_SIDE=` runs one after the other.
# .venv is made on first use. PYTHON names another Python; TORCH_INDEX another place to take torch from.

PYTHON ?= python3
export TORCH_INDEX ?=
REFERENCE ?=
AUDIT ?=
PACKAGES ?= packages
BENCHMARK ?= benchmark
SEED ?= 1
MOMENTS ?= 50
MINUTES ?= 10
SIDE_BY_SIDE ?= --numprocesses logical --maxprocesses 4 --dist loadfile
TASKS ?= embedded_lora embedded_full generation sd15_lora sd15_lora_prior sd15_full
BIN := .venv/bin
TO_RUN := .venv/ready-to-run
TO_TEST := .venv/ready-to-test

MAKEFLAGS += --no-print-directory
.DELETE_ON_ERROR:
.NOTPARALLEL:
.PHONY: check test soak demo bench benchmark format format-check lint types fast-tests all-tests docs clean

check: format-check lint types fast-tests
test: format-check lint types all-tests

soak: $(TO_TEST)
	$(BIN)/python -m tests.exactness.campaign --moments $(MOMENTS) --seed $(SEED)
	$(BIN)/python -m tests.hostile.fuzzing --minutes $(MINUTES) --seed $(SEED)

demo: $(TO_RUN)
	$(BIN)/python -m handstyle demo --to demo-output

bench: $(TO_TEST)
	$(BIN)/python benchmarks/bench.py --to bench.json $(if $(AUDIT),--audit)
	$(BIN)/python -m benchmarks.collecting --to bench.json
	$(BIN)/python -m benchmarks.speed --to bench.json $(if $(REFERENCE),--reference $(REFERENCE)) --only $(TASKS)

benchmark: $(TO_TEST)
	$(BIN)/python -m benchmarks.held_out_artist $(PACKAGES) --to $(BENCHMARK) $(if $(REFERENCE),--reference $(REFERENCE))
	$(BIN)/python -m benchmarks.held_out_artist.table $(BENCHMARK)/rows.jsonl

format: $(TO_TEST)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

format-check: $(TO_TEST)
	@$(BIN)/ruff format --check . || { echo "\`make format\` lays these files out."; exit 1; }

lint: $(TO_TEST)
	@$(BIN)/ruff check .

types: $(TO_TEST)
	@$(BIN)/mypy

fast-tests: $(TO_TEST)
	@$(BIN)/python -m pytest $(SIDE_BY_SIDE) -m "not slow and not browser"

all-tests: $(TO_TEST)
	@$(BIN)/python -m pytest $(SIDE_BY_SIDE)

# Part of the fast tests; alone, it answers while one writes.
docs: $(TO_TEST)
	@$(BIN)/python -m pytest tests/test_documentation.py

clean:
	rm -rf .venv demo-output fuzzing-findings bench.json .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find src tests benchmarks tools -name __pycache__ -prune -exec rm -rf {} +

$(TO_RUN): pyproject.toml constraints.txt tools/set_up.py
	@$(PYTHON) tools/set_up.py
	@touch $@

# With the tests' needs come all others, so that `make demo` after `make test` has nothing to do.
$(TO_TEST): pyproject.toml constraints.txt tools/set_up.py
	@$(PYTHON) tools/set_up.py --test
	@touch $(TO_RUN) $@
