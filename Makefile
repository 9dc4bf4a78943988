# Two commands for a newcomer: `make run` and `make test`. Everything is installed into .venv.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
N8N    ?= $(or $(TMPDIR),/var/tmp)/ige-n8n
QUEUES ?= $(or $(TMPDIR),/var/tmp)/ige-queues
PIP     = $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

# Where the surroundings forbid it, as many images do, each worker and each program that a test starts would compile the
# package and the tests anew.
export PYTHONDONTWRITEBYTECODE =

.PHONY: run test agreement machine month idle executors latency check chaos bench-deliver bench-queues audit test-deploy test-recovery test-n8n test-console fuzz test-celery format clean help python

help:           ## show this
	@grep -hE '^[a-z0-9-]+: .*##' $(MAKEFILE_LIST) | sed -E 's/:.*##/\t/'

run: $(VENV)/run.stamp   ## watch real messages being decided, written, checked, scheduled and delivered (a sandbox)
	@exec $(BIN)/ige demo

test: $(VENV)/test.stamp ## run the whole suite against a real Postgres
	$(BIN)/pytest -n 2 -q

EXAMPLES ?= 2000

agreement: $(VENV)/test.stamp ## compare the SQL with a slow reading of the rules on thousands of generated databases
	IGE_TEST_EXAMPLES=$(EXAMPLES) $(BIN)/pytest -n 2 -q ige_pipeline_tests/agreement

machine: $(VENV)/test.stamp ## do thousands of random sequences of 25 things to an outbox, and hold it to its promises
	IGE_TEST_EXAMPLES=$(EXAMPLES) $(BIN)/pytest -q ige_pipeline_tests/delivery/test_outbox_machine.py

# Some tests kill processes and wait for others: what fails is run once more, alone. What fails twice fails.
check: $(VENV)/check.stamp ## what CI runs: lint, types, architecture, tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/check-jsonschema --builtin-schema vendor.compose-spec deploy/compose.yaml deploy/compose.existing.yaml
	$(BIN)/check-jsonschema --schemafile deploy/helm/values.schema.json deploy/helm/values.yaml
	$(BIN)/hadolint deploy/Dockerfile
	$(BIN)/kubernetes-validate --strict --quiet deploy/kubernetes/*.yaml
	.ci/audit $(BIN)
	$(BIN)/pytest -n 2 -q || $(BIN)/pytest -q --last-failed --last-failed-no-failures none

bench-deliver: $(VENV)/run.stamp ## measure what a message costs to deliver, beside a plain loop (two minutes)
	@exec $(BIN)/ige bench deliver --messages 8000 --due 30000

bench-queues: $(VENV)/test.stamp ## measure it beside two worker queues (Node and 30 MB from npm into $(QUEUES); apt install redis-server)
	bash ige_pipeline_tests/queues/install.sh "$(QUEUES)"
	$(BIN)/python -m ige_pipeline_tests.queues.compare "$(QUEUES)" 5000 3

chaos: $(VENV)/run.stamp  ## kill 200 delivery runs, and Postgres 30 times, and count what is lost (about five minutes)
	@exec $(BIN)/ige chaos

idle: $(VENV)/test.stamp   ## measure what a delivery run costs that finds nothing to do
	$(BIN)/python -W ignore -m ige_pipeline_tests.idle

latency: $(VENV)/test.stamp ## measure how long messages wait from the outbox to the webhook with the sensor on (ten minutes)
	$(BIN)/python -m ige_pipeline_tests.latency

month: $(VENV)/test.stamp  ## simulate a month of Dagster's history, and what housekeeping leaves of it
	$(BIN)/python ige_pipeline_tests/housekeeping/month.py

test-deploy: $(VENV)/test.stamp ## start everything that deploy/compose.yaml starts, as processes of this machine, and send a message
	IGE_TEST_DEPLOY=1 $(BIN)/pytest -q ige_pipeline_tests/deploy

test-recovery: $(VENV)/test.stamp ## recover to an earlier moment, let replicas take over, and pg_upgrade, on servers of its own (apt install postgresql for the last)
	IGE_TEST_RECOVERY=1 $(BIN)/pytest -q -rs ige_pipeline_tests/recovery

audit: $(VENV)/check.stamp ## look every dependency up in the advisory database, where it can be reached
	.ci/audit $(BIN)

test-n8n: $(VENV)/test.stamp ## try the shipped workflow on a real n8n (3 GB from npm into $N8N, once)
	bash ige_pipeline_tests/n8n/install.sh "$(N8N)"
	IGE_TEST_N8N="$(N8N)" $(BIN)/pytest -q ige_pipeline_tests/n8n

test-console: $(VENV)/test.stamp ## use the console in a headless Chromium (Debian: chromium and chromium-driver)
	@$(PIP) --editable '.[browser]'
	IGE_TEST_BROWSER=1 $(BIN)/pytest -q -rs ige_pipeline_tests/console/test_in_a_browser.py

fuzz: $(VENV)/test.stamp ## send what schemathesis makes of our OpenAPI page to a server of its own (a few minutes)
	@$(PIP) --editable '.[test,fuzz]'
	IGE_TEST_FUZZ=1 $(BIN)/pytest -q -rs ige_pipeline_tests/serve/test_fuzz.py

test-celery: $(VENV)/test.stamp ## run a large batch on two real Celery workers (needs a redis-server: apt install redis-server)
	@$(PIP) --editable '.[test,celery]'
	IGE_TEST_CELERY=1 $(BIN)/pytest -q ige_pipeline_tests/celery

executors: $(VENV)/test.stamp ## measure one batch on one worker and on two, of the multiprocess executor and of Celery (four minutes; Celery needs a redis-server)
	@$(PIP) --editable '.[test,celery]'
	$(BIN)/python -W ignore -m ige_pipeline_tests.executors

format: $(VENV)/check.stamp ## format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:          ## remove the environment (the sandbox's data stay in .ige)
	rm -rf $(VENV)

python:
	@command -v $(PYTHON) >/dev/null || { echo "make: no $(PYTHON) here: install Python 3.11 or newer, or say make PYTHON=/path/to/python"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "make: $(PYTHON) is older than 3.11: say make PYTHON=/path/to/python3.11"; exit 1; }

$(VENV)/run.stamp: pyproject.toml constraints.txt | python
	@test -x $(BIN)/pip || $(PYTHON) -m venv --clear $(VENV) || { rm -rf $(VENV); exit 1; }
	@echo "Installing into $(VENV) (about a minute, once) …"
	@$(PIP) --editable .
	@touch $@

$(VENV)/test.stamp: $(VENV)/run.stamp
	@$(PIP) --editable '.[test]'
	@touch $@

$(VENV)/check.stamp: $(VENV)/test.stamp
	@$(PIP) --editable '.[test,check]'
	@touch $@
