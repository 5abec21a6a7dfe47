/* SPDX-License-Identifier: BSD-3-Clause */
/* Numbers of the format that writer and reader share. */
#ifndef PLAB_LAB_PCAPNG_PRIV_H
#define PLAB_LAB_PCAPNG_PRIV_H

#include <stddef.h>

#include "base/bytes.h"

#define PLAB_BLOCK_SECTION UINT32_C(0x0A0D0D0A)
#define PLAB_BLOCK_INTERFACE 1
#define PLAB_BLOCK_STATS 5
#define PLAB_BLOCK_PACKET 6
#define PLAB_BLOCK_SECRETS 10

#define PLAB_SECTION_MAGIC UINT32_C(0x1A2B3C4D)
#define PLAB_SECRETS_TLS UINT32_C(0x544c534b)

#define PLAB_OPT_COMMENT 1
#define PLAB_OPT_SHB_APPLICATION 4
#define PLAB_OPT_IF_NAME 2
#define PLAB_OPT_IF_TSRESOL 9
#define PLAB_OPT_IF_FILTER 11
#define PLAB_OPT_ISB_START 2
#define PLAB_OPT_ISB_END 3
#define PLAB_OPT_ISB_RECEIVED 4
#define PLAB_OPT_ISB_DROPPED 5
#define PLAB_OPT_ISB_OS_DROPPED 7
#define PLAB_OPT_ISB_DELIVERED 8

/* A length with what fills it up to a multiple of 4. */
static inline size_t plab_pcapng_pad(size_t len) {
    return (len + 3) & ~(size_t)3;
}

#endif
