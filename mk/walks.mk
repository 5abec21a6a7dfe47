# bench-walks: what page tables cost on this machine. Not part of powlab; docs/performance.md.

WALKS_OBJ := $(patsubst %.c,$(B)/%.o,$(wildcard bench/walks/*.c))

$(B)/bench-walks: $(WALKS_OBJ) $(B)/libpowlab_app.a $(B)/libpowlab_core.a
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS_ALL) -o $@ $(WALKS_OBJ) $(B)/libpowlab_app.a $(B)/libpowlab_core.a $(PKG_LIBS) -lm

.PHONY: bench-walks
bench-walks: $(B)/bench-walks ## Measure what page tables cost a RandomX dataset
	$(Q)$<

-include $(WALKS_OBJ:.o=.d)
