/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Packets of a run, by libpcap, into a pcapng file (lab/pcapng.h), on a thread of their own.
 *
 * Only what a filter lets through is seen, so that other traffic of the machine stays out. The
 * kernel stamps packets with its wall clock; they are put on the run's clock: the file's times are
 * the run's anchor plus what CLOCK_MONOTONIC has gone on since, also when the wall clock is set
 * meanwhile.
 *
 * Capturing needs the right to (CAP_NET_RAW, which root has, and who made a user and a network
 * namespace has it in there). Where it is missing, plab_capture_start() says so.
 */
#ifndef PLAB_LAB_CAPTURE_H
#define PLAB_LAB_CAPTURE_H

#include <stdint.h>

#include "base/status.h"

#define PLAB_CAPTURE_INTERFACES_MAX 8
#define PLAB_CAPTURE_FILTER_MAX 512

struct plab_capture_interface {
    const char *name; /* "lo" */
    int netns;        /* descriptor of the network namespace that it is in; -1: the caller's own */
};

struct plab_capture_config {
    const char *path;    /* of the file; borrowed until it was started, as are all texts here */
    const char *comment; /* of the section */
    struct plab_capture_interface interfaces[PLAB_CAPTURE_INTERFACES_MAX];
    uint32_t interface_count;
    char filter[PLAB_CAPTURE_FILTER_MAX]; /* as pcap-filter(7) has it; "": everything */
    uint64_t anchor_ns, anchor_wall_ns;   /* the same moment by both clocks */
};

/* What came of it. */
struct plab_capture_result {
    uint64_t packets, bytes; /* written; bytes of the packets */
    uint64_t received;       /* by the kernel for us, through the filter */
    uint64_t dropped;        /* of these: lost because we were late, or by the interface */
    uint64_t start_ns, end_ns;
    char failure[200]; /* why it ended before it was asked to; "": it didn't */
};

struct plab_capture;

/* Fills in a filter for TCP and UDP at ports of one address (NULL or an any-address: of all).
 * PLAB_E_INPUT when it doesn't fit. */
PLAB_NODISCARD enum plab_status plab_capture_filter(char out[PLAB_CAPTURE_FILTER_MAX],
                                                    const char *address, const uint16_t *ports,
                                                    uint32_t count, struct plab_error *err);

/* Starts to capture: what is sent after it returned is seen. PLAB_E_RESOURCE without the right or
 * the interface, with the reason; PLAB_E_IO for the file; PLAB_E_INPUT for the filter. No file is
 * left when it fails. */
PLAB_NODISCARD enum plab_status plab_capture_start(struct plab_capture **out,
                                                   const struct plab_capture_config *config,
                                                   struct plab_error *err);

/* Lets more through, from when it returned. Whatever the filter before let through, this one must,
 * too: what has come, but wasn't fetched yet, is judged by this one once more. PLAB_E_INPUT for a
 * bad filter (then the one before stays), PLAB_E_RESOURCE when the capture has ended. */
PLAB_NODISCARD enum plab_status plab_capture_widen(struct plab_capture *capture, const char *filter,
                                                   struct plab_error *err);

/* Takes what has come until now, writes statistics, closes the file, frees the capture and sets
 * `*capture` to NULL; NULL is fine. The file is valid whatever happened. Blocks for some 100 ms. */
void plab_capture_stop(struct plab_capture **capture, struct plab_capture_result *result);

#endif
