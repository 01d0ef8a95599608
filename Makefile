# Everything runs in .venv, which `install` makes and keeps up to date with pyproject.toml and the pins.
PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/.installed

.PHONY: install demo test test-cuda check-cuda check bench gate baseline clean

install: $(INSTALLED)

$(INSTALLED): pyproject.toml .ci/constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"
	$(BIN)/python -m pip install --quiet --constraint .ci/constraints.txt --editable . --group dev
	touch $@

demo: install  ## the default grid on digits, with its tables
	rm -rf results/demo
	$(BIN)/ablate run --output results/demo

test: install
	$(BIN)/python -m pytest --numprocesses auto --dist loadscope $(ARGS)

test-cuda: install  ## what holds on a GPU; needs one
	$(BIN)/python -m pytest -m cuda $(ARGS)

check-cuda: install  ## correctness, speed and profile on a GPU; needs one, or ARGS=--dry-run
	$(BIN)/python -m tests.cuda.check all $(ARGS)

check: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: install  ## the engine against plain loops, DataLoader and vmap, side by side
	$(BIN)/ablate bench $(ARGS)

# Quality only, with margins: bits differ between machines, accuracies by less than a point.
GATE_GRID := --activation relu,tanh --dropout 0,0.2,0.5 --seeds 8 --epochs 12

gate: install  ## the engine of today against the committed baseline: has any accuracy, gap or convergence got worse?
	$(BIN)/ablate gate --self-test results/baseline.parquet
	rm -rf results/gate
	$(BIN)/ablate run $(GATE_GRID) --output results/gate > results/gate.txt
	$(BIN)/ablate gate results/baseline.parquet results/gate --junit results/gate.xml

baseline: install  ## the committed baseline anew, after a change that is meant to move it
	rm -rf results/gate
	$(BIN)/ablate run $(GATE_GRID) --output results/gate > results/gate.txt
	$(BIN)/ablate baseline results/gate --output results/baseline.parquet

clean:
	rm -rf .venv build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
