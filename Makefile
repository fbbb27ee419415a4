# make run     the quickstart, in the foreground
# make test    everything a test needs, then every test
# make check   lint, types, architecture
# make bench   measures osxmail: 10,000 messages, SIZE=full also 100,000; BENCHFLAGS="--help" says what else
# make bench-dovecot  the same beside Debian's Dovecot, written to docs/performance.md
# make bench-million  one user with 100 mailboxes and 1,000,000 messages
# make docs    docs/settings.md from the settings table, docs/compliance.md from the citations of standards
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SYSTEM_PACKAGES = $(shell sed 's/\#.*//' tests/system-packages.txt)
SIZE ?= small

.PHONY: stress run test check bench bench-dovecot bench-million bench-packages docs clean packages

# compat: the checkout is put on the path as it is, so that twistd finds the plugin from any folder.
EDITABLE := --config-settings editable_mode=compat --editable

$(VENV)/.installed: setup.cfg
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet $(EDITABLE) .
	touch $@

$(VENV)/.installed-tests: setup.cfg $(VENV)/.installed
	$(BIN)/python -m pip install --quiet $(EDITABLE) '.[test,lint]'
	touch $@

run: $(VENV)/.installed
	@$(BIN)/twistd --nodaemon --pidfile= osxmail

# Debian and root: install what is missing, and has come no other way (as npm with a newer node). Elsewhere a missing server is a skip that names its package.
define install
	@if [ -f /etc/debian_version ] && [ "$$(id -u)" = 0 ]; then \
	  missing=$$(for p in $(1); do dpkg-query -W -f='$${Status}' $$p 2>/dev/null | grep -q 'ok installed' || command -v $$p >/dev/null || echo $$p; done); \
	  if [ -n "$$missing" ]; then \
	    echo "installing:" $$missing; \
	    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing >/dev/null; \
	  fi; \
	fi
endef

packages:
	$(call install,$(SYSTEM_PACKAGES))

bench-packages:
	$(call install,$(shell cat bench/system-packages.txt))

# What npm's imapflow needs, as package-lock.json names it.
IMAPFLOW := tests/integration/imapflow
$(IMAPFLOW)/node_modules/.package-lock.json: $(IMAPFLOW)/package-lock.json | packages
	@if command -v npm >/dev/null; then cd $(IMAPFLOW) && npm ci --no-audit --no-fund --ignore-scripts --loglevel=error; fi

test: $(VENV)/.installed-tests packages $(IMAPFLOW)/node_modules/.package-lock.json
	$(BIN)/python -m twisted.trial $(TRIALFLAGS) $(or $(TESTS),tests)

check: $(VENV)/.installed-tests
	$(BIN)/ruff check osxmail tests bench twisted
	$(BIN)/mypy
	$(BIN)/python -m twisted.trial tests.test_architecture

# Random clients in one mailbox, for longer than the test does it: make stress SEED=7 SECONDS=600
stress: $(VENV)/.installed-tests
	$(BIN)/python -m tests.integration.randomclients $(or $(SEED),1) $(or $(SECONDS),120)

bench: $(VENV)/.installed-tests
	$(BIN)/python -m bench --size $(SIZE) $(BENCHFLAGS)

bench-dovecot: $(VENV)/.installed-tests bench-packages
	$(BIN)/python -m bench --dovecot --all --size $(SIZE) --write docs/performance.md $(BENCHFLAGS)

bench-million: $(VENV)/.installed-tests
	$(BIN)/python -m bench --only million $(BENCHFLAGS)

docs: $(VENV)/.installed
	$(BIN)/python -m osxmail.app.settingsreference >docs/settings.md.new
	mv docs/settings.md.new docs/settings.md
	$(BIN)/python -m tests.compliance >docs/compliance.md.new
	mv docs/compliance.md.new docs/compliance.md

clean:
	rm -rf $(VENV) build *.egg-info _trial_temp* .mypy_cache .ruff_cache .hypothesis
