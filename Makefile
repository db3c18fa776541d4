# A fresh machine needs Python 3.11 or newer and this file: `make demo`, `make test`. `make help` lists the rest.

PYTHON ?= python3
TORCH ?= torch==2.13.0
# Index to take the torch wheel from. Unset on Linux without an NVIDIA card: the CPU index, where it can be reached.
# Empty (make demo TORCH_INDEX=): only what pip is configured to use.
CPU_INDEX := https://download.pytorch.org/whl/cpu
ifeq ($(origin TORCH_INDEX),undefined)
TORCH_INDEX = $(shell sh .ci/torch-index $(PYTHON) $(CPU_INDEX))
endif
OUT ?= reports
PYTEST_ARGS ?= -n auto --dist loadfile

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# Homebrew's libraries are not where the loader of macOS looks.
ifeq ($(shell uname -s),Darwin)
RUN := DYLD_FALLBACK_LIBRARY_PATH=/opt/homebrew/lib:/usr/local/lib:/usr/lib
endif

.DEFAULT_GOAL := help
.PHONY: help venv system demo test studies lint types format sample clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-8s  %s\n", $$1, $$2 }' Makefile
	@echo
	@echo "variables:     PYTHON=$(PYTHON)  TORCH=$(TORCH)  TORCH_INDEX=<wheel index for torch>  OUT=$(OUT)"
	@echo "no CUDA:       make demo TORCH_INDEX=$(CPU_INDEX)"

venv: $(STAMP) ## make .venv and install the package with its development tools

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("audit needs Python 3.11 or newer: make PYTHON=...")'
	$(PYTHON) -m venv $(VENV)
	@grep -v '^torch==' constraints.txt > $(VENV)/constraints.txt
	@index="$(TORCH_INDEX)"; set -x; \
	$(BIN)/pip install $${index:+--extra-index-url "$$index"} -c $(VENV)/constraints.txt "$(TORCH)"
	$(BIN)/pip install -c $(VENV)/constraints.txt -e '.[dev]'
	@touch $@

system: $(STAMP)
	@$(RUN) sh .ci/pango $(BIN)/python

demo: venv system ## audit both embedded models with the hiring suite, and compare them
	$(RUN) $(BIN)/audit run suites/hiring.yaml --model reference:screening-v1 -o $(OUT)
	$(RUN) $(BIN)/audit run suites/hiring.yaml --model reference:screening-v2 -o $(OUT)
	$(RUN) $(BIN)/audit compare $(OUT)/hiring-screening-v1-???????? $(OUT)/hiring-screening-v2-???????? -o $(OUT)/hiring-v1-v2

test: venv system ## run the tests (PYTEST_ARGS=-n0 for one process)
	OMP_NUM_THREADS=1 $(RUN) $(BIN)/pytest $(PYTEST_ARGS)

build/captum:
	$(BIN)/pip install --no-deps --target $@ captum==0.9.0

build/mlflow: .ci/mlflow-server
	$(BIN)/pip install --no-deps --target $@ -r $<

studies: venv system build/captum build/mlflow ## run the slow studies: calibration, planted effects
	$(RUN) $(BIN)/pytest -m slow -s

lint: venv ## check style and formatting
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: venv ## check types
	$(BIN)/mypy

format: venv ## put the code into shape
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

sample: venv system ## make the committed sample report again
	rm -rf build/sample build/sample-cache reports/sample
	AUDIT_CACHE=build/sample-cache $(RUN) $(BIN)/audit run suites/hiring.yaml --model reference:screening-v1 -o build/sample
	mv build/sample/* reports/sample
	pdftoppm -r 80 -f 1 -l 1 -singlefile -png reports/sample/report.pdf docs/report-page-1

clean: ## remove .venv and everything else that is not committed, but keep reports
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
