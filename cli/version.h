/* SPDX-License-Identifier: BSD-3-Clause */
/* What was built, from the Makefile. */
#ifndef PLAB_CLI_VERSION_H
#define PLAB_CLI_VERSION_H

extern const char plab_version[];  /* "0.1.0" */
extern const char plab_commit[];   /* git describe, "unknown" outside a checkout */
extern const char plab_config[];   /* release, debug, asan, tsan, cov */
extern const char plab_cflags[];   /* optimisation and instrumentation flags */
extern const char plab_compiler[]; /* "gcc 12.2.0" */
extern const char plab_target[];   /* "x86_64" */

#endif
