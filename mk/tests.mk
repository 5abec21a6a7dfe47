# Tests.
#
#   tests/core     known answers of the hash core; link only the core, so they also run under
#                  qemu-user, with the plain runner
#   tests/unit     everything else, with Criterion (or the plain runner under TSan)
#   tests/oracle   against independent implementations: librandomx, OpenSSL
#   tests/checkasm every kernel against its portable version; a plain program
#   tests/integration  shell scripts around the real program, on loopback

CORE_TEST_SRC := $(wildcard tests/core/*.c)
UNIT_TEST_SRC := $(wildcard tests/unit/*.c)
ORACLE_TEST_SRC := $(wildcard tests/oracle/*.c)
CHECKASM_SRC := $(wildcard tests/checkasm/*.c)

# Criterion re-executes the test program for each test, which neither ThreadSanitizer nor a cross
# build under qemu-user survives; tests/plain_main.c runs the same tests there.
PLAIN ?= $(if $(CROSS)$(filter tsan,$(CONFIG)),1)
# Linked into every test program: the runner, if any, the reader of tests/vectors, RandomX set-up.
RUNNER_SRC := $(if $(PLAIN),tests/plain_main.c) tests/vector_file.c tests/rx_fixture.c
RUNNER_DEF := $(if $(PLAIN),-DPLAB_TEST_PLAIN)
RUNNER_LIBS = $(if $(PLAIN),,$(shell pkg-config --libs criterion 2>/dev/null))
TESTED := $(if $(PLAIN),$(B)/plain,$(B)/criterion)

test_objects = $(patsubst %.c,$(TESTED)/%.o,$(1) $(RUNNER_SRC))
TEST_DEPS = $(patsubst %.o,%.d,$(call test_objects,$(CORE_TEST_SRC) $(UNIT_TEST_SRC) \
  $(ORACLE_TEST_SRC))) $(CHECKASM_SRC:%.c=$(B)/%.d)

$(TESTED)/%.o: %.c $(FLAGS_STAMP)
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS_ALL) $(RUNNER_DEF) $(if $(CROSS),,$(PKG_CFLAGS)) -MMD -MP -c -o $@ $<

$(B)/tests/core-tests: $(call test_objects,$(CORE_TEST_SRC)) $(B)/libpowlab_core.a
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(LDFLAGS_ALL) -o $@ $^ $(RUNNER_LIBS) -lm

# tests/unit/test_workers.c proves with these that hashing allocates nothing; the last lets
# tests/unit/test_failover.c give names that resolve to what they should not.
WRAPPED := malloc calloc realloc aligned_alloc mmap sched_yield getaddrinfo
$(B)/tests/unit-tests: $(call test_objects,$(UNIT_TEST_SRC)) $(B)/libpowlab_app.a \
  $(B)/libpowlab_core.a
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(LDFLAGS_ALL) $(WRAPPED:%=-Wl,--wrap=%) -o $@ $^ $(RUNNER_LIBS) $(PKG_LIBS) -lm

$(B)/tests/oracle-tests: $(call test_objects,$(ORACLE_TEST_SRC)) $(B)/libpowlab_core.a
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(LDFLAGS_ALL) -o $@ $^ $(RUNNER_LIBS) -lrandomx -lcrypto -lm

# Not in tests/: the objects have a folder of that name.
$(B)/checkasm: $(CHECKASM_SRC:%.c=$(B)/%.o) $(B)/libpowlab_core.a
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(LDFLAGS_ALL) -o $@ $^ -lm

.PHONY: tests-core tests-unit tests-oracle checkasm
tests-core: $(B)/tests/core-tests ## Build and run the known answers (EXEC= for an emulator)
	$(Q)$(EXEC) $<
tests-unit: $(B)/tests/unit-tests ## Build and run the unit tests
	$(Q)$<
tests-oracle: $(B)/tests/oracle-tests ## Build and run the comparison with librandomx and OpenSSL
	$(Q)$<
checkasm: $(B)/checkasm ## Build and run checkasm (EXEC= for an emulator, CHECKASM_ARGS=)
	$(Q)$(EXEC) $< $(CHECKASM_ARGS)

.PHONY: integration
integration: all ## Run the integration tests around the real program
	$(Q)PEERS=$(PEERS_B)/bench-peers tools/integration.sh

# Other processors, by emulation of user programs. Timing means nothing there, and rounds are fewer.
AARCH64_CROSS ?= aarch64-linux-gnu-
QEMU_AARCH64 := qemu-aarch64 -L /usr/aarch64-linux-gnu
EMULATED_ROUNDS ?= 80
X86_LADDER := qemu64 Conroe Penryn Westmere Haswell max

.PHONY: check-aarch64 check-ladder
check-aarch64: ## Cross-build the core; run its tests and checkasm under qemu-aarch64
	$(Q)PLAB_TEST_QUICK=1 $(MAKE) --no-print-directory CROSS=$(AARCH64_CROSS) CC=$(AARCH64_CROSS)gcc \
	  CONFIG=release tests-core checkasm EXEC='$(QEMU_AARCH64) -cpu max' CHECKASM_ARGS='--rounds $(EMULATED_ROUNDS)'
	$(Q)PLAB_TEST_QUICK=1 $(MAKE) --no-print-directory CROSS=$(AARCH64_CROSS) CC=$(AARCH64_CROSS)gcc \
	  CONFIG=release checkasm EXEC='$(QEMU_AARCH64) -cpu cortex-a72' CHECKASM_ARGS='--rounds $(EMULATED_ROUNDS)'

# Each rung has more instructions than the one before. A kernel that uses one above its flag, or a
# portable object that uses one at all, ends in an illegal instruction on a lower rung.
check-ladder: $(B)/checkasm ## Run checkasm on emulated x86-64 models, from the oldest up
	$(Q)for model in $(X86_LADDER); do \
	  echo "== $$model" && qemu-x86_64 -cpu $$model $< --rounds $(EMULATED_ROUNDS) || exit 1; \
	done

.PHONY: load
load: all ## Measure how much load the pool stands, some minutes (LOAD_ARGS=)
	$(Q)tools/load.sh $(LOAD_ARGS)
