# Two commands do everything: `make lab` opens the series, `make test` proves it.
VENV ?= .venv
PYTHON ?= python3
BIN := $(VENV)/bin
READY := $(VENV)/.ready
ROOT_FLAG := $(if $(filter 0,$(shell id -u)),--allow-root)

.PHONY: help install lab test lint notebooks bench clean

help:
	@echo "make lab        install what is needed and open JupyterLab at notebook 00"
	@echo "make test       install what is needed and run every test"
	@echo "make lint       ruff over package and notebooks, mypy over the package"
	@echo "make notebooks  run every notebook and save it with its outputs"
	@echo "make bench      measure side by side; prints a table, writes bench.json"
	@echo "make clean      remove the environment"

install: $(READY)

$(READY): requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed; say which one with: make PYTHON=python3.12 ..."; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet -r requirements.txt
	$(BIN)/pip install --quiet --no-deps --no-build-isolation -e .
	@touch $@

lab: install
	$(BIN)/jupyter lab $(ROOT_FLAG) --LabApp.default_url=/lab/tree/notebooks/00_start_here.ipynb

test: install
	$(BIN)/python -m pytest -n 2 tests
	$(BIN)/python -m pytest -n 2 --nbmake --nbmake-timeout=300 notebooks

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

notebooks: install
	$(BIN)/python tests/notebooks/execute.py

bench: install
	$(BIN)/python tests/bench/run.py

clean:
	rm -rf $(VENV)
