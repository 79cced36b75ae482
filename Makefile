# SPDX-License-Identifier: Apache-2.0
# A thin layer over meson and ninja. `make help` lists the targets.
BUILD   ?= build
PREFIX  ?= /usr/local
DESTDIR ?=
ARGS    ?=

all: $(BUILD)/build.ninja ## build everything into build/bin
	ninja -C $(BUILD)

$(BUILD)/build.ninja: | deps
	meson setup $(BUILD) --prefix=$(PREFIX)

deps: ## install the Debian packages that building, running and testing need
	@packaging/install-deps

run: all ## a shell in a microVM on this directory; ARGS='-- CMD…' or stdin run there instead
	@tests/make-run $(BUILD) $(ARGS)

test: all ## unit, fuzz and end-to-end tests, under 20 minutes
	@tests/run --build $(BUILD)

test-full: all ## everything: both users, long fuzzing, KVM, Debian 13
	@tests/run --build $(BUILD) --full

bench: all ## figures, with the named peers in the same run
	@tests/bench/run --build $(BUILD)

install: all ## PREFIX= and DESTDIR= are honoured
	meson configure $(BUILD) --prefix=$(PREFIX)
	ninja -C $(BUILD)
	DESTDIR=$(DESTDIR) meson install -C $(BUILD) --no-rebuild

deb: deps ## a Debian package in build/
	@packaging/make-deb $(BUILD)

clean: ## remove the build directory
	rm -rf $(BUILD)

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: all deps run test test-full bench install deb clean help
