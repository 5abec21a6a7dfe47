/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli/version.h"

const char plab_version[] = PLAB_VERSION;
const char plab_commit[] = PLAB_COMMIT;
const char plab_config[] = PLAB_CONFIG;
const char plab_cflags[] = PLAB_CFLAGS;
#if defined(__clang__)
const char plab_compiler[] = "clang " __clang_version__;
#else
const char plab_compiler[] = "gcc " __VERSION__;
#endif
#if defined(__x86_64__)
const char plab_target[] = "x86_64";
#elif defined(__aarch64__)
const char plab_target[] = "aarch64";
#else
const char plab_target[] = "other";
#endif
