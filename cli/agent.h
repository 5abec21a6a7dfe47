/* SPDX-License-Identifier: BSD-3-Clause */
/* What powlab calls itself at pools. */
#ifndef PLAB_CLI_AGENT_H
#define PLAB_CLI_AGENT_H

#include "stratum/msg.h"

/* Writes "powlab/0.1.0 (Linux x86_64) libuv/1.44.2 gcc/12.2.0". Returns `out`. */
const char *plab_agent(char out[PLAB_STRATUM_TEXT_MAX]);

#endif
