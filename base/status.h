/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Status codes and error texts.
 *
 * Every function that can fail returns an enum plab_status; most also take a
 * struct plab_error that receives one clear line for a person: the thing, the
 * value and the remedy. On error, outputs are unchanged or zeroed.
 *
 * Bugs assert. Bytes from a network, a file or a command line never reach an
 * assert: they become a status.
 */
#ifndef PLAB_BASE_STATUS_H
#define PLAB_BASE_STATUS_H

#include <stddef.h>

#include "base/attr.h"

/* X(name, exit code of the program, meaning). The exit codes are an interface
 * that scripts rely on; README.md lists them. */
#define PLAB_STATUS_MAP(X)                                                \
    X(OK, 0, "success")                                                   \
    X(E_FAILED, 1, "failed")                                              \
    X(E_USAGE, 2, "usage or configuration error")                         \
    X(E_INPUT, 2, "invalid input")                                        \
    X(E_NOMEM, 3, "not enough memory")                                    \
    X(E_RESOURCE, 3, "a resource is missing")                             \
    X(E_IO, 3, "input/output error")                                      \
    X(E_MISMATCH, 4, "wrong result")                                      \
    X(E_UNSUPPORTED, 5, "not supported on this machine or in this build") \
    X(E_NETWORK, 6, "network or peer error")                              \
    X(E_PROTOCOL, 6, "protocol violation")                                \
    X(E_UNTRUSTED, 7, "measured, but not to be trusted")                  \
    X(E_REFUSED, 8, "refused by the lab-only rule")                       \
    X(E_INTERRUPTED, 130, "interrupted")                                  \
    X(E_TERMINATED, 143, "terminated")

enum plab_status {
#define PLAB_STATUS_ENUM(name, code, text) PLAB_##name,
    PLAB_STATUS_MAP(PLAB_STATUS_ENUM)
#undef PLAB_STATUS_ENUM
        PLAB_STATUS_COUNT
};

/* Meaning of a status as a static string, never NULL. */
const char *plab_status_text(enum plab_status status);

/* Exit code of the program for a status. */
int plab_status_exit_code(enum plab_status status);

/* One line for a person. `text` is always terminated; an overlong one is cut. */
struct plab_error {
    char text[512];
};

/* Writes a formatted text into `err` (which may be NULL) and returns `status`, so that a
 * failing function can end with `return plab_fail(err, PLAB_E_INPUT, "...", ...)`. */
enum plab_status plab_fail(struct plab_error *err, enum plab_status status, const char *fmt, ...)
    PLAB_PRINTF(3, 4);

#endif
