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
# Linked into every test program: the runner, if any, and the reader of tests/vectors.
RUNNER_SRC := $(if $(PLAIN),tests/plain_main.c) tests/vector_file.c
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

$(B)/tests/unit-tests: $(call test_objects,$(UNIT_TEST_SRC)) $(B)/libpowlab_app.a \
  $(B)/libpowlab_core.a
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(LDFLAGS_ALL) -o $@ $^ $(RUNNER_LIBS) $(PKG_LIBS) -lm

$(B)/tests/oracle-tests: $(call test_objects,$(ORACLE_TEST_SRC)) $(B)/libpowlab_core.a
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(LDFLAGS_ALL) -o $@ $^ $(RUNNER_LIBS) -lrandomx -lcrypto -lm

$(B)/tests/checkasm: $(CHECKASM_SRC:%.c=$(B)/%.o) $(B)/libpowlab_core.a
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
checkasm: $(B)/tests/checkasm ## Build and run checkasm (EXEC= for an emulator)
	$(Q)$(EXEC) $<

.PHONY: integration
integration: all ## Run the integration tests around the real program
	$(Q)tools/integration.sh
