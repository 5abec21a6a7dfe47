/* SPDX-License-Identifier: BSD-3-Clause */
/* The token bucket lives in base/bucket.h, because the client limits its submits with it too. */
#ifndef PLAB_POOL_BUCKET_H
#define PLAB_POOL_BUCKET_H

#include "base/bucket.h"

#endif
