# `make demo` and `make test` set everything up by themselves: Python 3.11 or newer is all they need.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Three for two processors: tests wait for deadlines now and then, and each worker reads all files first.
WORKERS := $(shell $(PYTHON) -c 'import os; print(3 * (os.cpu_count() or 1) // 2)')

.PHONY: help demo test test-programs test-source test-bench test-soak gateways check schema schema-diff fuzz bench bench-lists bench-beside bench-layers bench-observed bench-growth bench-inside bench-flow capacity soak soak-budget soak-replicas board graphiql image test-image sbom clean

help:  ## List the commands
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

# What the server needs, and with it what only tests and checks need, in one virtual environment.
INSTALL = $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo 'Python 3.11 or newer is needed; name it with: make PYTHON=python3.12 $(MAKECMDGOALS)'; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/server: pyproject.toml constraints.txt | $(BIN)/python
	$(INSTALL) .
	@touch $@

$(VENV)/installed: pyproject.toml constraints.txt | $(BIN)/python
	$(INSTALL) '.[test,check,tracing]'
	@touch $(VENV)/server $@

demo: $(VENV)/server  ## Serve the graph over simulated upstreams, no credentials needed
	@$(BIN)/python server.py --demo

# What one worker has compiled, no other has to, and the longest files come first (tests/conftest.py). A file stays with
# one worker: what its tests share, a browser or a server, is started once. A test that hangs shows where, and fails.
RUN_TESTS = $(BIN)/python -m pytest --numprocesses $(WORKERS) --dist loadfile --no-loadscope-reorder --max-worker-restart 0 \
	--override-ini faulthandler_timeout=120 --override-ini faulthandler_exit_on_timeout=true
APART := not gateways and not whole and not wrk and not soak and not image

test test-programs: export PYTHONDONTWRITEBYTECODE :=
test: $(VENV)/installed  ## Run the tests; with TESTS=tests/test_x.py some of them
	$(RUN_TESTS) -m '$(APART) and not programs' $(TESTS)

test-programs: $(VENV)/installed  ## Run the tests that start other programs, look at memory or at hours, or try much at random
	$(RUN_TESTS) -m '$(APART) and programs' -rs

test-source: $(VENV)/installed  ## Follow docs/adding-a-source.md, and run on the result all checks, and the tests that a source can break
	$(BIN)/python -m pytest tests/test_adding_a_source.py -m whole -rs

test-bench: $(VENV)/installed  ## Try the benchmarks that need wrk, for a second each
	$(BIN)/python -m pytest tests/test_benchmarks.py -m wrk -rs

test-soak: $(VENV)/installed  ## Let a source hang under load for some seconds, and send bodies without end
	$(BIN)/python -m pytest tests/test_soak.py -m soak -rs

gateways: $(VENV)/installed  ## Run gateways, composers and clients of the GraphQL world against the server
	$(BIN)/python -m pytest tests/test_gateways.py tests/test_frontends_browser.py tests/test_board_build.py -m gateways -rs

check: $(VENV)/installed  ## Lint, types, and the printed schema
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m schema.export --check
	BIN=$(BIN) deploy/lint

schema: $(VENV)/installed  ## Print the schema into schema.graphql
	$(BIN)/python -m schema.export

schema-diff: $(VENV)/installed  ## List breaking changes of the schema: make schema-diff BASE=main
	@$(BIN)/python -m schema.diff "$(BASE)"

fuzz: $(VENV)/installed  ## Fuzz for some minutes
	FUZZ_EXAMPLES=5000 COMPILED_EXAMPLES=5000 $(BIN)/python -m pytest tests/test_fuzz*.py tests/test_redaction.py \
		tests/test_engine_compiler.py tests/test_engine_documents.py tests/test_paging.py \
		tests/test_store_pages.py tests/test_store_conditions.py tests/test_store_summaries.py tests/test_sync_hour.py \
		tests/test_deals_filters.py tests/test_deals_postgresql.py tests/test_engine_compiled_listing.py

bench: $(VENV)/installed  ## Measure beside what people would pick instead: about 45 minutes
	$(INSTALL) '.[bench]'
	$(BIN)/python -m benchmarks.run
	$(BIN)/python -m benchmarks.lists

bench-lists: $(VENV)/installed  ## Measure lists of deals alone: ten minutes, with QUICK=1 three
	$(BIN)/python -m benchmarks.lists $(if $(QUICK),--quick)

bench-beside: $(VENV)/installed  ## Measure beside an older checkout: make bench-beside BASE=../older QUICK=1
	@test -n "$(BASE)" || { echo 'Name the folder of the other checkout: make bench-beside BASE=../older'; exit 1; }
	$(BIN)/python -m benchmarks.beside "$(BASE)" $(if $(QUICK),--quick)

bench-layers: $(VENV)/installed  ## Measure what each layer that is there for speed buys
	$(BIN)/python -m benchmarks.layers

bench-observed: $(VENV)/installed  ## Measure what metrics, traces and a line for each request cost
	$(BIN)/python -m benchmarks.observed

bench-growth: $(VENV)/installed  ## Measure what grows with ids, documents and time
	$(BIN)/python -m benchmarks.growth

bench-inside: $(VENV)/installed  ## Measure what a request costs inside the process
	$(BIN)/python -m benchmarks.inside

bench-flow: $(VENV)/installed  ## Count the files that one record goes through
	$(BIN)/python -m benchmarks.flow

capacity: $(VENV)/installed  ## Simulate what a deployment can do; with CHECK=1, run real servers beside the model
	$(INSTALL) '.[bench]'
	$(BIN)/python -m benchmarks.capacity $(if $(CHECK),--check)

soak: $(VENV)/installed  ## Let the sources fail in turn under load: five minutes
	$(BIN)/python -m benchmarks.soak

soak-budget: $(VENV)/installed  ## Hold the documented rates at full demand: four minutes
	$(BIN)/python -m benchmarks.soak_budget

board: $(VENV)/installed  ## Build the board from its sources
	$(BIN)/python web/board/renew.py

soak-replicas: $(VENV)/installed  ## Hold them with four servers of one database, while servers and database are killed: six minutes
	$(BIN)/python -m benchmarks.soak_replicas

graphiql: $(VENV)/installed  ## Build the GraphiQL page from its packages
	$(BIN)/python web/graphiql/renew.py

image:  ## Build the image with docker, podman or buildah
	deploy/build-image

test-image: $(VENV)/installed  ## Build the image and run it, read-only and as nobody in particular
	$(BIN)/python -m pytest tests/test_image_built.py -m image -rs

sbom: $(VENV)/installed  ## Write what the server is made of, as CycloneDX, into sbom/
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[sbom]'
	deploy/sbom

clean:  ## Remove what the other commands made
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis
