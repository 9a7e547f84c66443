# Two commands do everything: `make lab` opens the series, `make test` proves it.
VENV ?= .venv
PYTHON ?= python3
# Empty: torch comes from where pip takes everything. Otherwise the index that torch alone comes from.
TORCH_INDEX ?=
BIN := $(VENV)/bin
# Python compiles what it imports. Compiling everything takes 300 MB, and pays for tests, which start
# Python often.
PIP := $(BIN)/pip install --no-compile
EXECUTED := .executed
READY := $(VENV)/.ready
READY_DEV := $(VENV)/.ready-dev
# JupyterLab would ask about news at its first start, and look for updates.
SETTINGS := $(VENV)/share/jupyter/lab/settings
NO_NEWS := {"@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": false}}
ROOT_FLAG := $(if $(filter 0,$(shell id -u)),--allow-root)

.PHONY: help install install-dev lab check test lint notebooks data bench face clean

help:
	@echo "make lab          install what a reader needs and open JupyterLab at notebook 00"
	@echo "make check        lint and the fast tests, in less than a minute"
	@echo "make test         install what a developer needs and run every test"
	@echo "make lint         ruff over package, tests and notebooks, mypy over the package"
	@echo "make notebooks    run every notebook and save it with its outputs"
	@echo "make data         train everything again that data/ holds (hours on two cores)"
	@echo "make bench        measure side by side; prints a table, writes bench.json"
	@echo "make face         draw the picture at the head of README.md"
	@echo "make install      install what a reader needs, open nothing"
	@echo "make install-dev  install what a developer needs, run nothing"
	@echo "make clean        remove the environment"
	@echo
	@echo "PYTHON=python3.12   another Python, 3.11 or newer"
	@echo "TORCH_INDEX=https://download.pytorch.org/whl/cpu   PyTorch's builds without CUDA"

install: $(READY)

install-dev: $(READY_DEV)

$(READY): requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed; say which one with: make PYTHON=python3.12 ..."; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(if $(TORCH_INDEX),$(PIP) --no-deps --index-url $(TORCH_INDEX) $(shell grep '^torch==' requirements.txt))
	$(PIP) -r requirements.txt
	$(PIP) --no-deps --no-build-isolation -e .
	@mkdir -p $(SETTINGS) && echo '$(NO_NEWS)' > $(SETTINGS)/overrides.json
	@touch $@

$(READY_DEV): $(READY) requirements-dev.txt
	$(PIP) -r requirements-dev.txt
	@$(BIN)/python -m compileall -qq -j 2 $(VENV)/lib || true  # some want a later Python
	@touch $@

lab: install
	$(BIN)/jupyter lab $(ROOT_FLAG) --LabApp.default_url=/lab/tree/notebooks/00_start_here.ipynb

check: lint
	$(BIN)/python -m pytest -n 2 --dist loadfile -m "not slow" tests

# The notebooks run as copies, and what they print is compared with what is stored.
test: install-dev
	$(BIN)/python -m pytest -n 2 --dist loadfile --durations=20 tests
	rm -rf $(EXECUTED) && cp -r notebooks $(EXECUTED)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --nbmake --nbmake-timeout=300 --overwrite $(EXECUTED)
	OMP_NUM_THREADS=1 $(BIN)/python tests/notebooks/compare.py $(EXECUTED) notebooks

lint: install-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

notebooks: install-dev
	$(BIN)/python tests/notebooks/execute.py

data: install
	OMP_NUM_THREADS=1 $(BIN)/python data/make.py

bench: install-dev
	$(BIN)/python tests/bench/run.py

face: install
	$(BIN)/python -c 'from pathlib import Path; \
	from rnn_tutorial.plotting.cell_grid import RNNCall, draw_cell_grid; \
	from rnn_tutorial.plotting.figures import png_bytes; \
	call = RNNCall(cell="gru", num_layers=3, length=6); \
	fig = draw_cell_grid(call, highlight=("output", "h_n", "corner")); \
	Path(".github/output_vs_h_n.png").write_bytes(png_bytes(fig))'

clean:
	rm -rf $(VENV)
