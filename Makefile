# `make demo` and `make test` do all the set-up; `make ui` opens Dagster on the demo.
PYTHON ?= python3
VENV ?= .venv
DATA ?= data
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

# PySpark has an environment of its own: where it is, Pandera imports it, and all else would be measured and tested with it.
SPARK_VENV ?= .venv-spark
SPARK_BIN := $(SPARK_VENV)/bin
SPARK_INSTALLED := $(SPARK_VENV)/.installed

.PHONY: demo ui test lint types unit coverage quick soak spark-test clean lock help

help:
	@echo "make demo   a demo world built through Dagster, and its answers"
	@echo "make ui     Dagster on the demo, http://127.0.0.1:3000"
	@echo "make test   what is checked without Java: format, lint, types, imports, tests"
	@echo "make quick  the part of the tests that CI runs on a newer Python"
	@echo "make soak   200 builds killed at random moments, and Dagster's processes while they build"
	@echo "make spark-test   the tests on a Spark cluster, which they start; needs Java 17 or newer"
	@echo "make coverage   the tests, and which lines of the package they run"
	@echo "make lock   resolve all lock files anew"
	@echo "make clean  remove the demo's data and the virtual environment"

$(INSTALLED): requirements.bootstrap.lock requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed; name one with make PYTHON=python3.12 ..."; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.bootstrap.lock
	$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python --require-hashes --no-deps -r requirements.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $@

$(SPARK_INSTALLED): $(INSTALLED) requirements.spark.lock
	$(BIN)/python -m venv --without-pip $(SPARK_VENV)
	$(BIN)/uv pip install --quiet --python $(SPARK_BIN)/python --require-hashes --no-deps \
		-r requirements.lock -r requirements.spark.lock
	$(BIN)/uv pip install --quiet --python $(SPARK_BIN)/python --no-deps --no-build-isolation --editable .
	@touch $@

demo: $(INSTALLED)
	$(BIN)/growth-assets simulate --data $(DATA)
	$(BIN)/growth-assets build --data $(DATA)
	$(BIN)/growth-assets answers --data $(DATA)
	@echo "Look at it in Dagster: make ui"
	@echo "Your own logs: growth-assets init my-site, as the README shows"

ui: $(INSTALLED)
	$(BIN)/growth-assets ui --data $(DATA)

test: lint types unit

lint: $(INSTALLED)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports --config setup.cfg

types: $(INSTALLED)
	$(BIN)/mypy

# A file's tests share what they build, so they stay together; files begin in the order of growth_assets_tests/conftest.py.
# One process more than two cores have work for: some test always waits for a daemon or a browser.
AT_ONCE := -n 3 --dist loadfile --no-loadscope-reorder

unit: $(INSTALLED)
	$(BIN)/python -m pytest $(AT_ONCE) $(PYTEST)

coverage: $(INSTALLED)
	$(BIN)/python -m pytest $(AT_ONCE) --cov=growth_assets --cov-report=term:skip-covered $(PYTEST)

# What depends on the interpreter and the packages most: contracts, checks, graph, settings, and real logs end to end.
QUICK := $(addprefix growth_assets_tests/,contracts checks/test_verdicts.py checks/test_guardrail.py graph settings real_logs test_samples.py)

quick: $(INSTALLED)
	$(BIN)/python -m pytest $(AT_ONCE) -p no:cacheprovider $(QUICK)

# The gate kills a tenth of them.
soak: $(INSTALLED)
	$(BIN)/python -m pytest --kills 200 --timeout 7200 $(PYTEST) growth_assets_tests/faults/test_kill_at_any_moment.py \
		growth_assets_tests/faults/test_dagster_killed.py

# One process: its tests share a cluster, which has a core for each of two workers.
spark-test: $(SPARK_INSTALLED)
	@$(SPARK_BIN)/python -m benchmarks.spark_cluster
	$(SPARK_BIN)/python -m pytest -p no:cacheprovider $(PYTEST) growth_assets_tests/spark

lock: $(INSTALLED)
	$(BIN)/uv pip compile --quiet --upgrade --generate-hashes --universal --python-version 3.11 \
		--custom-compile-command "make lock" --group dev --output-file requirements.lock pyproject.toml
	$(BIN)/uv pip compile --quiet --upgrade --generate-hashes --universal --python-version 3.11 \
		--custom-compile-command "make lock" --group pyproject.toml:bootstrap --output-file requirements.bootstrap.lock
	$(BIN)/python -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["project"]["optional-dependencies"]["spark"], sep="\n")' \
		| $(BIN)/uv pip compile --quiet --upgrade --generate-hashes --universal --python-version 3.11 \
		--custom-compile-command "make lock" --constraint requirements.lock --output-file requirements.spark.lock -

clean:
	rm -rf $(VENV) $(SPARK_VENV) $(DATA)/landing $(DATA)/warehouse $(DATA)/dagster_home $(DATA)/truth.json
