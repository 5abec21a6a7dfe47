/* SPDX-License-Identifier: BSD-3-Clause */
#include "pool/event.h"

const char *plab_verdict_name(enum plab_verdict verdict) {
    static const char *const names[] = {
#define NAME(kind, name, text) [PLAB_VERDICT_##kind] = (name),
        PLAB_VERDICT_LIST(NAME)
#undef NAME
    };
    return names[verdict];
}

const char *plab_verdict_text(enum plab_verdict verdict) {
    static const char *const texts[] = {
#define TEXT(kind, name, text) [PLAB_VERDICT_##kind] = (text),
        PLAB_VERDICT_LIST(TEXT)
#undef TEXT
    };
    return texts[verdict];
}

const char *plab_pool_event_name(enum plab_pool_event_kind kind) {
    static const char *const names[] = {
#define NAME(kind_, name) [PLAB_POOL_EVENT_##kind_] = (name),
        PLAB_POOL_EVENT_LIST(NAME)
#undef NAME
    };
    return names[kind];
}
