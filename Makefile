# The words for everybody: make demo, make test, make check, make bench. Each works as the first
# and only command on a fresh machine with Python 3.11 or newer.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_CONSTRAINT=$(CURDIR)/constraints.txt $(BIN)/python -m pip install --quiet --progress-bar off
WORKERS ?= 2
# As many workers as cores: each has one.
TESTS := OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup

.PHONY: help demo test test-slow check format bench wheel clean neo4j-jars explorer page chromium

help:
	@echo "make demo       install, then find the rings of a made-up marketplace"
	@echo "make test       install what tests need, then run them (Neo4j: Java 17, 25 for its newest, and Maven; or NEO4J_URI;"
	@echo "                the page: Node 20 and Debian's package chromium)"
	@echo "make test-slow  the tests marked slow"
	@echo "make check      formatting, lint, types, layers"
	@echo "make format     put the formatting right"
	@echo "make bench      renew the tables under docs/benchmarks (an hour)"
	@echo "make explorer   build the page of graphml explore (Node 20 or newer with npm)"
	@echo "make wheel      build dist/*.whl, with the page in it"

$(VENV)/made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
	  { echo "error: graphml needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) -V 2>&1)"; \
	    echo "try: make $(or $(MAKECMDGOALS),demo) PYTHON=/path/to/python3.11"; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || \
	  { echo "error: $(PYTHON) has no venv module"; echo "try: apt-get install python3-venv"; exit 1; }
	@$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/base: $(VENV)/made pyproject.toml constraints.txt
	@echo "installing graphml into $(VENV) (a few minutes the first time)" >&2
	@$(PIP) -e '.[service,plots]'
	@touch $@

$(VENV)/dev: $(VENV)/base
	@$(PIP) -e '.[dev]'
	@touch $@

# The page is made from its sources whenever one of them has changed.
PAGE := explorer/dist/index.html
PAGE_SOURCES := $(shell find explorer/src explorer/public explorer/index.html explorer/*.json explorer/*.ts -type f 2>/dev/null)

$(PAGE): $(PAGE_SOURCES)
	@command -v npm >/dev/null && node -e 'process.exit(+process.versions.node.split(".")[0] < 20 ? 1 : 0)' || \
	  { echo "error: the page of graphml explore is built with Node 20 or newer and npm"; \
	    echo "try: install Node 20 (Debian: apt-get install nodejs npm), then make explorer"; exit 1; }
	@echo "building the page (a minute the first time)" >&2
	@cd explorer && npm ci --silent --no-audit --no-fund && npm run --silent build >&2
	@touch $@

explorer: $(PAGE)

# Everything but the page works without Node: it is named, and the demo goes on.
page:
	@$(MAKE) --no-print-directory $(PAGE) >&2 || true

chromium:
	@command -v chromium >/dev/null || command -v chromium-browser >/dev/null || \
	  { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && \
	    echo "installing Debian's chromium" >&2 && apt-get update -qq && \
	    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium >/dev/null; } || \
	  { echo "error: the page's tests need chromium"; echo "try: apt-get install chromium"; exit 1; }

demo: $(VENV)/base page
	@$(BIN)/graphml demo

neo4j-jars: $(VENV)/dev
	@$(BIN)/python -m tests.neo4j_server --prepare

test: $(VENV)/dev neo4j-jars explorer chromium
	@cd explorer && npm run --silent test >&2
	$(TESTS) -m "not slow and not gpu"

test-slow: $(VENV)/dev neo4j-jars explorer chromium
	$(TESTS) -m "slow" --timeout 3000

check: $(VENV)/dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(VENV)/dev neo4j-jars explorer chromium
	$(BIN)/python -m benchmarks.load --write
	$(BIN)/python -m benchmarks.rings --write
	$(BIN)/python -m benchmarks.neo4j --write
	$(BIN)/python -m benchmarks.neo4j_read --write
	$(BIN)/python -m benchmarks.neo4j_killed --write
	$(BIN)/python -m benchmarks.service --write
	$(BIN)/python -m benchmarks.explorer --write

wheel: $(VENV)/dev explorer
	$(BIN)/python -m build --wheel --no-isolation

clean:
	rm -rf build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
