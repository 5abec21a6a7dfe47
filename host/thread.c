/* SPDX-License-Identifier: BSD-3-Clause */
#include "host/thread.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

enum plab_status plab_thread_start(pthread_t *thread, const char *name, int number,
                                   void *(*run)(void *), void *arg, struct plab_error *err) {
    sigset_t all, before;
    char full_name[16];
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before); /* a new thread inherits the mask */
    int result = pthread_create(thread, NULL, run, arg);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (result != 0) {
        return plab_fail(err, PLAB_E_RESOURCE, "can't start a thread: %s", strerror(result));
    }
    if (number >= 0) {
        snprintf(full_name, sizeof full_name, "powlab-%.3s%u", name, (unsigned)number % 10000);
    } else {
        snprintf(full_name, sizeof full_name, "powlab-%.7s", name);
    }
    (void)pthread_setname_np(*thread, full_name); /* a name is a comfort, not a need */
    return PLAB_OK;
}
