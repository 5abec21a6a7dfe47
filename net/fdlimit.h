/* SPDX-License-Identifier: BSD-3-Clause */
/* How many files and sockets this process may have open. */
#ifndef PLAB_NET_FDLIMIT_H
#define PLAB_NET_FDLIMIT_H

#include <stddef.h>

/* Raises the soft limit towards `wanted`, as far as the hard one lets it; never lowers it. Returns
 * what holds now. */
size_t plab_fdlimit_raise(size_t wanted);

#endif
