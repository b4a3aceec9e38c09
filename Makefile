# The front door. The build itself is CMake and Ninja; tools/setup fetches what they need.
BUILD ?= build
PREFIX ?= /usr/local
FUZZ_SECONDS ?= 600

.PHONY: build test test-slow docs demo install format setup clean help
build: setup ## the library and the command: build/libfoundry.a, build/foundry
	@mkdir -p $(BUILD)
	@cmake -S . -B $(BUILD) -G Ninja >$(BUILD)/configure.log 2>&1 || { cat $(BUILD)/configure.log; exit 1; }
	@cmake --build $(BUILD) --target foundry foundry_lib

test: ## everything: tests, sanitizers, a second compiler, musl, layers; the last line is the sum
	@tools/setup test
	@tools/run-tests $(BUILD)

test-slow: ## what takes hours: the whole guide, ten minutes of an engine under sanitizers, NEON under qemu, every parser FUZZ_SECONDS (600)
	@tools/setup slow
	@FUZZ_SECONDS=$(FUZZ_SECONDS) tools/run-tests $(BUILD) slow

docs: ## the documents as a web site that works offline: BUILD/site/index.html
	@tools/setup docs
	@mkdir -p $(BUILD)
	@cmake -S . -B $(BUILD) -G Ninja >$(BUILD)/configure.log 2>&1 || { cat $(BUILD)/configure.log; exit 1; }
	@cmake --build $(BUILD) --target docs_site
	@$(BUILD)/docs_site . $(BUILD)/site

demo: build ## train a small bilingual story model and let it talk
	@tools/demo $(BUILD)

install: build ## into PREFIX (/usr/local), under DESTDIR when given
	@DESTDIR=$(DESTDIR) cmake --install $(BUILD) --prefix $(PREFIX)

format: ## clang-format over the sources
	@git ls-files '*.c' '*.h' | xargs clang-format -i

setup: ## install missing packages
	@tools/setup

clean: ## remove every build
	rm -rf $(BUILD) $(BUILD)-asan $(BUILD)-tsan $(BUILD)-clang $(BUILD)-musl $(BUILD)-arm64 $(BUILD)-fuzz

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile
