# Everything runs in .venv, which `install` makes and keeps up to date with pyproject.toml and the pins.
PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/.installed

.PHONY: install demo test check bench clean

install: $(INSTALLED)

$(INSTALLED): pyproject.toml .ci/constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"
	$(BIN)/python -m pip install --quiet --constraint .ci/constraints.txt --editable . --group dev
	touch $@

demo: install  ## the default grid on digits, with its tables
	$(BIN)/ablate run --output results/demo

test: install
	$(BIN)/python -m pytest $(ARGS)

check: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: install  ## the engine against the tightest plain loop, side by side
	$(BIN)/python tests/benchmarks/engine_vs_loop.py $(ARGS)

clean:
	rm -rf .venv build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
