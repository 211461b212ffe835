# Everything a newcomer needs. `make` alone says what there is.

.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
MAKEFLAGS += --no-print-directory

# Python compiles each file once, here, whatever the environment says: half of the time of a quick test run.
unexport PYTHONDONTWRITEBYTECODE
export PYTHONPYCACHEPREFIX := $(CURDIR)/.cache/pycache

BIN := .venv/bin
# What needs more than this machine offers by default is left out by `make check` only.
QUICK := not docker and not slow and not studio and not postgres and not vllm and not llama and not browser and not chaos
SLOW := not vllm and not llama and not chaos and not ($(QUICK))

##@ Use it
.PHONY: demo demo-2 demo-3 studio doctor
demo: image ## Fix the bug of examples/inventory, from a failing test to a signed commit
	@scripts/demo.sh inventory

demo-2: image ## The same with examples/billing: two bugs in two modules
	@scripts/demo.sh billing

demo-3: image ## A Node project whose tests need a package: set up first, then mended (needs a package registry)
	@sandbox/images/node.sh
	@scripts/demo.sh shipping

doctor: setup ## Probe Docker, the sandbox image and the model endpoint
	@$(BIN)/signoff doctor

studio: image ## Open the graph in LangGraph Studio (installs its development server)
	@scripts/studio.sh

##@ Work on it
.PHONY: check test test-vllm test-llama chaos lint types imports short quick format bench
check: setup ## Format, lint, types, the law of the house, the quickest tests: about a minute
	@$(MAKE) -j2 --output-sync=target lint types imports short

test: image ## Every test, Docker and the LangGraph server included; vLLM and llama.cpp have their own targets
	@scripts/ensure_tools.sh
	@scripts/setup.sh studio
	@$(BIN)/pytest -q -n 2 --dist loadfile -m "$(QUICK)"
# Two at a time, then alone what failed: beside another test a limit of seconds may pass that says nothing of the product.
	@$(BIN)/pytest -n 2 --dist loadfile -m "$(SLOW)" || $(BIN)/pytest --last-failed --last-failed-no-failures none -m "$(SLOW)"

test-vllm: image ## A real vLLM on the CPU (installs it the first time), with a tiny model made here
	@scripts/vllm.sh
	@$(BIN)/pytest -q -m vllm

test-llama: setup ## A real llama.cpp server with a tiny model made here (compiles it the first time); no part of CI
	@scripts/llama.sh
	@$(BIN)/pytest -q -m llama

chaos: image ## Kill servers 200 times, count what was lost, write docs/reliability.md
	@$(BIN)/pytest -q tests/chaos
	@$(BIN)/python -m tests.chaos.nightly

lint: setup ## Formatting and lint
	@$(BIN)/ruff format --check --quiet . || { echo "run: make format"; exit 1; }
	@$(BIN)/ruff check --quiet .

types: setup ## Strict types
	@$(BIN)/basedpyright --warnings | tail -n 40

imports: setup ## Imports point down the house
	@$(BIN)/lint-imports --no-cache | tail -n 12

short: setup ## The tests that take no time at all: three of four
	@$(BIN)/pytest -q -n 2 --dist loadfile -m "$(QUICK)" --short

quick: setup ## All tests that need no Docker and take at most some seconds
	@$(BIN)/pytest -q -n 2 --dist loadfile -m "$(QUICK)" $(ARGS)

format: setup ## Format the tree
	@$(BIN)/ruff format --quiet .
	@$(BIN)/ruff check --quiet --fix .

bench: image ## Measure, and write benchmarks/results/latest.json
	@$(BIN)/python -m benchmarks

##@ Prepare
.PHONY: setup docker image lock clean help
setup: ## The virtual environment .venv, from the lock, every hash checked
	@scripts/setup.sh

docker: ## A Docker engine that answers (installed and started when we are root)
	@scripts/ensure_docker.sh

image: setup docker ## The sandbox image
	@sandbox/images/build.sh

lock: ## Lock the dependencies again (needs uv)
	@scripts/lock.sh

clean: ## Remove what can be made again; runs and settings stay
	@rm -rf .venv .venv-aegra .venv-studio .venv-vllm .venv-llama .cache build dist .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

help: ## This list
	@awk 'BEGIN {FS = ":.*## "} \
	  /^##@/ {printf "\n%s\n", substr($$0, 5)} \
	  /^[a-z0-9-]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' Makefile
