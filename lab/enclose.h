/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A process puts itself where a scenario's network is: the inner side of `powlab lab exec`.
 *
 * Programs that weren't made for the laboratory get into more than another network. Names would
 * leave the machine through daemons that listen on local sockets (nscd, systemd-resolved), so these
 * are hidden; and a miner that runs as root writes to kernel settings, so it loses all privileges
 * and sees everything but a folder of its own read-only. That keeps ordinary programs in; it isn't
 * a sandbox for hostile ones.
 */
#ifndef PLAB_LAB_ENCLOSE_H
#define PLAB_LAB_ENCLOSE_H

#include "base/status.h"

struct plab_enclosure {
    const char *netns;    /* path of the network namespace to enter; NULL: stays */
    const char *etc;      /* folder whose resolv.conf, nsswitch.conf and hosts take the place of
                             those in /etc, while /run becomes empty; NULL: stays */
    const char *writable; /* the only folder that it can change, without any privileges; NULL:
                             stays */
};

/* Does that to the calling process, which must have one thread. PLAB_E_RESOURCE names what the
 * system refused. */
PLAB_NODISCARD enum plab_status plab_enclose(const struct plab_enclosure *enclosure,
                                             struct plab_error *err);

#endif
