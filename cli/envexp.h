/* SPDX-License-Identifier: BSD-3-Clause */
/* References to environment variables in texts, as XMRig has them in user, pass and rig id. */
#ifndef PLAB_CLI_ENVEXP_H
#define PLAB_CLI_ENVEXP_H

#include <stdbool.h>
#include <stddef.h>

/* Copies `text` with each ${NAME} replaced by the value of that variable; one that isn't set stays
 * as it stands, and values aren't looked into again. HOSTNAME is this host's name where the
 * environment has none; so are XMRIG_HOSTNAME and XMRIG_KIND ("miner"), which XMRig sets for
 * itself. False, with "" in `out`, when the result doesn't fit `cap`. */
bool plab_env_expand(const char *text, char *out, size_t cap);

#endif
