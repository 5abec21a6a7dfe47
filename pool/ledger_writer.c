/* SPDX-License-Identifier: BSD-3-Clause */
#include "pool/ledger_writer.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct plab_ledger_writer {
    plab_ledger_commit_fn *commit;
    void *cookie;
    pthread_t thread;
    pthread_mutex_t mutex; /* of all below */
    pthread_cond_t filled, emptied;
    struct plab_ledger_record *first, **last;
    size_t count;
    uint64_t taken, durable; /* numbers of the newest event that was appended, that was committed */
    bool ending;
    enum plab_status status; /* of the commits so far */
    struct plab_error error;
    void (*notify)(void *cookie);
    void *notify_cookie;
    struct plab_pool_durable interface;
};

/* ---- copies ---- */

static const char *copy_text(char **at, const char *text) {
    if (text == NULL) {
        return NULL;
    }
    char *copy = *at;
    size_t size = strlen(text) + 1;
    memcpy(copy, text, size);
    *at += size;
    return copy;
}

static size_t size_of(const char *text) {
    return text != NULL ? strlen(text) + 1 : 0;
}

static const uint8_t *copy_bytes(uint8_t *to, const uint8_t *from, size_t len) {
    return from != NULL ? memcpy(to, from, len) : NULL;
}

static struct plab_ledger_record *copy_event(const struct plab_pool_event *event) {
    size_t size = size_of(event->text) + size_of(event->peer) + size_of(event->login) +
                  size_of(event->agent) + size_of(event->rig_id) + size_of(event->job_id);
    struct plab_ledger_record *record = malloc(sizeof *record + size);
    if (record == NULL) {
        return NULL;
    }
    char *at = record->texts;
    struct plab_pool_event *copy = &record->event;
    record->next = NULL;
    *copy = *event;
    copy->text = copy_text(&at, event->text);
    copy->peer = copy_text(&at, event->peer);
    copy->login = copy_text(&at, event->login);
    copy->agent = copy_text(&at, event->agent);
    copy->rig_id = copy_text(&at, event->rig_id);
    copy->job_id = copy_text(&at, event->job_id);
    copy->nonce = copy_bytes(record->nonce, event->nonce, sizeof record->nonce);
    copy->id = copy_bytes(record->id, event->id, sizeof record->id);
    copy->seed = copy_bytes(record->seed, event->seed, sizeof record->seed);
    return record;
}

static uint64_t free_list(struct plab_ledger_record *list) {
    uint64_t number = 0;
    while (list != NULL) {
        struct plab_ledger_record *next = list->next;
        number = list->event.number;
        free(list);
        list = next;
    }
    return number;
}

/* ---- the thread ---- */

static struct plab_ledger_record *take_all(struct plab_ledger_writer *writer) {
    struct plab_ledger_record *list = writer->first;
    writer->first = NULL;
    writer->last = &writer->first;
    writer->count = 0;
    return list;
}

/* Called and returns with the mutex held. */
static void commit_all(struct plab_ledger_writer *writer) {
    struct plab_ledger_record *list = take_all(writer);
    struct plab_error err = {.text = ""};
    pthread_cond_broadcast(&writer->emptied);
    pthread_mutex_unlock(&writer->mutex);
    enum plab_status status = writer->commit(writer->cookie, list, &err);
    uint64_t number = free_list(list);
    pthread_mutex_lock(&writer->mutex);
    if (status == PLAB_OK) {
        writer->durable = number;
    } else {
        writer->status = status;
        writer->error = err;
    }
    pthread_cond_broadcast(&writer->emptied);
    if (writer->notify != NULL) {
        writer->notify(writer->notify_cookie);
    }
}

static void *work(void *cookie) {
    struct plab_ledger_writer *writer = cookie;
    pthread_mutex_lock(&writer->mutex);
    while (writer->status == PLAB_OK && (writer->first != NULL || !writer->ending)) {
        if (writer->first != NULL) {
            commit_all(writer);
        } else {
            pthread_cond_wait(&writer->filled, &writer->mutex);
        }
    }
    pthread_mutex_unlock(&writer->mutex);
    return NULL;
}

/* ---- the loop's side ---- */

static enum plab_status fault_of(const struct plab_ledger_writer *writer, struct plab_error *err) {
    if (writer->status != PLAB_OK && err != NULL) {
        *err = writer->error;
    }
    return writer->status;
}

enum plab_status plab_ledger_writer_append(void *cookie, const struct plab_pool_event *event,
                                           struct plab_error *err) {
    struct plab_ledger_writer *writer = cookie;
    struct plab_ledger_record *record = copy_event(event);
    if (record == NULL) {
        return plab_fail(err, PLAB_E_NOMEM, "no memory for a record of the ledger");
    }
    pthread_mutex_lock(&writer->mutex);
    while (writer->count >= PLAB_LEDGER_QUEUE_MAX && writer->status == PLAB_OK) {
        pthread_cond_wait(&writer->emptied, &writer->mutex);
    }
    enum plab_status status = fault_of(writer, err);
    if (status == PLAB_OK) {
        *writer->last = record;
        writer->last = &record->next;
        writer->count++;
        writer->taken = event->number;
        pthread_cond_signal(&writer->filled);
        record = NULL;
    }
    pthread_mutex_unlock(&writer->mutex);
    free(record);
    return status;
}

static void watch(void *cookie, void (*notify)(void *cookie), void *notify_cookie) {
    struct plab_ledger_writer *writer = cookie;
    pthread_mutex_lock(&writer->mutex);
    writer->notify = notify;
    writer->notify_cookie = notify_cookie;
    pthread_mutex_unlock(&writer->mutex);
}

static enum plab_status number(void *cookie, uint64_t *out, struct plab_error *err) {
    struct plab_ledger_writer *writer = cookie;
    pthread_mutex_lock(&writer->mutex);
    *out = writer->durable;
    enum plab_status status = fault_of(writer, err);
    pthread_mutex_unlock(&writer->mutex);
    return status;
}

static bool is_behind(void *cookie) {
    struct plab_ledger_writer *writer = cookie;
    pthread_mutex_lock(&writer->mutex);
    const bool behind = writer->count >= PLAB_LEDGER_BEHIND;
    pthread_mutex_unlock(&writer->mutex);
    return behind;
}

static enum plab_status flush(void *cookie, struct plab_error *err) {
    struct plab_ledger_writer *writer = cookie;
    pthread_mutex_lock(&writer->mutex);
    while (writer->durable < writer->taken && writer->status == PLAB_OK) {
        pthread_cond_wait(&writer->emptied, &writer->mutex);
    }
    enum plab_status status = fault_of(writer, err);
    pthread_mutex_unlock(&writer->mutex);
    return status;
}

const struct plab_pool_durable *plab_ledger_writer_durable(struct plab_ledger_writer *writer) {
    return &writer->interface;
}

/* ---- life ---- */

enum plab_status plab_ledger_writer_create(struct plab_ledger_writer **out,
                                           plab_ledger_commit_fn *commit, void *cookie,
                                           struct plab_error *err) {
    struct plab_ledger_writer *writer = calloc(1, sizeof *writer);
    *out = NULL;
    if (writer == NULL) {
        return plab_fail(err, PLAB_E_NOMEM, "no memory for the ledger");
    }
    writer->commit = commit;
    writer->cookie = cookie;
    writer->last = &writer->first;
    writer->interface = (struct plab_pool_durable){
        .cookie = writer, .watch = watch, .number = number, .is_behind = is_behind, .flush = flush};
    pthread_mutex_init(&writer->mutex, NULL);
    pthread_cond_init(&writer->filled, NULL);
    pthread_cond_init(&writer->emptied, NULL);
    if (pthread_create(&writer->thread, NULL, work, writer) != 0) {
        free(writer);
        return plab_fail(err, PLAB_E_RESOURCE, "cannot start the thread of the ledger");
    }
    *out = writer;
    return PLAB_OK;
}

void plab_ledger_writer_destroy(struct plab_ledger_writer **writer) {
    struct plab_ledger_writer *last = *writer;
    *writer = NULL;
    if (last == NULL) {
        return;
    }
    pthread_mutex_lock(&last->mutex);
    last->ending = true;
    pthread_cond_signal(&last->filled);
    pthread_mutex_unlock(&last->mutex);
    pthread_join(last->thread, NULL);
    (void)free_list(last->first);
    pthread_cond_destroy(&last->filled);
    pthread_cond_destroy(&last->emptied);
    pthread_mutex_destroy(&last->mutex);
    free(last);
}
