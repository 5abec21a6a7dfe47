# powlab: build, test, demo. `make help` lists the targets.
#
#   CONFIG=release|debug|asan|tsan|cov|fuzz   build flavour, each in a folder of its own
#   CC=gcc|clang   CROSS=aarch64-linux-gnu-   V=1   WERROR=1   NATIVE=1

include mk/config.mk
include mk/sources.mk
include mk/tests.mk
include mk/fuzz.mk
include mk/peers.mk
include mk/walks.mk
-include $(DEP_FILES)

.DEFAULT_GOAL := all

.PHONY: all
all: build/powlab ## Build the program: build/powlab (the default)

# The release program of this machine has a fixed place; other flavours stay in their folder.
build/powlab: $(B)/powlab
	$(Q)mkdir -p $(@D) && ln -sf ../$< $@

# The program of the configuration, whichever it is.
.PHONY: program
program: $(B)/powlab

.PHONY: core
core: $(B)/libpowlab_core.a ## Build only the hash core, which needs nothing but libc

.PHONY: deps
deps: ## Install the packages that building and running need (apt, root or sudo)
	$(Q)tools/deps.sh build

.PHONY: deps-check
deps-check: ## Install the packages that the tests need as well
	$(Q)tools/deps.sh check

# Both of these start on a machine that may lack everything, pkg-config included, so the build is a
# second make that reads its configuration after the packages are there.
.PHONY: demo
demo: ## Install, build and run the quick-start scenario (about three minutes)
	$(Q)tools/deps.sh demo
	$(Q)$(MAKE) --no-print-directory all
	$(Q)build/powlab lab run configs/scenarios/quickstart.yaml

.PHONY: check
check: deps-check ## Install, build and run every test
	$(Q)tools/check.sh

.PHONY: format
format: ## Reformat all C files with clang-format
	$(Q)clang-format -i $(ALL_C_FILES)

.PHONY: lint
lint: ## Style, layers, static analysis, shell scripts
	$(Q)B=$(B) tools/lint.sh $(LINT_ARGS)

.PHONY: clean
clean: ## Remove everything that was built
	$(Q)rm -rf build

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  %-14s %s\n", $$1, $$2}' Makefile mk/*.mk
