# Compiler, flavour, flags. Objects of different flavours never share a folder.

CONFIG ?= release
CROSS ?=
V ?= 0
Q := $(if $(filter 1,$(V)),,@)
say = @$(if $(filter 1,$(V)),:,printf '  %-7s %s\n' $(1) $(2))

ifeq ($(origin CC),default)
CC := $(CROSS)gcc
endif
AR := $(CROSS)ar

TRIPLE := $(shell $(CC) -dumpmachine 2>/dev/null)
ARCH := $(firstword $(subst -, ,$(TRIPLE)))
ARCH_DIR := $(if $(filter x86_64,$(ARCH)),x86,$(if $(filter aarch64,$(ARCH)),arm,none))
COMPILER := $(if $(findstring clang,$(CC)),clang,gcc)
B ?= build/$(if $(ARCH),$(ARCH),unknown)-$(CONFIG)$(if $(filter clang,$(COMPILER)),-clang)

# What the rest of the program links; the core needs none of it.
# libcpuid knows x86 processors only.
PKGS := hwloc libuv libwebsockets openssl libpcap jansson libcyaml yaml-0.1 sqlite3 libpq $(if $(filter x86_64,$(ARCH)),libcpuid)
PKG_CFLAGS = $(shell pkg-config --cflags $(PKGS) 2>/dev/null)
PKG_LIBS = $(shell pkg-config --libs $(PKGS) 2>/dev/null)

VERSION := 0.1.0
COMMIT := $(shell git describe --always --dirty 2>/dev/null || echo unknown)

WARN := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes \
  -Wundef -Wvla -Wcast-align -Wcast-qual -Wpointer-arith -Wformat=2 -Wwrite-strings \
  -Wimplicit-fallthrough
ifeq ($(COMPILER),clang)
# Clang's cast-align fires on every intrinsic load; gcc's version covers the portable code.
WARN += -Wno-cast-align
endif
# ISO C has no 128-bit integer; __extension__ around each use would only hide the arithmetic.
WARN += -Wno-pedantic

OPT_release := -O2 -g
OPT_debug := -O0 -g3
OPT_asan := -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
OPT_tsan := -O1 -g -fsanitize=thread
OPT_cov := -O1 -g --coverage
OPT_fuzz := -O1 -g -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
ifeq ($(OPT_$(CONFIG)),)
$(error CONFIG=$(CONFIG) is none of release debug asan tsan cov fuzz)
endif

HARDEN := -fstack-protector-strong -fPIE -fvisibility=hidden
ifeq ($(CONFIG),release)
HARDEN += -D_FORTIFY_SOURCE=2
endif

# Hashes depend on each rounding: no contraction to FMA, no reassociation, anywhere.
# Nobody asks errno about a square root, so that sqrt() is one instruction.
FP := -ffp-contract=off -fno-fast-math -fno-math-errno

CFLAGS_ALL = -std=c11 -D_GNU_SOURCE -I. $(OPT_$(CONFIG)) $(WARN) $(HARDEN) $(FP) -pthread \
  $(if $(WERROR),-Werror) $(if $(NATIVE),-march=native) $(CFLAGS)
LDFLAGS_ALL = $(filter -fsanitize=% --coverage,$(OPT_$(CONFIG))) -pie -Wl,-z,relro,-z,now -pthread \
  $(LDFLAGS)

# Instruction sets are switched on by the suffix of a file's name, and nowhere else.
isa_flags = $(if $(filter %_aesni,$(1)),-msse4.1 -maes) \
  $(if $(filter %_avx2,$(1)),-mavx2 -mbmi2) \
  $(if $(filter %_vaes,$(1)),-mavx2 -mbmi2 -maes -mvaes) \
  $(if $(filter %_avx512,$(1)),-mavx512f -mavx512bw -mavx512dq -mavx512vl -mbmi2) \
  $(if $(filter %_vaes512,$(1)),-mavx512f -mavx512bw -mavx512dq -mavx512vl -mbmi2 -maes -mvaes) \
  $(if $(filter %_ce,$(1)),-march=armv8-a+crypto) \
  $(if $(filter pow/rx_machine,$(1)),-frounding-math) \
  $(if $(filter pow/rx_superscalar pow/argon2d,$(1)),$(VECTORIZE))

# -frounding-math above: the RandomX machine changes the rounding mode while it runs. Its
# superscalar programs run on batches of items, in loops that gcc leaves alone at -O2, and so are
# those of Argon2's block.
VECTORIZE := $(if $(filter release,$(CONFIG)),-O3)
