# make demo    set up, deploy samples/iris to the local AWS, predict one flower
# make test    set up what the tests need, run them
# make check   format, lint, types, import layers: what CI runs
# make bench   the side-by-side measurements
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# what waits for the local AWS and what computes are shared out as they come: a worker that has nothing left takes from the other
ARGS ?= -n auto --dist worksteal

.PHONY: setup demo test check bench
setup: $(VENV)/.ready

$(VENV)/.ready: pyproject.toml
	@echo "Setting up $(VENV): some 100 packages, once; half a minute with a fast index"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check "uv>=0.9"
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --compile-bytecode --editable . --group dev
	@$(BIN)/python -m compileall -q slsdeploy handlers
	@touch $@

demo: setup
	@$(BIN)/slsdeploy up samples/iris --local
	@$(BIN)/slsdeploy invoke samples/iris --local --url --event samples/iris/flower.json

test: setup
	@$(BIN)/python -m pytest $(ARGS)

check: setup
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

bench: setup
	@for script in benchmarks/*.py; do $(BIN)/python $$script || exit 1; done
