# Two commands do all: `make run` starts the box and reads a sample study, `make test` proves it works.

PYTHON ?= python3
VENV ?= .venv
EXPORT_VENV ?= .venv-export
RUN_FOLDER ?= run
# A sample run is this checkout's own: whatever /etc/lumbarbox says on this machine, it does not reach it.
RUN_CONFIG ?= /dev/null
# CI passes `--once`: read the sample study, then stop.
RUN_FLAGS ?=

.PHONY: run test test-export test-slow lint bench bench-mqtt clean help

help:            ## these lines
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/ —/'

run: $(VENV)/.runtime  ## the box on this machine: inbox, broker, page, one sample study read
	$(VENV)/bin/lumbarbox --config $(RUN_CONFIG) serve --data $(RUN_FOLDER) --demo $(RUN_FLAGS)

test: $(VENV)/.test  ## the runtime's tests
	$(VENV)/bin/python -m pytest tests --ignore=tests/export

test-export: $(EXPORT_VENV)/.export  ## the tests of training and export (installs torch: large)
	$(EXPORT_VENV)/bin/python -m pytest tests/export

test-slow: $(VENV)/.test  ## the runtime's slow tests
	$(VENV)/bin/python -m pytest tests --ignore=tests/export -m slow

lint: $(VENV)/.dev  ## types and style
	$(VENV)/bin/ruff check .
	$(VENV)/bin/mypy

bench: $(VENV)/.runtime  ## latency: a whole reading beside the bare inferences it makes
	$(VENV)/bin/python -m benchmarks.latency

bench-mqtt: $(VENV)/.test  ## MQTT: 10,000 results through a storm, draining, what it costs the reader (10 minutes; needs mosquitto)
	$(VENV)/bin/python -m benchmarks.mqtt_storm
	$(VENV)/bin/python -m benchmarks.mqtt_drain
	$(VENV)/bin/python -m benchmarks.mqtt_reading

clean:           ## removes what the commands above made, never a study
	rm -rf $(VENV) $(EXPORT_VENV) .mypy_cache .ruff_cache .pytest_cache

$(VENV)/bin/pip:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed; found: $$($(PYTHON) --version)"; exit 2; }
	@$(PYTHON) -m venv $(VENV) || { echo "Python's venv is missing. On Debian and Ubuntu: sudo apt-get install python3-venv"; exit 2; }

$(VENV)/.runtime: pyproject.toml | $(VENV)/bin/pip
	@echo "Installing the runtime (about 400 MB, once) ..."
	$(VENV)/bin/pip install --quiet --disable-pip-version-check --editable .
	@touch $@

$(VENV)/.test: $(VENV)/.runtime
	$(VENV)/bin/pip install --quiet --disable-pip-version-check --editable '.[test]'
	@touch $@

$(VENV)/.dev: $(VENV)/.test
	$(VENV)/bin/pip install --quiet --disable-pip-version-check --editable '.[test,dev]'
	@touch $@

$(EXPORT_VENV)/.export: pyproject.toml
	$(PYTHON) -m venv $(EXPORT_VENV)
	$(EXPORT_VENV)/bin/pip install --quiet --disable-pip-version-check 'torch==2.13.0'
	$(EXPORT_VENV)/bin/pip install --quiet --disable-pip-version-check --editable '.[export,test]'
	@touch $@
