# `make demo` and `make test` set everything up by themselves: Python 3.11 or newer is all they need.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: help demo test check schema schema-diff fuzz graphiql clean

help:  ## List the commands
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

$(VENV)/installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo 'Python 3.11 or newer is needed; name it with: make PYTHON=python3.12 $(MAKECMDGOALS)'; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[test,check]'
	@touch $@

demo: $(VENV)/installed  ## Serve the graph over simulated upstreams, no credentials needed
	@$(BIN)/python server.py --demo

test: $(VENV)/installed  ## Run the tests
	$(BIN)/python -m pytest --numprocesses auto --dist loadfile

check: $(VENV)/installed  ## Lint, types, and the printed schema
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m schema.export --check

schema: $(VENV)/installed  ## Print the schema into schema.graphql
	$(BIN)/python -m schema.export

schema-diff: $(VENV)/installed  ## List breaking changes of the schema: make schema-diff BASE=main
	@$(BIN)/python -m schema.diff "$(BASE)"

fuzz: $(VENV)/installed  ## Fuzz for some minutes
	FUZZ_EXAMPLES=5000 $(BIN)/python -m pytest tests/test_fuzz.py

graphiql: $(VENV)/installed  ## Renew the vendored GraphiQL from its packages
	$(BIN)/python web/graphiql/renew.py

clean:  ## Remove what the other commands made
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis
