/* SPDX-License-Identifier: BSD-3-Clause */
/* Threads of the host layer: named, and deaf to signals, which belong to the main thread. */
#ifndef PLAB_HOST_THREAD_H
#define PLAB_HOST_THREAD_H

#include <pthread.h>

#include "base/status.h"

/* Starts `run(arg)` in a thread that is seen as "powlab-<name><number>" (at most 15 bytes; without
 * the number when it is negative) and has all signals blocked. PLAB_E_RESOURCE when the system
 * refuses. The caller joins it. */
PLAB_NODISCARD enum plab_status plab_thread_start(pthread_t *thread, const char *name, int number,
                                                  void *(*run)(void *), void *arg,
                                                  struct plab_error *err);

#endif
