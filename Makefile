# `make run` serves Buildfeed at http://127.0.0.1:8000 (PORT= for another), `make test` runs all
# tests, `make check` the quick part of them, `make faults` (SEED=) the minutes-long ones that kill and
# freeze things, `make torture` (SEED=) twenty viewers under 130 faults, `make fuzz` (SEED=) ten
# minutes of made-up input at every door, `make audit` asks for known weaknesses of packages,
# `make images` pins the images of Docker by their digests, `make bench` compares the cost of a delivery with other servers (OPTIONS=--help),
# `make bench-page` measures the page in a browser, `make picture` takes the picture of the README. Each sets up what
# it needs.

export BUILDFEED_PORT := $(or $(PORT),$(BUILDFEED_PORT),8000)
export PATH := $(CURDIR)/.venv/bin:$(PATH)

SOURCES := pyproject.toml package-lock.json hatch_build.py

.PHONY: run test check faults torture fuzz audit images bench bench-page picture static lock clean

run: .venv/run
	@exec buildfeed up

# Tests often wait, so four processes share them: each takes file after file, in the order of
# pyproject.toml, and starts brokers of its own.
test: .venv/test node_modules static
	@setup/packages.sh rabbitmq-server chromium-headless-shell libatomic1 haproxy \
		mosquitto mosquitto-clients nginx-light openssl pgbouncer postgresql sqlite3 curl git \
		firefox-esr
	pytest -n 4 --dist loadfile --no-loadscope-reorder

check: .venv/test static
	@setup/packages.sh pgbouncer postgresql
	pytest -n 2 tests/rules tests/unit

faults: .venv/test
	@setup/packages.sh rabbitmq-server postgresql
	pytest tests/fault --ignore=tests/fault/test_torture.py -s \
		--faults=30 --builds=200 --hostile=100000 --seed=$(or $(SEED),1)

torture: .venv/test
	@setup/packages.sh rabbitmq-server
	pytest tests/fault/test_torture.py -s --torture --faults=130 --seed=$(or $(SEED),1)

fuzz: .venv/test
	@setup/packages.sh rabbitmq-server
	pytest tests/fault/test_fuzz.py -s --fuzz-seconds=120 --seed=$(or $(SEED),1)

audit:
	@setup/audit.sh

# Pins the images of Docker, too; needs Docker and its registry.
images:
	@setup/images.sh

bench: .venv/test node_modules benchmarks/peers/node_modules
	@setup/packages.sh gcc libc6-dev mosquitto
	python benchmarks/fanout.py --output docs/performance.md $(OPTIONS)
	python benchmarks/clients.py

# The figures of frames count on a machine that does nothing else.
bench-page: .venv/test benchmarks/peers/node_modules
	@setup/packages.sh chromium chromium-headless-shell libatomic1 mosquitto
	python benchmarks/page.py $(OPTIONS)

picture: .venv/test
	@setup/packages.sh chromium-headless-shell libatomic1 gcc libc6-dev make
	python pictures/readme.py

static: .venv/test node_modules
	ruff check .
	ruff format --check .
	mypy
	node_modules/.bin/tsc
	node --test tests/web/*.test.js

.venv/run: requirements/run.txt $(SOURCES)
	@setup/venv.sh $<
	@touch $@

# The test lock holds the run lock's versions too.
.venv/test: requirements/test.txt $(SOURCES)
	@setup/venv.sh $<
	@touch $@ .venv/run

# What only tests take from npm: the official clients, axe.
node_modules: package-lock.json
	@setup/npm.sh .
	@touch $@

# What the gateway is compared with.
benchmarks/peers/node_modules: benchmarks/peers/package-lock.json
	@setup/npm.sh benchmarks/peers
	@touch $@

# Pins the newest versions that fit; needs uv on the PATH.
lock: COMPILE := uv pip compile --quiet --universal --python-version 3.11 \
	--generate-hashes --no-annotate --no-header --no-emit-index-url --no-emit-find-links
lock:
	$(COMPILE) pyproject.toml --extra all --group build --output-file requirements/run.txt
	$(COMPILE) pyproject.toml --extra all --group build --group test \
		--constraint requirements/run.txt --output-file requirements/test.txt
	$(COMPILE) --group audit --constraint requirements/test.txt --output-file requirements/audit.txt
	$(COMPILE) pyproject.toml --extra worker --extra recorder --extra gateway --extra postgresql --extra oidc --group build \
		--constraint requirements/run.txt --output-file requirements/image.txt

clean:
	rm -rf .venv .buildfeed node_modules benchmarks/peers/node_modules web/vendor
