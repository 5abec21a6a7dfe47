/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Inputs for a detector's canaries, made from a few words: a capture of one TCP conversation with
 * that payload, a file, or a run's evidence of one process.
 */
#ifndef PLAB_LAB_CANARY_H
#define PLAB_LAB_CANARY_H

#include "lab/evidence.h"

/* The conversation's ports, and with them the key of its flow. */
#define PLAB_CANARY_CLIENT_PORT 40000
#define PLAB_CANARY_SERVER_PORT 3333

/* Writes a capture (pcap, Ethernet): handshake, then `payload` from the client (10.0.0.2) to the
 * server (203.0.113.10), cut into segments of at most 1400 bytes, acknowledged, FIN both ways.
 * PLAB_E_IO. */
PLAB_NODISCARD enum plab_status plab_canary_capture(const char *path, const char *payload,
                                                    struct plab_error *err);

/* Evidence of one process "canary#0" (or the host, or a flow), with `text` as what was recorded:
 * `input` is "samples" (a line of JSON), "timeline", "processes" or "flows" (CSV). PLAB_E_INPUT
 * when the text isn't of that form. To be freed with plab_evidence_free(). */
PLAB_NODISCARD enum plab_status plab_canary_evidence(struct plab_evidence *out, const char *input,
                                                     const char *text, struct plab_error *err);

#endif
