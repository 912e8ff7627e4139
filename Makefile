# Quitanda's commands. `make` or `make help` lists them.
#
# Everything runs from `.venv`, which is made from the hash-locked requirements the first
# time a command needs it and again whenever a lock file changes.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

PYTHON ?= python3
# `make test VENV=.venv-3.13 PYTHON=python3.13`: another Python beside the usual one.
VENV := .venv
BIN := $(VENV)/bin
IMAGE_MEMBERS := services/replica services/admin-portal services/client-portal services/web clients
MEMBERS := core $(IMAGE_MEMBERS) deploy/local testing
PROTOS := $(wildcard proto/quitanda/*/*.proto)
STUBS := find quitanda -name '*_pb2*.py' -o -name '*_pb2*.pyi'
LOCAL_PACKAGES := $(addsuffix /pyproject.toml,$(MEMBERS))

# Which version of the images is made, run and tested, and in which network.
export QUITANDA_TAG ?= $(shell sed -n 's/^QUITANDA_TAG=//p' .env)
export QUITANDA_NETWORK ?= $(shell sed -n 's/^QUITANDA_NETWORK=//p' .env)

# Published as source only; everything else is installed from wheels.
SOURCE_ONLY := pysyncobj

# Each is checked by mypy by itself: their conftest.py have one name.
TESTS := $(wildcard $(addsuffix /tests,$(MEMBERS) deploy/install deploy/mosquitto deploy/prometheus deploy/grafana deploy/three-hosts deploy/systemd bench video)) services/web/browser-tests integration-tests
UNIT_TESTS := core services clients deploy testing bench video

# One process per core; each runs the tests of whole modules, so that what a module's tests share is made once.
PARALLEL := --numprocesses auto --dist loadfile
# Two processes per core for the fast tests: most of their time they wait for each other.
PARALLEL_FAST := --numprocesses $(shell echo $$((2 * $$(getconf _NPROCESSORS_ONLN)))) --dist worksteal

# Tests that run no cluster: the same whatever the scenarios' cluster is made of.
WITHOUT_CLUSTER := $(wildcard $(addprefix integration-tests/,simulation mutants test_chaos_schedule.py \
	test_replica_contract_suite.py test_another_engine.py))

# `make run DATA=dir`: where `run` keeps the replicas' data (default: a temporary directory).
DATA ?=
# `make run BROKER=amqtt`: which MQTT broker (default: mosquitto where it is installed, otherwise amqtt).
BROKER ?=
# `make run DATA=dir RESTORE=file`: begin a new cluster in dir with a backup.
RESTORE ?=
# `make run COURSE=1`: serve the course's contract, too (administrators on 7101 and 7102, orders on 7103 and 7104).
COURSE ?=
# `make run IDENTITY=off`: no certificates, no TLS, and nobody proves who calls; on this machine only (default: on).
IDENTITY ?=
# `make run PORTS=8000`: count all ports from 8000 instead of 7000, so that two can run side by side.
PORTS ?=
# Extra arguments for pytest, for example `make test ARGS="-k stock -x"`.
ARGS ?=
# `make simulate SEEDS=0:2000`: which runs; `SEEDS=17 TRACE=1` shows one; `WITHOUT=name` leaves a repair out.
SEEDS ?= 0:500
WITHOUT ?=
TRACE ?=
# `make mutants ONLY=name`, or `PART=2/4`: every fourth mutant, from the second on; the same for the tests of
# `make test`, `make test-fast`, `make test-web` and `make test-containers`; of `make test` only the scenarios come in parts.
ONLY ?=
PART ?=
# `make bench SECONDS=4 ROUNDS=3 KILLS=20`: how much is measured; `ONLY=quitanda,etcd,changes`: which systems and cases.
SECONDS ?=
KILLS ?=
# `make down VOLUMES=1`: remove the data, too.
VOLUMES ?=

# What may be given to make; anything else is a slip, and is told before it does harm.
KNOWN := PYTHON VENV DATA BROKER RESTORE COURSE IDENTITY PORTS ARGS SEEDS WITHOUT TRACE VOLUMES ROUNDS SEED DURATION SCHEDULE CLUSTER \
	ONLY PART MEGABYTES OUTAGE OUT SECONDS KILLS QUITANDA_TAG QUITANDA_NETWORK SHELL MAKEFLAGS
UNKNOWN := $(filter-out $(KNOWN),$(foreach v,$(.VARIABLES),$(if $(filter command,$(origin $v)),$v)))
ifneq ($(UNKNOWN),)
$(error $(or $(shell $(PYTHON) deploy/install/make_variables.py $(UNKNOWN) -- $(KNOWN)),unknown: $(UNKNOWN)))
endif

.PHONY: help setup run bench bench-quick bench-smoke bench-growth demo record-demo test test-fast test-unit test-scenarios power-loss stalled-clocks upgrade-test large-state simulate mutants chaos test-web web-pictures video pictures test-integration test-compose test-containers images up down check fix hooks lint types imports house-rules advisories audit proto generate proto-check lock clean

help: ## List the commands
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(VENV)/.ready ## Make the virtual environment (other commands do it by themselves)

$(VENV)/.ready: requirements/dev.lock requirements/build.lock $(LOCAL_PACKAGES)
	@$(PYTHON) deploy/install/supported.py
	@echo "Installing into $(VENV) (once; about a minute) ..."
	@$(PYTHON) deploy/install/virtual_environment.py "$(VENV)" $(SOURCE_ONLY) $(MEMBERS)
	@touch $@

run: $(VENV)/.ready ## Start everything as local processes; Ctrl-C stops it (DATA=dir keeps the data, PORTS=8000 counts the ports from there, RESTORE=file begins with a backup, COURSE=1 serves the course's contract, IDENTITY=off asks nobody for a token)
	@$(BIN)/python -m quitanda_local run $(if $(DATA),--data "$(DATA)") $(if $(BROKER),--broker "$(BROKER)") $(if $(PORTS),--ports "$(PORTS)") \
		$(if $(RESTORE),--restore "$(RESTORE)") $(if $(COURSE),--course) $(if $(IDENTITY),--identity "$(IDENTITY)")

demo: $(VENV)/.ready ## Start everything, play the whole story through the real clients, check it
	@$(BIN)/python -m quitanda_local demo $(if $(BROKER),--broker "$(BROKER)") $(if $(IDENTITY),--identity "$(IDENTITY)")

record-demo: $(VENV)/.ready ## Record the demonstration anew (docs/demo.cast), and draw it for the README
	@$(BIN)/python -m video record-demo

test: test-unit test-scenarios ## Run every test that needs no Docker

test-unit: $(VENV)/.ready ## Run the unit and component tests only
	@$(BIN)/python -m pytest $(PARALLEL) $(UNIT_TESTS) $(ARGS)

test-fast: $(VENV)/.ready ## Run the unit and component tests that are not marked slow, in parallel (less than a minute on two idle cores)
	@$(BIN)/python -m pytest -q $(PARALLEL_FAST) -m "not slow" --hypothesis-profile=fast $(if $(PART),--part "$(PART)") $(UNIT_TESTS) $(ARGS)

# The halves of all scenarios, or of a part of them.
HALVES = $(if $(PART),$(shell echo "$(PART)" | awk -F/ '{ print 2 * $$1 - 1 "/" 2 * $$2, 2 * $$1 "/" 2 * $$2 }'),1/2 2/2)

# Scenarios wait much of their time, so they are played as two halves side by side; after them those whose promise is a
# time or a rate, with nothing beside them.
test-scenarios: $(VENV)/.ready ## Run the whole-system scenarios on local processes only (PART=1/2 plays every second one)
ifdef ARGS
	@$(BIN)/python -m pytest integration-tests $(ARGS)
else
	@mkdir -p build; $(BIN)/python -m pytest integration-tests -m "not alone" --part $(lastword $(HALVES)) >build/scenarios-2.log 2>&1 & other=$$!; \
		trap 'kill "$$other" 2>/dev/null || true' EXIT; \
		echo "the second half runs beside the first, and is shown after it; until then see build/scenarios-2.log"; \
		status=0; $(BIN)/python -m pytest integration-tests -m "not alone" --part $(firstword $(HALVES)) || status=$$?; \
		wait "$$other" || status=$$?; cat build/scenarios-2.log; \
		$(BIN)/python -m pytest integration-tests -m alone || status=$$?; exit "$$status"
endif

power-loss: $(VENV)/.ready ## Let the power of all replicas fail, again and again (ROUNDS=50 SEED=)
	@cd integration-tests && "$(CURDIR)/$(BIN)/python" -m power_loss --rounds $(or $(ROUNDS),50) $(if $(SEED),--seed "$(SEED)")

stalled-clocks: $(VENV)/.ready ## Let the replicas' clocks stand still while disks are lost and links are cut (ROUNDS=30 SEED=)
	@cd integration-tests && "$(CURDIR)/$(BIN)/python" -m stalled_clocks --rounds $(or $(ROUNDS),30) $(if $(SEED),--seed "$(SEED)")

simulate: $(VENV)/.ready ## Play SEEDS=from:to of the Raft simulation (SEEDS=17 TRACE=1 shows one, WITHOUT=name leaves a repair out)
	@PYTHONPATH=integration-tests $(BIN)/python -m simulation --seeds "$(SEEDS)" \
		$(if $(WITHOUT),--without "$(WITHOUT)") $(if $(TRACE),--trace)

mutants: $(VENV)/.ready ## Make known mistakes in a copy of the replica, one by one: each must fail a test (ONLY=name, PART=1/4)
	@PYTHONPATH=integration-tests $(BIN)/python -m mutants --json build/mutants.json \
		$(if $(ONLY),--only "$(ONLY)") $(if $(PART),--part "$(PART)")

chaos: $(VENV)/.ready $(if $(filter containers,$(CLUSTER)),images) ## Let clients work while things break, and judge what they saw (SEED= DURATION=300 SCHEDULE=file CLUSTER=containers)
	@PYTHONPATH=integration-tests $(BIN)/python -m chaos run --duration $(or $(DURATION),300) $(if $(SEED),--seed "$(SEED)") \
		$(if $(SCHEDULE),--schedule "$(SCHEDULE)") $(if $(CLUSTER),--cluster "$(CLUSTER)")

upgrade-test: $(VENV)/.ready ## Mix replicas and portals of the version before with this one, in every order of restart; start from old data
	@QUITANDA_TEST_UPGRADE_ORDERS=all QUITANDA_TEST_VERSIONS=required $(BIN)/python -m pytest integration-tests/versions $(ARGS)

large-state: $(VENV)/.ready ## Take a replica away while the state is large (MEGABYTES=1000 OUTAGE="lost disk" or "long absence")
	@cd integration-tests && "$(CURDIR)/$(BIN)/python" -m large_state --megabytes $(or $(MEGABYTES),1000) $(if $(OUTAGE),--outage "$(OUTAGE)")

$(VENV)/.bench-ready: $(VENV)/.ready requirements/bench.lock
	@$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes --only-binary=:all: -r requirements/bench.lock
	@touch $@

BENCH = $(BIN)/python -m bench $(if $(SECONDS),--seconds "$(SECONDS)") $(if $(ROUNDS),--rounds "$(ROUNDS)") \
	$(if $(KILLS),--kills "$(KILLS)") $(if $(ONLY),--only "$(ONLY)")

bench: $(VENV)/.bench-ready ## Measure speed beside etcd, PostgreSQL and others, and write it into docs/PERFORMANCE.md (SECONDS=4 ROUNDS=3 KILLS=20 ONLY=names)
	@$(BENCH) --document

bench-quick: SECONDS := $(or $(SECONDS),2)
bench-quick: ROUNDS := $(or $(ROUNDS),1)
bench-quick: KILLS := $(or $(KILLS),3)
bench-quick: $(VENV)/.bench-ready ## The same in five minutes; the documents stay as they are
	@$(BENCH) --out build/bench

bench-smoke: $(VENV)/.bench-ready ## Does each system answer each kind of call? No figures that mean anything
	@$(BIN)/python -m bench --seconds 0.3 --rounds 1 --kills 1 --out build/bench \
		--only changes,order_reads,mqtt_changes,mqtt_customers,mqtt_echoes,failover

bench-growth: $(VENV)/.bench-ready ## Measure clusters that hold a thousand, a hundred thousand and a million products and orders (SECONDS=8 ROUNDS=3)
	@$(BIN)/python -m bench.growth $(if $(SECONDS),--seconds "$(SECONDS)") $(if $(ROUNDS),--rounds "$(ROUNDS)")

$(VENV)/.web-tests-ready: $(VENV)/.ready requirements/web-tests.lock
	@$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes --only-binary=:all: -r requirements/web-tests.lock
	@touch $@

test-web: $(VENV)/.web-tests-ready ## Drive the page with Chromium as people do, before a cluster of processes (needs the package chromium)
	@$(BIN)/python -m pytest services/web/browser-tests $(if $(PART),--part "$(PART)") $(ARGS)

web-pictures: $(VENV)/.web-tests-ready ## Take a picture of every page at three widths, in both languages (OUT=build/web-pictures)
	@QUITANDA_TEST_PICTURES="$(or $(OUT),build/web-pictures)" $(BIN)/python -m pytest -q services/web/browser-tests/pictures.py

# The browser is driven by what its tests are written with.
VIDEO = PYTHONPATH=services/web/browser-tests:testing/src $(BIN)/python -m video

$(VENV)/.video-ready: $(VENV)/.ready requirements/video.lock
	@$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes --only-binary=:all: -r requirements/video.lock
	@touch $@

video: $(VENV)/.video-ready ## Play the page, the tests and the demonstration, and make a film of them (build/video; needs the packages chromium and fonts-dejavu-core)
	@$(VIDEO) film $(if $(OUT),--out "$(OUT)")

pictures: $(VENV)/.video-ready ## Take the README's pictures of the page anew (docs/pictures)
	@$(VIDEO) pictures

test-integration: test-compose test-containers ## Run every test that needs Docker

test-compose: $(VENV)/.ready images ## Run the documents' commands for containers as they are written
	@QUITANDA_TEST_CLUSTER=containers $(BIN)/python -m pytest integration-tests/test_compose*.py $(ARGS)

test-containers: $(VENV)/.ready images ## Run the whole-system scenarios on containers (PART=1/2 plays every second one)
	@QUITANDA_TEST_CLUSTER=containers $(BIN)/python -m pytest integration-tests $(WITHOUT_CLUSTER:%=--ignore=%) \
		--ignore-glob='*/test_compose*.py' $(if $(PART),--part "$(PART)") $(ARGS)

images: ## Build the container images (quitanda/replica, admin-portal, client-portal, web, clients, and the tests' faults)
	@docker compose --profile clients build --quiet
	@docker build --quiet --tag "quitanda/faults:$(QUITANDA_TAG)" deploy/faults > /dev/null

up: ## Start everything in containers and wait until it is ready (COURSE=1: the course's contract, too)
	@docker compose --profile clients $(if $(COURSE),--profile course) up --wait
	@echo; echo "Ready. For example:"; echo
	@echo "  docker run --rm --network $(QUITANDA_NETWORK) --volume quitanda_identity-clients:/identity:ro quitanda/clients:$(QUITANDA_TAG) quitanda-admin cluster status"
	@echo "  docker run --rm --network $(QUITANDA_NETWORK) --volume quitanda_identity-clients:/identity:ro quitanda/clients:$(QUITANDA_TAG) quitanda-shop --help"
	@echo; echo "make down stops it; the data stay."

down: ## Stop and remove the containers; the data stay (VOLUMES=1 removes them, too)
	@docker compose --profile '*' down $(if $(VOLUMES),--volumes)

check: lint types imports proto-check house-rules advisories ## Check style, types, import directions, generated code, house rules, the review of advisories

lint: $(VENV)/.ready
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .

types: $(VENV)/.ready
	@$(BIN)/mypy
	@for folder in $(TESTS); do $(BIN)/mypy --config-file mypy-tests.ini $$folder || exit 1; done

imports: $(VENV)/.ready
	@$(BIN)/lint-imports

house-rules: $(VENV)/.ready
	@$(BIN)/python -m pytest -q core/tests/test_house_rules.py

# Each locked version must have been reviewed; this needs no network.
advisories: $(VENV)/.ready
	@$(BIN)/python deploy/install/advisories.py check requirements/advisories.csv requirements/*.lock

PIP_AUDIT := pip-audit==2.10.1

audit: $(VENV)/.ready ## Ask an advisory service about every locked version, and write the review (needs a network)
	@$(BIN)/python deploy/install/advisories.py refresh requirements/advisories.csv requirements/*.lock -- \
		$(BIN)/uv tool run --from $(PIP_AUDIT) pip-audit

fix: $(VENV)/.ready ## Mend what can be mended by a machine: format, imports, simple lint
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

hooks: $(VENV)/.ready ## Run the quick checks before each commit (git's pre-commit hook)
	@$(BIN)/pre-commit install

proto: $(VENV)/.ready ## Generate the typed stubs from proto/ into core
	@cd core/src && $(STUBS) | xargs rm -f
	@$(MAKE) generate OUT=core/src

generate:
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m grpc_tools.protoc -I proto \
		--python_out=$(OUT) --grpc_python_out=$(OUT) --mypy_out=quiet:$(OUT) --mypy_grpc_out=quiet:$(OUT) $(PROTOS)

proto-check: $(VENV)/.ready
	@out=$$(mktemp -d) && trap 'rm -rf "$$out"' EXIT && $(MAKE) generate OUT="$$out" && \
		diff <(cd "$$out" && $(STUBS) | sort | xargs cksum) <(cd core/src && $(STUBS) | sort | xargs cksum) || \
		{ echo "The committed stubs differ from proto/: run 'make proto' and commit the result."; exit 1; }

LOCK := PIP_CONFIG_FILE=/dev/null PIP_FIND_LINKS= $(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url \
	--python-version 3.11 --custom-compile-command "make lock" --no-emit-package quitanda-core --no-emit-package quitanda-clients \
	--no-emit-package quitanda-local --no-emit-package quitanda-web

# An image's versions are those that the tests run with; it only lacks what it does not need.
lock: $(VENV)/.ready ## Resolve the dependencies again, write the hash-locked requirements, verify that each has a wheel wherever Quitanda is supported
	@$(LOCK) requirements/build.in -o requirements/build.lock
	@$(LOCK) requirements/dev.in $(LOCAL_PACKAGES) -o requirements/dev.lock
	@for extra in bench web-tests video; do \
		$(LOCK) --constraints requirements/dev.lock requirements/$$extra.in -o requirements/$$extra.lock; \
	done
	@for member in $(IMAGE_MEMBERS); do \
		$(LOCK) --constraints requirements/dev.lock core/pyproject.toml $$member/pyproject.toml \
			-o requirements/$${member##*/}.lock; \
	done
	@$(BIN)/python deploy/install/check_wheels.py $(BIN)/uv $(SOURCE_ONLY) requirements/*.lock

clean: ## Remove the virtual environment and every cache
	@rm -rf $(VENV) .venv-* .pytest_cache .mypy_cache .ruff_cache .hypothesis build
	@find . -name __pycache__ -prune -exec rm -rf {} + ; find . -name '*.egg-info' -prune -exec rm -rf {} +
