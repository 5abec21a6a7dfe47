/* SPDX-License-Identifier: BSD-3-Clause */
/* What the rows of dialect.c and voice.c are made of. Private to stratum/. */
#ifndef PLAB_STRATUM_DIALECT_PRIV_H
#define PLAB_STRATUM_DIALECT_PRIV_H

#include "stratum/dialect.h"
#include "stratum/voice.h"

/* dialect_lines.c */
plab_dialect_build_fn plab_xmrig_login, plab_xmrig_submit, plab_xmrig_keepalive;
plab_dialect_build_fn plab_xmrstak_login, plab_xmrstak_submit;
plab_dialect_build_fn plab_xmrstak_cpu_login, plab_xmrstak_cpu_submit;
plab_dialect_build_fn plab_cpuminer_login, plab_cpuminer_submit;

/* stratum1.c */
plab_dialect_build_fn plab_stratum1_subscribe, plab_stratum1_authorize, plab_stratum1_extra,
    plab_stratum1_submit;
plab_dialect_parse_fn plab_stratum1_parse_reply;
extern const struct plab_voice plab_stratum1_voice;

/* template.c */
plab_dialect_build_fn plab_template_ask, plab_template_submit;
plab_dialect_parse_fn plab_template_parse_reply;
extern const struct plab_voice plab_template_voice;

/* coinhive.c */
plab_dialect_build_fn plab_coinhive_auth, plab_coinhive_submit;
plab_dialect_parse_fn plab_coinhive_parse_reply;
extern const struct plab_voice plab_coinhive_voice;

#endif
