# Two commands do everything: `make run` and `make test`. Each installs what it needs into .venv first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
IBAPI10 := .venv-ibapi10

.PHONY: run test install check lint types ibapi10 soak clean
.DEFAULT_GOAL := run

run: $(VENV)/.run
	$(BIN)/hedgerow run beta_hedge

test: $(VENV)/.test lint types check ibapi10
	$(BIN)/python -m pytest -n 3 --ignore=tests/flows/serve --ignore=tests/soak
	$(BIN)/python -m pytest -n 2 --dist loadfile tests/flows/serve tests/soak

install: $(VENV)/.test

lint: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.test
	$(BIN)/mypy

check: $(VENV)/.test
	$(BIN)/hedgerow check

# The broker's newer client installs into the same folder as the older one: it has an environment of its own.
ibapi10: $(IBAPI10)/.test
	$(IBAPI10)/bin/python -m pytest -q -n 2 -p no:cacheprovider tests/tasks/connections/ib --ignore=tests/tasks/connections/ib/simulator

# Twenty minutes of killing what the schedule stands on, and an hour of simulated trading, six times as fast, while
# everything fails; the results are committed.
soak: $(VENV)/.test
	$(BIN)/python tests/soak/schedule.py --minutes 20 --results tests/soak/results-schedule.md
	$(BIN)/python tests/soak/fuzz_bridge.py --count 1000000 --results tests/soak/results-fuzz-bridge.md
	$(BIN)/python tests/soak/fuzz_gateway.py --count 1000000
	$(BIN)/python tests/soak/trading.py --minutes 60 --results tests/soak/results-trading.md

$(VENV)/.venv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Hedgerow needs Python 3.11 or newer: $(PYTHON) is `$(PYTHON) -V 2>&1`. Try: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { echo "On Debian or Ubuntu: apt-get install python3-venv"; rm -rf $(VENV); exit 1; }
	@touch $@

# The constraints are what the tests ran with: a plain install resolves to sets that are broken.
$(VENV)/.run: $(VENV)/.venv pyproject.toml constraints.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e .
	@touch $@

$(VENV)/.test: $(VENV)/.venv pyproject.toml constraints.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[test]"
	@touch $(VENV)/.run $@

$(IBAPI10)/.test: $(VENV)/.venv constraints.txt Makefile
	@$(PYTHON) -m venv $(IBAPI10)
	$(IBAPI10)/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt \
	  ibapi-latest==10.51.1 exchange-calendars filelock numpy pandas pandera pydantic pyyaml hypothesis pytest pytest-timeout pytest-xdist
	@touch $@

clean:
	rm -rf $(VENV) $(IBAPI10) .hedgerow *.egg-info .mypy_cache .ruff_cache .pytest_cache
