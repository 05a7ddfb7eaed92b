# Two commands do everything on a machine that has Python >= 3.11 and make: `make demo` and `make test`.
# Both may be run again and again; an environment that stands is not made again.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check

# One more than cores: some tests wait, for a server or for a kill.
PROCESSES = $(shell $(PYTHON) -c 'import os; print((os.cpu_count() or 1) + 1)')

# The tests start hundreds of processes, and each would compile the package anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test check soak docs fix clean

demo: $(VENV)/base.stamp
	$(BIN)/earmark demo

test: $(VENV)/dev.stamp $(VENV)/sctk.stamp $(VENV)/chromium.stamp check
	$(BIN)/python -m pytest -n $(PROCESSES) --dist loadfile --no-loadscope-reorder  # what a file's tests share is made once

# Formatting, lint, types.
check: $(VENV)/dev.stamp
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

# The long proofs: kills on real speech, a million utterances. Minutes to an hour.
soak: $(VENV)/dev.stamp $(VENV)/sctk.stamp $(VENV)/chromium.stamp
	$(BIN)/python -m pytest -m soak

# The generated parts of the documentation.
docs: $(VENV)/dev.stamp
	$(BIN)/python scripts/make_cli_reference.py
	$(BIN)/python scripts/make_python_reference.py

fix: $(VENV)/dev.stamp
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean:
	rm -rf $(VENV)

$(VENV)/python.stamp:
	$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("earmark needs Python 3.11 or newer: make PYTHON=python3.11 ...")'
	$(PYTHON) -m venv $(VENV)
	touch $@

$(VENV)/base.stamp: $(VENV)/python.stamp pyproject.toml constraints.txt
	$(PIP) install --quiet --constraint constraints.txt --editable .
	touch $@

$(VENV)/dev.stamp: $(VENV)/python.stamp pyproject.toml constraints.txt
	$(PIP) install --quiet --constraint constraints.txt --editable '.[dev]'
	$(BIN)/python scripts/fit_torchaudio.py  # its wheel is for CUDA; the torch of constraints.txt may not be
	touch $@ $(VENV)/base.stamp

# NIST's scorer, an oracle of the tests: installed where apt and root are there. Else the tests that need it are skipped.
$(VENV)/sctk.stamp: $(VENV)/python.stamp
	-command -v sctk >/dev/null || { test "$$(id -u)" = 0 && command -v apt-get >/dev/null && \
	  { timeout 300 apt-get install -qq -y sctk || \
	    { timeout 300 apt-get update -qq && timeout 300 apt-get install -qq -y sctk; }; }; } >/dev/null 2>&1
	touch $@

# A browser without a screen, which opens the report in the tests: likewise.
$(VENV)/chromium.stamp: $(VENV)/sctk.stamp
	-command -v chromium-headless-shell >/dev/null || command -v chromium >/dev/null || { test "$$(id -u)" = 0 && \
	  command -v apt-get >/dev/null && \
	  { timeout 300 apt-get install -qq -y --no-install-recommends chromium-headless-shell || \
	    { timeout 300 apt-get update -qq && \
	      timeout 300 apt-get install -qq -y --no-install-recommends chromium-headless-shell; }; }; } >/dev/null 2>&1
	touch $@
