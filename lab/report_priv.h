/* SPDX-License-Identifier: BSD-3-Clause */
/* What reports are made of. Not for other folders. */
#ifndef PLAB_LAB_REPORT_PRIV_H
#define PLAB_LAB_REPORT_PRIV_H

#include "base/asset.h"

/* lab/report/ and dygraphs, compiled in. */
extern const struct plab_assets plab_report_assets;

#endif
