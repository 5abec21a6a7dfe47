/* SPDX-License-Identifier: BSD-3-Clause */
/* Whole files, written so that a reader sees either the old one or the new one. */
#ifndef PLAB_BASE_FILE_H
#define PLAB_BASE_FILE_H

#include <stddef.h>
#include <sys/types.h>

#include "base/status.h"

/* Writes `len` bytes to a temporary file beside `path`, syncs it and renames it. PLAB_E_IO names
 * path and reason (a full disk, a missing folder); the temporary file is removed then. What is no
 * file (a device, a pipe) is written in place; a named pipe must have a reader within a second. */
PLAB_NODISCARD enum plab_status plab_file_write(const char *path, const void *bytes, size_t len,
                                                struct plab_error *err);

/* The same for a file of this mode, whatever the umask: a key is 0600. */
PLAB_NODISCARD enum plab_status plab_file_write_mode(const char *path, mode_t mode,
                                                     const void *bytes, size_t len,
                                                     struct plab_error *err);

/* Reads at most `cap` bytes of a file into `out` and stores their number: for /proc and /sys, whose
 * sizes are unknown beforehand. A longer file is PLAB_E_INPUT. */
PLAB_NODISCARD enum plab_status plab_file_read(const char *path, void *out, size_t cap,
                                               size_t *out_len, struct plab_error *err);

#endif
