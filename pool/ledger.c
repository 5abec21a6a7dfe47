/* SPDX-License-Identifier: BSD-3-Clause */
#include "pool/ledger.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/hex.h"
#include "base/log.h"
#include "pool/ledger_sqlite.h"

struct plab_ledger {
    int fd; /* of lines */
    char *path;
    struct plab_ledger_sqlite *sqlite; /* NULL: lines */
    struct plab_ledger_writer *writer; /* to it */
};

static enum plab_status write_line(struct plab_ledger *ledger, json_t *record,
                                   struct plab_error *err) {
    char *text = record != NULL ? json_dumps(record, JSON_COMPACT) : NULL;
    json_decref(record);
    if (text == NULL) {
        return plab_fail(err, PLAB_E_NOMEM, "no memory for a record of the ledger");
    }
    size_t len = strlen(text);
    text[len] = '\n'; /* in place of the NUL: the length says where it ends */
    ssize_t written = write(ledger->fd, text, len + 1);
    int reason = written < 0 ? errno : ENOSPC;
    free(text);
    if (written != (ssize_t)(len + 1)) {
        return plab_fail(err, PLAB_E_IO, "cannot write to the ledger \"%s\": %s", ledger->path,
                         strerror(reason));
    }
    return PLAB_OK;
}

static json_t *first_line(const char *algo) {
    char wall[PLAB_CLOCK_ISO_LEN];
    plab_clock_iso(plab_clock_wall_ns(), wall);
    return json_pack("{s:I,s:s,s:s,s:s,s:s,s:I}", "t_ns", (json_int_t)plab_clock_ns(), "event",
                     "open", "schema", PLAB_LEDGER_SCHEMA, "wall", wall, "algo", algo, "pid",
                     (json_int_t)getpid());
}

static enum plab_status open_lines(struct plab_ledger *ledger, const char *algo,
                                   struct plab_error *err) {
    ledger->fd = open(ledger->path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (ledger->fd < 0) {
        return plab_fail(err, PLAB_E_IO, "cannot open the ledger \"%s\": %s", ledger->path,
                         strerror(errno));
    }
    return write_line(ledger, first_line(algo), err);
}

static enum plab_status open_sqlite(struct plab_ledger *ledger, const char *algo,
                                    struct plab_error *err) {
    enum plab_status status = plab_ledger_sqlite_open(&ledger->sqlite, ledger->path, algo, err);
    return status == PLAB_OK ? plab_ledger_writer_create(&ledger->writer, plab_ledger_sqlite_commit,
                                                         ledger->sqlite, err)
                             : status;
}

static bool is_database(const char *path) {
    size_t len = strlen(path);
    return len > 3 && strcmp(path + len - 3, ".db") == 0;
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
        is_database(path) ? open_sqlite(ledger, algo, err) : open_lines(ledger, algo, err);
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
        plab_ledger_sqlite_close(&(*ledger)->sqlite);
        free((*ledger)->path);
        free(*ledger);
        *ledger = NULL;
    }
}
