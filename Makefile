# Two commands do everything: `make lab` opens the series, `make test` proves it.
VENV ?= .venv
PYTHON ?= python3
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# JupyterLab would ask about news at its first start, and look for updates.
SETTINGS := $(VENV)/share/jupyter/lab/settings
NO_NEWS := {"@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": false}}
ROOT_FLAG := $(if $(filter 0,$(shell id -u)),--allow-root)

.PHONY: help install lab test lint notebooks data bench face clean

help:
	@echo "make lab        install what is needed and open JupyterLab at notebook 00"
	@echo "make test       install what is needed and run every test"
	@echo "make lint       ruff over package and notebooks, mypy over the package"
	@echo "make notebooks  run every notebook and save it with its outputs"
	@echo "make data       train everything again that data/ holds (hours on two cores)"
	@echo "make bench      measure side by side; prints a table, writes bench.json"
	@echo "make face       draw the picture at the head of README.md"
	@echo "make clean      remove the environment"

install: $(READY)

$(READY): requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed; say which one with: make PYTHON=python3.12 ..."; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet -r requirements.txt
	$(BIN)/pip install --quiet --no-deps --no-build-isolation -e .
	@mkdir -p $(SETTINGS) && echo '$(NO_NEWS)' > $(SETTINGS)/overrides.json
	@touch $@

lab: install
	$(BIN)/jupyter lab $(ROOT_FLAG) --LabApp.default_url=/lab/tree/notebooks/00_start_here.ipynb

test: install
	$(BIN)/python -m pytest -n 2 --dist loadfile tests
	$(BIN)/python -m pytest -n 2 --nbmake --nbmake-timeout=300 notebooks

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

notebooks: install
	$(BIN)/python tests/notebooks/execute.py

data: install
	OMP_NUM_THREADS=1 $(BIN)/python data/make.py

bench: install
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
