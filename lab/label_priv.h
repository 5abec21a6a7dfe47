/* SPDX-License-Identifier: BSD-3-Clause */
/* What label.c reads of a truth file, for label_seconds.c. */
#ifndef PLAB_LAB_LABEL_PRIV_H
#define PLAB_LAB_LABEL_PRIV_H

#include <stdbool.h>

#include "lab/label.h"
#include "lab/scenario.h"

#define PLAB_LABEL_TEXT 128

/* A client's connection. */
struct plab_label_session {
    struct plab_endpoint peer;
    double start_s, end_s; /* end: INFINITY while it is open */
    uint64_t number;       /* the pool's ... */
    bool second;           /* ... which is the second one */
    bool claimed;          /* by a process itself, not by the pool */
    bool benign, owned;    /* by what its process is; owned: that is known */
    char login[PLAB_LABEL_TEXT], agent[PLAB_LABEL_TEXT], dialect[32];
    char process[PLAB_SCENARIO_NAME_MAX + 16], label[PLAB_LABEL_TEXT];
};

/* A time in which a process ran. */
struct plab_label_process {
    char name[PLAB_SCENARIO_NAME_MAX + 16], user[PLAB_LABEL_TEXT], label[PLAB_LABEL_TEXT];
    char dialect[32];
    bool worker, benign;
    double start_s, end_s;
};

struct plab_label_phase {
    char name[PLAB_SCENARIO_NAME_MAX + 1];
    double start_s, end_s;
    int load_percent;
};

struct plab_label_share {
    double t_s;
    bool accepted;
};

/* Arrays that grow; owned. */
struct plab_labels {
    char run[PLAB_LABEL_TEXT], scenario[PLAB_LABEL_TEXT], label[PLAB_LABEL_TEXT];
    char pool[PLAB_LABEL_TEXT], second_pool[PLAB_LABEL_TEXT];
    uint64_t start_wall_ns;
    double end_s;             /* of the last event */
    bool started, has_benign; /* a process that doesn't mine was started */
    struct plab_label_session *sessions;
    struct plab_label_process *processes;
    struct plab_label_phase *phases;
    struct plab_label_share *shares;
    size_t session_count, process_count, phase_count, share_count;
};

#endif
