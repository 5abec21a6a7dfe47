/* SPDX-License-Identifier: BSD-3-Clause */
/* One child process on a libuv loop: started, asked to end, killed when it doesn't, always reaped.
 */
#ifndef PLAB_LAB_CHILD_PRIV_H
#define PLAB_LAB_CHILD_PRIV_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "base/status.h"
#include "lab/enclose.h"

#define PLAB_ARGV_MAX 64

/* An argument vector that grows by formatted words; owns them. */
struct plab_argv {
    size_t count;
    bool failed; /* a word was lost for want of memory or room */
    char *items[PLAB_ARGV_MAX + 1];
};

void plab_argv_add(struct plab_argv *argv, const char *fmt, ...) PLAB_PRINTF(2, 3);
void plab_argv_free(struct plab_argv *argv);

struct plab_child;
typedef void plab_child_exit_fn(struct plab_child *child);

struct plab_child {
    uv_process_t process;
    uv_pipe_t input; /* its standard input, when it takes commands */
    uv_timer_t killer;
    plab_child_exit_fn *on_exit; /* when it has been reaped; may start the child again */
    void *cookie;                /* the owner's */
    bool running;                /* until just before on_exit */
    bool asked;                  /* plab_child_stop() was called */
    bool killed;                 /* it had to be killed */
    bool commanded;              /* it takes commands on its standard input */
    int pid;
    int exit_code, signal; /* signal 0: it ended by itself */
    uint64_t start_ns, end_ns;
    unsigned open_handles;
};

/* How a program is to be started; all borrowed. */
struct plab_child_plan {
    const struct plab_argv *argv;
    const struct plab_argv *env;     /* "NAME=value" beside the laboratory's own; NULL: none */
    const char *guard;               /* path of powlab; NULL: started without `powlab lab exec` */
    const char *log_path;            /* standard output and error are appended to it */
    int nice;                        /* 0 to 19, with a guard */
    struct plab_enclosure enclosure; /* with a guard */
    bool commanded;                  /* has a standard input, for plab_child_tell(); else nothing to
                                        read */
};

/* Starts it. With a guard it dies with this process whatever happens. PLAB_E_IO or PLAB_E_RESOURCE
 * name the program and why; when the system couldn't start it, on_exit follows all the same (exit
 * code 127). */
PLAB_NODISCARD enum plab_status plab_child_start(struct plab_child *child, uv_loop_t *loop,
                                                 const struct plab_child_plan *plan,
                                                 struct plab_error *err);

/* Writes a line to a running child that takes commands. What it doesn't read is lost with it. */
void plab_child_tell(struct plab_child *child, const char *fmt, ...) PLAB_PRINTF(2, 3);

/* Asks a running child to end (SIGTERM) and kills it after `grace_ms`. Again: shortens the grace.
 */
void plab_child_stop(struct plab_child *child, uint64_t grace_ms);

#endif
