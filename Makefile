# The front door: make demo, make test. The build itself is CMake + Ninja.
BUILD ?= build

.PHONY: build setup clean
build: setup
	@cmake -S . -B $(BUILD) -G Ninja >$(BUILD).log 2>&1 || (cat $(BUILD).log; exit 1)
	@cmake --build $(BUILD)

setup:
	@tools/setup

clean:
	rm -rf $(BUILD) $(BUILD).log
