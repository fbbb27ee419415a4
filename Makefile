# make run     the quickstart, in the foreground
# make test    everything a test needs, then every test
# make check   lint, types, architecture
# make docs    docs/settings.md from the settings table
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SYSTEM_PACKAGES := $(shell sed 's/\#.*//' tests/system-packages.txt)

.PHONY: run test check bench docs clean packages

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

# Debian and root: install what is missing. Elsewhere a missing server is a skip that names its package.
packages:
	@if [ -f /etc/debian_version ] && [ "$$(id -u)" = 0 ]; then \
	  missing=$$(for p in $(SYSTEM_PACKAGES); do dpkg-query -W -f='$${Status}' $$p 2>/dev/null | grep -q 'ok installed' || echo $$p; done); \
	  if [ -n "$$missing" ]; then \
	    echo "installing for the tests:" $$missing; \
	    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing >/dev/null; \
	  fi; \
	fi

test: $(VENV)/.installed-tests packages
	$(BIN)/python -m twisted.trial $(TRIALFLAGS) $(or $(TESTS),tests)

check: $(VENV)/.installed-tests
	$(BIN)/ruff check osxmail tests bench twisted
	$(BIN)/mypy
	$(BIN)/python -m twisted.trial tests.test_architecture

bench: $(VENV)/.installed-tests
	$(BIN)/python -m bench

docs: $(VENV)/.installed
	$(BIN)/python -m osxmail.app.settingsreference >docs/settings.md.new
	mv docs/settings.md.new docs/settings.md

clean:
	rm -rf $(VENV) build *.egg-info _trial_temp* .mypy_cache .ruff_cache .hypothesis
