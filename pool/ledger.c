/* SPDX-License-Identifier: BSD-3-Clause */
#include "pool/ledger.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/hex.h"
#include "base/log.h"
#include "pool/ledger_db.h"

#define LINE_START "{\"t_ns\":" /* of every line */

struct plab_ledger {
    int fd;       /* of lines */
    bool is_file; /* else a pipe or a terminal, which can't be cut */
    char *path;
    struct plab_ledger_db *db;         /* NULL: lines */
    struct plab_ledger_writer *writer; /* to it */
};

/* The file is cut to `size`: half a record helps nobody, and would spoil the one after it. */
static void cut(const struct plab_ledger *ledger, off_t size) {
    if (ledger->is_file && size >= 0 && ftruncate(ledger->fd, size) != 0) {
        return; /* told already: the write has failed */
    }
}

/* Writes all of it or nothing. Other pools may append to the same file meanwhile, each its whole
 * lines: hence the lock. */
static int write_whole(const struct plab_ledger *ledger, const char *text, size_t len) {
    int reason = 0;
    (void)flock(ledger->fd, LOCK_EX);
    const off_t before = lseek(ledger->fd, 0, SEEK_END);
    for (size_t done = 0; done < len && reason == 0;) {
        const ssize_t written = write(ledger->fd, text + done, len - done);
        if (written > 0) {
            done += (size_t)written;
        } else if (written == 0 || errno != EINTR) {
            reason = written == 0 ? ENOSPC : errno;
            cut(ledger, done > 0 ? before : -1);
        }
    }
    (void)flock(ledger->fd, LOCK_UN);
    return reason;
}

static enum plab_status write_line(struct plab_ledger *ledger, json_t *record,
                                   struct plab_error *err) {
    char *text = record != NULL ? json_dumps(record, JSON_COMPACT) : NULL;
    json_decref(record);
    if (text == NULL) {
        return plab_fail(err, PLAB_E_NOMEM, "no memory for a record of the ledger");
    }
    size_t len = strlen(text);
    text[len] = '\n'; /* in place of the NUL: the length says where it ends */
    int reason = write_whole(ledger, text, len + 1);
    free(text);
    return reason == 0 ? PLAB_OK
                       : plab_fail(err, PLAB_E_IO, "cannot write to the ledger \"%s\": %s",
                                   ledger->path, strerror(reason));
}

static json_t *first_line(const char *algo) {
    char wall[PLAB_CLOCK_ISO_LEN];
    plab_clock_iso(plab_clock_wall_ns(), wall);
    return json_pack("{s:I,s:s,s:s,s:s,s:s,s:I}", "t_ns", (json_int_t)plab_clock_ns(), "event",
                     "open", "schema", PLAB_LEDGER_SCHEMA, "wall", wall, "algo", algo, "pid",
                     (json_int_t)getpid());
}

/* Where the last line begins; `size` when it is whole. -1: it can't be read. */
static off_t last_line(int fd, off_t size) {
    char block[4096];
    for (off_t end = size; end > 0;) {
        const size_t len = end < (off_t)sizeof block ? (size_t)end : sizeof block;
        end -= (off_t)len;
        if (pread(fd, block, len, end) != (ssize_t)len) {
            return -1;
        }
        const char *newline = memrchr(block, '\n', len);
        if (newline != NULL) {
            return end + (newline - block) + 1;
        }
    }
    return 0;
}

/* A pool that was killed, or a machine that lost power, may have left half a line: nothing that was
 * answered. It is cut off if it is ours. */
static enum plab_status mend(const struct plab_ledger *ledger, struct plab_error *err) {
    char start[sizeof LINE_START - 1] = "";
    (void)flock(ledger->fd, LOCK_EX);
    const off_t size = lseek(ledger->fd, 0, SEEK_END);
    const off_t half = last_line(ledger->fd, size);
    const ssize_t len = half >= 0 ? pread(ledger->fd, start, sizeof start, half) : -1;
    const bool ours = len > 0 && memcmp(start, LINE_START, (size_t)len) == 0;
    const bool fixed = len == 0 || (ours && ftruncate(ledger->fd, half) == 0);
    (void)flock(ledger->fd, LOCK_UN);
    if (len > 0 && !ours) {
        return plab_fail(err, PLAB_E_INPUT,
                         "\"%s\" is no ledger: its last line has no end; give another file",
                         ledger->path);
    }
    return fixed ? PLAB_OK
                 : plab_fail(err, PLAB_E_IO, "cannot mend the ledger \"%s\": %s", ledger->path,
                             strerror(errno));
}

static enum plab_status open_lines(struct plab_ledger *ledger, const char *algo,
                                   struct plab_error *err) {
    struct stat facts;
    ledger->fd = open(ledger->path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (ledger->fd < 0 || fstat(ledger->fd, &facts) != 0) {
        return plab_fail(err, PLAB_E_IO, "cannot open the ledger \"%s\": %s", ledger->path,
                         strerror(errno));
    }
    ledger->is_file = S_ISREG(facts.st_mode);
    enum plab_status status = ledger->is_file ? mend(ledger, err) : PLAB_OK;
    return status == PLAB_OK ? write_line(ledger, first_line(algo), err) : status;
}

static enum plab_status open_db(struct plab_ledger *ledger, const char *algo,
                                struct plab_error *err) {
    enum plab_status status = plab_ledger_db_open(&ledger->db, ledger->path, algo, err);
    return status == PLAB_OK
               ? plab_ledger_writer_create(&ledger->writer, plab_ledger_db_commit, ledger->db, err)
               : status;
}

enum plab_status plab_ledger_open(struct plab_ledger **out, const char *path, const char *algo,
                                  struct plab_error *err) {
    struct plab_ledger *ledger = calloc(1, sizeof *ledger);
    *out = NULL;
    if (ledger == NULL || (ledger->path = strdup(path)) == NULL) {
        free(ledger);
        return plab_fail(err, PLAB_E_NOMEM, "no memory for the ledger");
    }
    ledger->fd = -1;
    enum plab_status status =
        plab_ledger_db_is_name(path) ? open_db(ledger, algo, err) : open_lines(ledger, algo, err);
    if (status != PLAB_OK) {
        plab_ledger_close(&ledger);
        return status;
    }
    *out = ledger;
    return PLAB_OK;
}

/* Peers' texts need not be UTF-8, which JSON demands: escaped, they are. */
static void add_text(json_t *record, const char *key, const char *text) {
    char safe[1100];
    if (text != NULL && text[0] != '\0') {
        plab_log_escape(text, strlen(text), safe, sizeof safe);
        json_object_set_new(record, key, json_string(safe));
    }
}

static void add_number(json_t *record, const char *key, uint64_t value) {
    if (value != 0) {
        uint64_t shown = value <= INT64_MAX ? value : INT64_MAX; /* JSON readers stop there */
        json_object_set_new(record, key, json_integer((json_int_t)shown));
    }
}

static void add_bytes(json_t *record, const char *key, const uint8_t *bytes, size_t len) {
    char hex[2 * PLAB_BLOCK_ID_BYTES + 1];
    if (bytes != NULL) {
        plab_hex_encode(bytes, len, hex);
        json_object_set_new(record, key, json_string(hex));
    }
}

static enum plab_status append_line(struct plab_ledger *ledger, const struct plab_pool_event *event,
                                    struct plab_error *err) {
    json_t *record = json_object();
    json_object_set_new(record, "t_ns", json_integer((json_int_t)event->t_ns));
    json_object_set_new(record, "event", json_string(plab_pool_event_name(event->kind)));
    add_number(record, "session", event->session);
    add_text(record, "peer", event->peer);
    add_text(record, "login", event->login);
    add_text(record, "agent", event->agent);
    add_text(record, "rig_id", event->rig_id);
    add_text(record, "job_id", event->job_id);
    add_number(record, "height", event->height);
    if (event->kind == PLAB_POOL_EVENT_SHARE) {
        add_text(record, "verdict", plab_verdict_name(event->verdict));
        add_number(record, "latency_us", event->latency_ns / 1000);
        add_number(record, "verify_us", event->verify_ns / 1000);
        if (event->unverified) {
            json_object_set_new(record, "verified", json_false());
        }
    }
    if (event->kind == PLAB_POOL_EVENT_BLOCK) {
        json_object_set_new(record, "accepted", json_boolean(event->accepted));
    }
    add_number(record, "difficulty", event->difficulty);
    add_number(record, "share_difficulty", event->share_difficulty);
    add_bytes(record, "nonce", event->nonce, PLAB_BLOCK_NONCE_BYTES);
    add_bytes(record, "id", event->id, PLAB_BLOCK_ID_BYTES);
    add_bytes(record, "seed", event->seed, PLAB_BLOCK_ID_BYTES);
    add_text(record, "text", event->text);
    return write_line(ledger, record, err);
}

enum plab_status plab_ledger_append(void *cookie, const struct plab_pool_event *event,
                                    struct plab_error *err) {
    struct plab_ledger *ledger = cookie;
    return ledger->writer != NULL ? plab_ledger_writer_append(ledger->writer, event, err)
                                  : append_line(ledger, event, err);
}

const struct plab_pool_durable *plab_ledger_durable(const struct plab_ledger *ledger) {
    return ledger->writer != NULL ? plab_ledger_writer_durable(ledger->writer) : NULL;
}

void plab_ledger_close(struct plab_ledger **ledger) {
    if (*ledger != NULL) {
        if ((*ledger)->fd >= 0) {
            close((*ledger)->fd);
        }
        plab_ledger_writer_destroy(&(*ledger)->writer);
        plab_ledger_db_close(&(*ledger)->db);
        free((*ledger)->path);
        free(*ledger);
        *ledger = NULL;
    }
}
