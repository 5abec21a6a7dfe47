/* SPDX-License-Identifier: BSD-3-Clause */
/* Compiler attributes used across the tree; the only place that spells them. */
#ifndef PLAB_BASE_ATTR_H
#define PLAB_BASE_ATTR_H

#define PLAB_NODISCARD __attribute__((warn_unused_result))
#define PLAB_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#define PLAB_ALIGNED(n) __attribute__((aligned(n)))
#define PLAB_UNUSED __attribute__((unused))
#define PLAB_NORETURN __attribute__((noreturn))
#define PLAB_ALWAYS_INLINE inline __attribute__((always_inline))

/* Before a loop: no iteration reads what another one writes, so it may become vector code. */
#if defined(__clang__)
#define PLAB_IVDEP _Pragma("clang loop vectorize(assume_safety)")
#else
#define PLAB_IVDEP _Pragma("GCC ivdep")
#endif

#define PLAB_ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

#endif
