/* SPDX-License-Identifier: BSD-3-Clause */
/* "Did you mean": the nearest of some names. */
#ifndef PLAB_BASE_SUGGEST_H
#define PLAB_BASE_SUGGEST_H

#include <stddef.h>

/* Returns the one of `count` names with the smallest edit distance to `wrong`, or NULL when none is
 * near enough to be a likely slip (distance above 1 + a third of its length). Borrowed. */
const char *plab_suggest(const char *wrong, const char *const *names, size_t count);

#endif
