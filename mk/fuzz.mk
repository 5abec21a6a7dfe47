# Fuzz targets: each file of tests/fuzz/ that they don't share is one.
#
#   make fuzz          libFuzzer, from the corpus; FUZZ_TARGETS="frame json" FUZZ_SECONDS=60
#   make fuzz-replay   the corpus only, with any compiler and any CONFIG

FUZZ_SHARED := tests/fuzz/fuzz.c tests/fuzz/replay.c tests/fuzz/messages.c
FUZZ_ALL := $(patsubst tests/fuzz/%.c,%,$(filter-out $(FUZZ_SHARED),$(wildcard tests/fuzz/*.c)))
FUZZ_TARGETS ?= $(FUZZ_ALL)
FUZZ_SECONDS ?= 900
FUZZ_LIBS = $(B)/libpowlab_app.a $(B)/libpowlab_core.a
FUZZ_SHARED_OBJ := $(filter-out %/replay.o,$(FUZZ_SHARED:%.c=$(B)/%.o))

.SECONDARY: $(FUZZ_ALL:%=$(B)/tests/fuzz/%.o) $(FUZZ_SHARED:%.c=$(B)/%.o)
$(B)/fuzz/%: $(B)/tests/fuzz/%.o $(FUZZ_SHARED_OBJ) $(FUZZ_LIBS)
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D) && $(CC) $(LDFLAGS_ALL) -fsanitize=fuzzer -o $@ $^ $(PKG_LIBS) -lm
$(B)/replay/%: $(B)/tests/fuzz/%.o $(B)/tests/fuzz/replay.o $(FUZZ_SHARED_OBJ) $(FUZZ_LIBS)
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D) && $(CC) $(LDFLAGS_ALL) -o $@ $^ $(PKG_LIBS) -lm

DEP_FILES += $(FUZZ_ALL:%=$(B)/tests/fuzz/%.d) $(FUZZ_SHARED:%.c=$(B)/%.d)

.PHONY: fuzz fuzz-programs fuzz-replay
fuzz: ## Fuzz each target for FUZZ_SECONDS=900 (FUZZ_TARGETS=..., needs clang with libFuzzer)
	$(Q)tools/fuzz.sh check
	$(Q)$(MAKE) --no-print-directory CC=clang CONFIG=fuzz B=build/$(ARCH)-fuzz FUZZ_TARGETS='$(FUZZ_TARGETS)' fuzz-programs
	$(Q)B=build/$(ARCH)-fuzz FUZZ_SECONDS=$(FUZZ_SECONDS) tools/fuzz.sh $(FUZZ_TARGETS)
fuzz-programs: $(FUZZ_TARGETS:%=$(B)/fuzz/%)
fuzz-replay: $(FUZZ_TARGETS:%=$(B)/replay/%) ## Run the fuzz targets over their corpus
	$(Q)for target in $(FUZZ_TARGETS); do \
	  $(B)/replay/$$target tests/fuzz/corpus/$$target || exit 1; \
	done
