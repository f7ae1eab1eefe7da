# What a newcomer needs: `make demo`, `make test`. Each command sets up what it runs in (tools/setup.py).
# PYTHON=python3.12 chooses the interpreter, ARGS="..." goes on to the program that a command runs.

PYTHON ?= python3
ARGS ?=
RUN := .venv/bin/python

# One sentence where there is no Python at all; the rest is said by the script.
define setup
	@command -v $(PYTHON) >/dev/null || { echo "setup: there is no $(PYTHON): install Python 3.11 or newer" >&2; exit 1; }
	@$(PYTHON) tools/setup.py $(1)
endef

.DEFAULT_GOAL := help
.PHONY: help demo map run test test-extras page test-all dist test-wheel check trials matrix crash chaos soak shards years siege fuzz api host conformance manual mutate bench wheelhouse lock audit clean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: ## set up, then load a snapshot, score it and look records up; needs no AWS and no feed
	$(call setup)
	@exec $(RUN) -m aqi_service.demo $(ARGS)

map: ## the same, and serve lookups and the map until Ctrl-C; the last line is the map's address
	$(call setup)
	@exec $(RUN) -m aqi_service.demo --serve $(ARGS)

run: ## the service on the live feed, kept in ./data, until Ctrl-C; without a network it serves what is there
	$(call setup)
	@exec .venv/bin/aqi-service --local ./data --ttl-days 14 --keep-days 14 $(ARGS)

test: ## set up, then run the tests
	$(call setup,--extra test)
	@$(RUN) -m compileall -q aqi_service bench tests tools trials  # once, not in each process that the tests start
	@PYTHONDONTWRITEBYTECODE= $(RUN) -m pytest -n 3 --dist worksteal --ignore tests/page $(ARGS)  # keeps what pytest makes of the tests

test-extras: ## the tests of Parquet, DuckDB, pandas and the release, with the packages that they need; `make test` leaves them out
	$(call setup,--extra test --extra examples --extra release)
	@EXTRAS=true $(RUN) -m pytest -n 3 --dist worksteal -m needs_package $(ARGS)

page: ## the page in a real browser (Debian's chromium), its types, and its parts by themselves
	$(call setup,--extra test)
	@$(RUN) -m pytest -n 3 --dist worksteal tests/page $(ARGS)

test-all: ## the tests on every Python from 3.11 to 3.13 that this machine has
	@$(PYTHON) -m tools.test_all $(ARGS)

dist: ## what is released, in dist/: source archive, wheel, SBOM, checksums; ARGS=--uncommitted for a changed tree
	$(call setup,--extra release)
	@$(RUN) -m tools.dist $(ARGS)

test-wheel: ## install the wheel of dist/ on every Python that this machine has, run its demo and the tests on it
	$(call setup)
	@$(RUN) -m tools.test_wheel $(ARGS)

check: ## formatting, lint, types, and the import rules
	$(call setup,--extra test)
	@$(RUN) -m ruff format --check .
	@$(RUN) -m ruff check .
	@$(RUN) -m mypy
	@$(RUN) -m pytest -q tests/project/test_architecture.py

trials: ## all that follow, up to manual, one after the other; says which failed; ARGS="soak host" runs some
	$(call setup,--extra test)
	@$(RUN) -m tools.trials $(ARGS)

matrix: ## every fault on every call that it can hit, once, twice and always; MATRIX=kinds is one of each kind
	$(call setup,--extra test)
	@MATRIX=$${MATRIX:-all} $(RUN) -m pytest -n 2 trials/matrix $(ARGS)

crash: ## kill -9 at each step and 200 random moments of a load, at each step of an export, power cuts; KILL_SEED=N chooses others
	$(call setup,--extra test)
	@KILLS=$${KILLS:-200} POWER_SEEDS=$${POWER_SEEDS:-3} EACH_STEP=$${EACH_STEP:-1} $(RUN) -m pytest -n 2 --timeout 3000 -rP trials/crash/test_random_moments.py trials/crash/test_every_step.py trials/crash/test_exports.py $(ARGS)

chaos: ## random faults for MINUTES=5: daemons, replays, lookups; SEED=N chooses a campaign, MINUTES=0 runs only that one
	$(call setup,--extra test)
	@exec $(RUN) -m trials.chaos --minutes $${MINUTES:-5} $${SEED:+--seed $$SEED} $(ARGS)

soak: ## 500 loads and lookups under faults in one process, and what grows in it; SEED=N chooses faults
	$(call setup,--extra test)
	@exec $(RUN) -m trials.soak $${SEED:+--seed $$SEED} $(ARGS)

shards: ## 8 workers over 64 snapshots, killed beside a daemon; replicas behind one address; SEED=N chooses kills
	$(call setup,--extra test)
	@exec $(RUN) -m trials.shards $${SEED:+--seed $$SEED} $(ARGS)

years: ## a year of daily files, loaded by 4 shards that are killed, exported, and asked one question; 20,000 files from S3; SEED=N
	$(call setup,--extra test --extra examples)
	@exec $(RUN) -m trials.years $${SEED:+--seed $$SEED} $(ARGS)

api: ## 100 requests for each operation of openapi.json, and more that it does not allow; ARGS="--seed 2" chooses others
	$(call setup,--extra test)
	@exec $(RUN) -m trials.api $(ARGS)

host: ## lookups while 500 MB load, 500 MB in 256 MB of memory, 90 s of SIGSTOP, full and read-only disks
	$(call setup,--extra test)
	@exec $(RUN) -m trials.host $(ARGS)

siege: ## 8,000 idle and 20,000 hostile connections beside an honest client; SEED=N chooses the attacks
	$(call setup,--extra test)
	@exec $(RUN) -m trials.siege $${SEED:+--seed $$SEED} $(ARGS)

fuzz: ## 2,000,000 hostile inputs into all that reads bytes from outside; SEED=N chooses them, INPUTS=N or MINUTES=N how many
	$(call setup,--extra test)
	@exec $(RUN) -m trials.fuzz $${SEED:+--seed $$SEED} $${INPUTS:+--inputs $$INPUTS} $${MINUTES:+--minutes $$MINUTES} $(ARGS)

conformance: ## the storage contract, a part of the matrix and Compose on dynalite and SeaweedFS, which it installs
	$(call setup,--extra test)
	@$(RUN) -m tools.conformance $(ARGS)

manual: ## the commands of docs/aws.md, with AWS's own command line, on moto; some minutes
	$(call setup,--extra test --extra bench)
	@$(RUN) -m pytest --timeout 900 trials/manual $(ARGS)

mutate: ## change core, load and storage in small ways and see tests fail; ONLY=core/frames or ONLY=s3 for a part
	$(call setup,--extra test --extra mutate)
	@exec $(RUN) -m tools.mutate $${ONLY:+--only $$ONLY} $(ARGS)

bench: ## the figures, side by side with a peer; ONLY=start is one part, FULL=1 all sizes and peers, SMOKE=1 tiny
	$(call setup,--extra bench $(if $(FULL),--extra peers))
	@exec $(RUN) -m bench $(ARGS)

wheelhouse: ## what an EC2 instance installs, by hash: build/wheelhouse/SHA256.tar; the last line is the SHA256
	$(call setup)
	@$(RUN) -m tools.wheelhouse $(ARGS)

lock: ## pin the packages of pyproject.toml again, with hashes; ARGS=--upgrade moves the versions; needs uv
	@$(PYTHON) -m tools.lock $(ARGS)

audit: ## ask PyPI's vulnerability data about every pinned package; exit code 2 if it cannot be reached
	$(call setup,--extra audit)
	@$(RUN) -m tools.audit $(ARGS)

clean: ## remove environments, caches and built files; ./data stays
	rm -rf .venv .venv-3.1* .mypy_cache .ruff_cache .pytest_cache .hypothesis mutants build dist *.egg-info
	find . -path ./data -prune -o -name __pycache__ -type d -prune -exec rm -rf {} +
