# A folder's .c files are its sources: adding a file needs no edit here.

CORE_DIRS := base pow arch arch/$(ARCH_DIR)
APP_DIRS := host stratum net daemon yaml pool_client pool bench lab cli
ALL_C_FILES = $(wildcard $(addsuffix /*.[ch],base pow arch arch/x86 arch/arm $(APP_DIRS) bench/peers bench/walks tests \
  tests/unit tests/core tests/checkasm tests/oracle tests/fuzz))

CORE_SRC := $(foreach d,$(CORE_DIRS),$(wildcard $(d)/*.c))
APP_SRC := $(filter-out cli/main.c,$(foreach d,$(APP_DIRS),$(wildcard $(d)/*.c)))

CORE_OBJ := $(CORE_SRC:%.c=$(B)/%.o)
APP_OBJ := $(APP_SRC:%.c=$(B)/%.o) $(B)/gen/web_assets.o $(B)/gen/report_assets.o

# Rewritten only when the flags change, so that a change of flags rebuilds everything.
FLAGS_STAMP := $(B)/.flags
FLAGS_TEXT = $(CC) $(CFLAGS_ALL)
.PHONY: force
$(FLAGS_STAMP): force
	$(Q)mkdir -p $(@D); echo '$(FLAGS_TEXT)' | cmp -s - $@ || echo '$(FLAGS_TEXT)' > $@

# Files that become part of the program, as bytes: the pool's web page, and what a report is made of.
WEB_FILES := $(sort $(wildcard pool/web/*))
DYGRAPHS := /usr/share/javascript/dygraphs
REPORT_FILES := $(sort $(wildcard lab/report/*)) $(DYGRAPHS)/dygraph.min.js $(DYGRAPHS)/dygraph.min.css
$(B)/gen/web_assets.c: $(WEB_FILES) tools/embed.sh
	$(call say,EMBED,$@)
	$(Q)mkdir -p $(@D) && tools/embed.sh pool/web_priv.h plab_web_assets $(WEB_FILES) >$@.tmp && mv $@.tmp $@
$(B)/gen/report_assets.c: $(REPORT_FILES) tools/embed.sh
	$(call say,EMBED,$@)
	$(Q)mkdir -p $(@D) && tools/embed.sh lab/report_priv.h plab_report_assets $(REPORT_FILES) >$@.tmp && mv $@.tmp $@
$(B)/gen/%_assets.o: $(B)/gen/%_assets.c $(FLAGS_STAMP)
	$(call say,CC,$@)
	$(Q)$(CC) $(CFLAGS_ALL) -c -o $@ $<

$(B)/libpowlab_core.a: $(CORE_OBJ)
	$(call say,AR,$@)
	$(Q)rm -f $@ && $(AR) rcs $@ $^

$(B)/libpowlab_app.a: $(APP_OBJ)
	$(call say,AR,$@)
	$(Q)rm -f $@ && $(AR) rcs $@ $^

$(B)/powlab: $(B)/cli/main.o $(B)/libpowlab_app.a $(B)/libpowlab_core.a
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS_ALL) -o $@ $^ $(PKG_LIBS) -lm

# The version is compiled into one object, which is rebuilt when the commit changes.
$(B)/.commit: force
	$(Q)mkdir -p $(@D); echo '$(COMMIT)' | cmp -s - $@ || echo '$(COMMIT)' > $@
$(B)/cli/version.o: $(B)/.commit
$(B)/cli/version.o: DEFS = -DPLAB_VERSION='"$(VERSION)"' -DPLAB_COMMIT='"$(COMMIT)"' \
  -DPLAB_CONFIG='"$(CONFIG)"' -DPLAB_CFLAGS='"$(strip $(OPT_$(CONFIG)) $(if $(NATIVE),-march=native))"'

$(B)/%.o: %.c $(FLAGS_STAMP)
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS_ALL) $(call isa_flags,$*) $(if $(filter $(APP_DIRS:%=%/%) tests/%,$<),$(PKG_CFLAGS)) \
	  $(DEFS) -MMD -MP -c -o $@ $<

DEP_FILES = $(CORE_OBJ:.o=.d) $(APP_OBJ:.o=.d) $(B)/cli/main.d $(TEST_DEPS)
