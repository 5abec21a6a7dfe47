# bench-peers: powlab and another implementation of RandomX in turns. Not part of powlab.
#
#   make bench-peers                        against Debian's librandomx (librandomx-dev)
#   make bench-peers RANDOMX_DIR=PREFIX     against PREFIX/include/randomx.h, PREFIX/lib/librandomx.a
#   make bench-peers BENCH_PEERS_ARGS=-h

RANDOMX_DIR ?=
BENCH_PEERS_ARGS ?=

PEERS_B := $(B)/peers-$(if $(RANDOMX_DIR),$(notdir $(RANDOMX_DIR)),system)
PEERS_OBJ := $(patsubst %.c,$(PEERS_B)/%.o,$(wildcard bench/peers/*.c))
PEERS_INC := $(if $(RANDOMX_DIR),-I$(RANDOMX_DIR)/include)
# A static librandomx is C++ inside and leaves the linking of its library to us.
PEERS_LIB := $(if $(RANDOMX_DIR),$(RANDOMX_DIR)/lib/librandomx.a -z noexecstack -lstdc++,-lrandomx)
# RANDOMX_FLAG_V2 is an enumerator, which the preprocessor can't see.
PEERS_V2 = $(shell printf '\043include <randomx.h>\nint v2 = RANDOMX_FLAG_V2;\n' | \
  $(CC) $(PEERS_INC) -fsyntax-only -xc - 2>/dev/null && echo -DPLAB_PEERS_V2)

$(PEERS_B)/bench/peers/%.o: bench/peers/%.c $(FLAGS_STAMP)
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS_ALL) $(PEERS_INC) $(PEERS_V2) $(PKG_CFLAGS) -MMD -MP -c -o $@ $<

$(PEERS_B)/bench-peers: $(PEERS_OBJ) $(B)/libpowlab_app.a $(B)/libpowlab_core.a \
  $(if $(RANDOMX_DIR),$(RANDOMX_DIR)/lib/librandomx.a)
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS_ALL) -o $@ $(filter %.o %powlab_app.a %powlab_core.a,$^) $(PEERS_LIB) \
	  $(PKG_LIBS) -lm

.PHONY: bench-peers
bench-peers: $(PEERS_B)/bench-peers ## Measure powlab and librandomx in turns (BENCH_PEERS_ARGS=)
	$(Q)$< $(BENCH_PEERS_ARGS)

-include $(PEERS_OBJ:.o=.d)

# tests/integration/bench_peers.sh runs it.
integration: $(PEERS_B)/bench-peers
