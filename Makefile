# Two commands are enough: `make desk` trades, `make test` checks everything. Both set up .venv first.
# A stamp in .venv remembers what is installed, so a second run starts at once; a changed lock file installs again.
# The front end of the panels is built when its sources changed: widgets/build.py looks, which takes a tenth of a second.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip --disable-pip-version-check --no-input
SAY    := @printf '\n==> %s\n'
PANELS := @$(BIN)/python widgets/build.py --quiet

MADE        := $(VENV)/.stamp-made
LOCKED      := $(VENV)/.stamp-locked
LOCKED_TEST := $(VENV)/.stamp-locked-test
READY       := $(VENV)/.stamp-ready
READY_TEST  := $(VENV)/.stamp-ready-test

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help desk test lint format coverage sim bench lock clean distclean

help: ## Show this list
	@echo "VTrade: a market you can hold in a notebook"
	@echo
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))
	@echo
	@echo "Options: PYTHON=python3.13 chooses the Python that .venv is made with (3.11 or newer; make distclean first to change it)"

desk: $(READY) ## Open JupyterLab on the trading desk (TAPE=lobster:FILE.zip another market, HEADLESS=1 an HTML page)
	$(PANELS)
	$(BIN)/vtrade desk $(if $(filter-out 0 no false,$(HEADLESS)),--headless) $(if $(TAPE),--tape "$(TAPE)")

test: lint ## Check everything: style, types, import floors, then every test (ARGS="-k ledger" picks some)
	$(SAY) "Tests"
	@$(BIN)/python -m pytest $(SHARED) $(ARGS)

# Two processes share the work: while one waits for servers, the other computes. PROCESSES=0 runs all in one.
SHARED = $(if $(filter-out 0,$(or $(PROCESSES),2)),-n $(or $(PROCESSES),2) --dist loadgroup)

lint: $(READY_TEST) ## Check style, types and import floors, without the tests
	$(PANELS)
	$(SAY) "Style: ruff"
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	$(SAY) "Types: mypy (a minute the first time, seconds after)"
	@$(BIN)/mypy
	$(SAY) "Import floors: import-linter"
	@$(BIN)/lint-imports

format: $(READY_TEST) ## Mend the style, as far as a machine can
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

coverage: $(READY_TEST) ## Run the tests and list the lines that none of them reaches (compiled kernels are not counted)
	$(PANELS)
	@$(BIN)/coverage run -m pytest $(ARGS)
	@$(BIN)/coverage report --skip-covered --show-missing

sim: $(READY_TEST) ## Live through bad days of the backbone, for a night (SEEDS=10000, FROM=0); a failure prints its seed
	$(BIN)/python -m tests.sim --seeds $(or $(SEEDS),1000) --from $(or $(FROM),0)

bench: $(READY) ## Measure speed and memory (SUITE=name picks one)
	$(PANELS)
	$(BIN)/vtrade bench $(SUITE)

lock: $(MADE) ## Work out the lock files again (UPGRADE=1 takes the newest versions)
	$(SAY) "Locking"
	@$(PIP) install --quiet "uv>=0.9"
	@$(COMPILE) --output-file requirements.lock
	@$(COMPILE) --extra test --constraint requirements.lock --output-file requirements-test.lock

# One lock for Linux, macOS and Windows and every Python since 3.11; the group `build` lets the project itself install offline.
COMPILE := $(BIN)/uv pip compile pyproject.toml --group build --universal --python-version 3.11 --fork-strategy fewest \
	--generate-hashes --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" --quiet \
	$(if $(UPGRADE),--upgrade)

clean: ## Throw away caches and build output
	rm -rf build dist widgets/vtrade_widgets/static
	rm -rf .cache .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis .coverage
	find . -path ./$(VENV) -prune -o -type d '(' -name __pycache__ -o -name .ipynb_checkpoints ')' -prune -exec rm -rf {} +

distclean: clean ## Throw away .venv and the libraries from npm as well
	rm -rf $(VENV) widgets/node_modules

$(MADE):
	@command -v "$(PYTHON)" > /dev/null || { \
	  echo "VTrade needs Python 3.11 or newer, and there is no '$(PYTHON)' here: install it, or name one: make PYTHON=python3.12 ..." >&2; exit 1; }
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "VTrade needs Python 3.11 or newer; '$(PYTHON)' is $$("$(PYTHON)" --version 2>&1): name a newer one: make PYTHON=python3.12 ..." >&2; exit 1; }
	$(SAY) "Making $(VENV) with $(PYTHON)"
	@"$(PYTHON)" -m venv $(VENV) || { echo "That failed; on Debian and Ubuntu: sudo apt-get install python3-venv" >&2; exit 1; }
	@touch $@

$(LOCKED): requirements.lock | $(MADE)
	$(SAY) "Installing what requirements.lock names (about 150 packages; a minute or two the first time)"
	@$(PIP) install --require-hashes --no-deps -r requirements.lock
	@touch $@

# The test lock holds all of the run-time lock at the same versions, so it stands in for it.
$(LOCKED_TEST): requirements-test.lock requirements.lock | $(MADE)
	$(SAY) "Installing what requirements-test.lock names (about 170 packages; a minute or two the first time)"
	@$(PIP) install --require-hashes --no-deps -r requirements-test.lock
	@touch $(LOCKED) $@

$(READY): pyproject.toml $(LOCKED)
	$(SAY) "Building the panels and installing VTrade itself"
	$(PANELS)
	@$(PIP) install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

$(READY_TEST): pyproject.toml $(LOCKED_TEST)
	$(SAY) "Building the panels and installing VTrade itself"
	$(PANELS)
	@$(PIP) install --quiet --no-deps --no-build-isolation --editable .
	@touch $(READY) $@
