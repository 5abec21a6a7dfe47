/* SPDX-License-Identifier: BSD-3-Clause */
/* The ledger as a database: what is in it, read by the sqlite3 shell; answers that wait for it. */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pool/ledger.h"
#include "pool/ledger_writer.h"
#include "tests/harness.h"
#include "tests/unit/pool_lab.h"

static const uint8_t nonce[4] = {1, 2, 3, 4};

/* A folder of its own, since a database has more files than one. */
struct place {
    char folder[64], path[96];
};

static void place_make(struct place *place) {
    memcpy(place->folder, "/tmp/plab-ledger-XXXXXX", sizeof "/tmp/plab-ledger-XXXXXX");
    CHECK(mkdtemp(place->folder) != NULL);
    snprintf(place->path, sizeof place->path, "%s/l.db", place->folder);
}

static void place_remove(const struct place *place) {
    char command[160];
    snprintf(command, sizeof command, "rm -rf '%s'", place->folder);
    CHECK(system(command) == 0);
}

/* The first line of what the shell answers. */
static const char *query(const struct place *place, const char *sql) {
    static char line[512];
    char command[1024];
    snprintf(command, sizeof command, "sqlite3 '%s' \"%s\"", place->path, sql);
    FILE *pipe = popen(command, "r");
    CHECK(pipe != NULL);
    line[0] = '\0';
    if (fgets(line, sizeof line, pipe) != NULL) {
        line[strcspn(line, "\n")] = '\0';
    }
    pclose(pipe);
    return line;
}

static void append(struct plab_ledger *ledger, struct plab_pool_event event) {
    struct plab_error err;
    CHECK_MSG(plab_ledger_append(ledger, &event, &err) == PLAB_OK, "%s", err.text);
}

static void write_session(const struct place *place) {
    struct plab_ledger *ledger;
    struct plab_error err = {.text = ""};
    uint64_t number = 0;
    CHECK_MSG(plab_ledger_open(&ledger, place->path, "cn/0", &err) == PLAB_OK, "%s", err.text);
    const struct plab_pool_durable *durable = plab_ledger_durable(ledger);
    CHECK(durable != NULL);
    append(ledger, (struct plab_pool_event){.kind = PLAB_POOL_EVENT_CONNECT,
                                            .number = 1,
                                            .t_ns = 4,
                                            .session = 1,
                                            .peer = "127.0.0.1:9"});
    append(ledger, (struct plab_pool_event){.kind = PLAB_POOL_EVENT_LOGIN,
                                            .number = 2,
                                            .t_ns = 5,
                                            .session = 1,
                                            .login = "w'ork\"er\n\xff",
                                            .difficulty = 100});
    append(ledger, (struct plab_pool_event){.kind = PLAB_POOL_EVENT_SHARE,
                                            .number = 3,
                                            .t_ns = 6,
                                            .session = 1,
                                            .job_id = "j1",
                                            .nonce = nonce,
                                            .verdict = PLAB_VERDICT_LOW,
                                            .share_difficulty = UINT64_MAX,
                                            .latency_ns = 2500000});
    append(ledger, (struct plab_pool_event){
                       .kind = PLAB_POOL_EVENT_BAN, .number = 4, .t_ns = 7, .text = "why"});
    append(ledger, (struct plab_pool_event){.kind = PLAB_POOL_EVENT_DISCONNECT,
                                            .number = 5,
                                            .t_ns = 8,
                                            .session = 1,
                                            .text = "finished"});
    CHECK(durable->flush(durable->cookie, &err) == PLAB_OK);
    CHECK(durable->number(durable->cookie, &number, &err) == PLAB_OK);
    CHECK_U64(number, 5);
    plab_ledger_close(&ledger);
    CHECK(ledger == NULL);
}

TEST(ledger_db, rows_of_two_runs) {
    struct place place;
    place_make(&place);
    write_session(&place);
    write_session(&place);
    CHECK_STR(query(&place, "PRAGMA integrity_check"), "ok");
    CHECK_STR(query(&place, "PRAGMA user_version"), "1");
    CHECK_STR(query(&place, "PRAGMA journal_mode"), "wal");
    CHECK_STR(query(&place, "SELECT count(*), count(DISTINCT run) FROM shares"), "2|2");
    CHECK_STR(query(&place, "SELECT algo, count(*) FROM runs"), "cn/0|2");
    CHECK_STR(query(&place, "SELECT * FROM shares WHERE run = 2"),
              "2|1|6|j1||01020304|low||9223372036854775807|2500|0|1");
    CHECK_STR(query(&place, "SELECT * FROM sessions WHERE run = 1"),
              "1|1|127.0.0.1:9|4|w'ork\"er\\x0a\\xff|||5||100|8|finished");
    CHECK_STR(query(&place, "SELECT event, text FROM events"), "ban|why");
    place_remove(&place);
}

static enum plab_status try_open(const struct place *place, struct plab_error *err) {
    struct plab_ledger *ledger;
    enum plab_status status = plab_ledger_open(&ledger, place->path, "cn/0", err);
    CHECK((ledger == NULL) == (status != PLAB_OK));
    plab_ledger_close(&ledger);
    return status;
}

TEST(ledger_db, files_that_are_no_ledger) {
    struct place place;
    struct plab_error err = {.text = ""};
    place_make(&place);
    query(&place, "PRAGMA user_version = 7; CREATE TABLE t (a)");
    CHECK(try_open(&place, &err) == PLAB_E_INPUT);
    CHECK_MSG(strstr(err.text, "version 7") != NULL, "%s", err.text);
    CHECK_STR(query(&place, "SELECT count(*) FROM sqlite_master"), "1");
    FILE *file = fopen(place.path, "w");
    for (int i = 0; i < 1000; i++) {
        fputs("no database ", file);
    }
    fclose(file);
    CHECK(try_open(&place, &err) == PLAB_E_INPUT);
    CHECK_MSG(strstr(err.text, place.path) != NULL, "%s", err.text);
    unlink(place.path);
    CHECK(mkdir(place.path, 0700) == 0);
    CHECK(try_open(&place, &err) == PLAB_E_IO);
    place_remove(&place);
}

/* In a process of its own: limits can't be taken back. Writes the last durable number to `told_to`;
 * exits 0 when the fault came as one line. */
static int fill_the_disk(const struct place *place, int told_to) {
    struct plab_ledger *ledger;
    struct plab_error err = {.text = ""};
    struct plab_pool_event event = {.kind = PLAB_POOL_EVENT_SHARE, .nonce = nonce, .session = 1};
    const struct rlimit limit = {200000, 200000};
    uint64_t durable_number = 0;
    enum plab_status status = plab_ledger_open(&ledger, place->path, "cn/0", &err);
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &limit);
    const struct plab_pool_durable *durable = plab_ledger_durable(ledger);
    while (status == PLAB_OK && event.number < 100000) {
        event.number++;
        event.t_ns = event.number;
        status = plab_ledger_append(ledger, &event, &err);
        if (status == PLAB_OK && event.number % 100 == 0) {
            status = durable->flush(durable->cookie, &err);
        }
    }
    (void)durable->number(durable->cookie, &durable_number, NULL);
    plab_ledger_close(&ledger);
    bool told = status == PLAB_E_IO && strstr(err.text, place->path) != NULL;
    told = told && write(told_to, &durable_number, sizeof durable_number) == sizeof durable_number;
    return told ? 0 : 1;
}

TEST(ledger_db, full_disk) {
    struct place place;
    char expected[32];
    int state, told[2];
    uint64_t durable = 0;
    place_make(&place);
    CHECK(pipe(told) == 0);
    pid_t child = fork();
    if (child == 0) {
        _exit(fill_the_disk(&place, told[1]));
    }
    CHECK(waitpid(child, &state, 0) == child && WIFEXITED(state));
    CHECK_U64(WEXITSTATUS(state), 0);
    CHECK(read(told[0], &durable, sizeof durable) == sizeof durable && durable >= 100);
    close(told[0]);
    close(told[1]);
    snprintf(expected, sizeof expected, "%llu", (unsigned long long)durable);
    CHECK_STR(query(&place, "SELECT count(*) FROM shares"), expected);
    CHECK_STR(query(&place, "PRAGMA integrity_check"), "ok");
    place_remove(&place);
}

/* A store whose commits wait for the test, and then fail if it says so. */
struct gate {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    bool open, fails;
    uint64_t shares; /* seen by commits */
};

static enum plab_status pass_gate(void *cookie, const struct plab_ledger_record *list,
                                  struct plab_error *err) {
    struct gate *gate = cookie;
    pthread_mutex_lock(&gate->mutex);
    for (; list != NULL; list = list->next) {
        while (list->event.kind == PLAB_POOL_EVENT_SHARE && !gate->open) {
            pthread_cond_wait(&gate->changed, &gate->mutex);
        }
        gate->shares += list->event.kind == PLAB_POOL_EVENT_SHARE;
    }
    bool fails = gate->fails && gate->shares > 0;
    pthread_mutex_unlock(&gate->mutex);
    return fails ? plab_fail(err, PLAB_E_IO, "the disk is full") : PLAB_OK;
}

static void open_gate(struct gate *gate) {
    pthread_mutex_lock(&gate->mutex);
    gate->open = true;
    pthread_cond_broadcast(&gate->changed);
    pthread_mutex_unlock(&gate->mutex);
}

struct gated_lab {
    struct gate gate;
    struct plab_ledger_writer *writer;
    struct pool_lab lab;
};

static void gated_start(struct gated_lab *gated, bool fails) {
    struct plab_error err;
    memset(&gated->gate, 0, sizeof gated->gate);
    pthread_mutex_init(&gated->gate.mutex, NULL);
    pthread_cond_init(&gated->gate.changed, NULL);
    gated->gate.fails = fails;
    CHECK(plab_ledger_writer_create(&gated->writer, pass_gate, &gated->gate, &err) == PLAB_OK);
    lab_init(&gated->lab, &mini_cn);
    gated->lab.config.on_event = plab_ledger_writer_append;
    gated->lab.config.event_cookie = gated->writer;
    gated->lab.config.durable = plab_ledger_writer_durable(gated->writer);
    lab_start(&gated->lab);
}

static void send_share(struct lab_client *client, const struct gated_lab *gated, uint32_t first,
                       struct plab_stratum_submit *submit) {
    char line[4096];
    client_mine(client, &gated->lab, first, true, submit);
    CHECK(plab_stratum_build_submit(line, sizeof line, client->next_id++, submit) > 0);
    client_send(client, line);
}

/* An answer to a request after the shares: when it is there they have been read, and whatever
 * would be answered without waiting has been. */
static void expect_silence(struct lab_client *client) {
    char line[256];
    snprintf(line, sizeof line,
             "{\"id\":99,\"method\":\"keepalived\",\"params\":{\"id\":\"%s\"}}\n", client->session);
    for (int i = 0; i < 3; i++) {
        client_send(client, line);
        CHECK(client_response(client));
        CHECK_U64(client->reply.id.number, 99);
        usleep(20000); /* shortens nothing: only a premature answer needs the time to show */
    }
}

TEST(ledger_db, answers_wait_for_the_commit_in_order) {
    static struct gated_lab gated;
    static struct lab_client client, gone;
    struct plab_stratum_submit submit = {.job_id = ""};
    gated_start(&gated, false);
    client_login(&client, &gated.lab, "w");
    client_login(&gone, &gated.lab, "v");
    int64_t first = client.next_id;
    uint32_t from = 0;
    send_share(&gone, &gated, 0, &submit);
    expect_silence(&gone);
    for (int i = 0; i < 5; i++) {
        send_share(&client, &gated, from, &submit);
        memcpy(&from, submit.nonce, sizeof from); /* little-endian here, and only a start */
        from++;
    }
    expect_silence(&client);
    client_close(&gone);
    open_gate(&gated.gate);
    for (int i = 0; i < 5; i++) {
        CHECK(client_response(&client));
        CHECK_U64(client.reply.id.number, first + i);
        CHECK(client.reply.ok);
    }
    client_close(&client);
    lab_stop(&gated.lab);
    CHECK_U64(gated.lab.status, PLAB_OK);
    plab_ledger_writer_destroy(&gated.writer);
    CHECK_U64(gated.gate.shares, 6); /* the writer's thread is gone */
}

TEST(ledger_db, rejections_do_not_overtake_acceptances) {
    static struct gated_lab gated;
    static struct lab_client client;
    struct plab_stratum_submit submit = {.job_id = ""};
    char line[4096];
    gated_start(&gated, false);
    client_login(&client, &gated.lab, "w");
    const int64_t first = client.next_id;
    send_share(&client, &gated, 0, &submit);
    expect_silence(&client); /* it has been verified, or will be before a third share */
    CHECK(plab_stratum_build_submit(line, sizeof line, client.next_id++, &submit) > 0);
    client_send(&client, line); /* a duplicate */
    expect_silence(&client);
    open_gate(&gated.gate);
    CHECK(client_response(&client));
    CHECK_U64(client.reply.id.number, first);
    CHECK(client.reply.ok);
    CHECK(client_response(&client));
    CHECK_U64(client.reply.id.number, first + 1);
    CHECK(!client.reply.ok);
    CHECK_STR(client.reply.error, "Duplicate share");
    client_close(&client);
    lab_stop(&gated.lab);
    CHECK_U64(gated.lab.status, PLAB_OK);
    plab_ledger_writer_destroy(&gated.writer);
}

/* As many events as a disk that stands still leaves behind. Their number lets nothing wait for
 * them. */
static void fall_behind(struct gated_lab *gated) {
    const struct plab_pool_event event = {.kind = PLAB_POOL_EVENT_JOB, .number = UINT64_MAX};
    struct plab_error err;
    for (unsigned i = 0; i < PLAB_LEDGER_BEHIND; i++) {
        CHECK(plab_ledger_writer_append(gated->writer, &event, &err) == PLAB_OK);
    }
}

static bool has_caught_up(const struct gated_lab *gated) {
    const struct plab_pool_durable *durable = plab_ledger_writer_durable(gated->writer);
    for (int i = 0; i < 1000 && durable->is_behind(durable->cookie); i++) {
        usleep(5000);
    }
    return !durable->is_behind(durable->cookie);
}

TEST(ledger_db, a_record_that_is_behind_takes_no_shares) {
    static struct gated_lab gated;
    static struct lab_client client;
    struct plab_stratum_submit submit = {.job_id = ""};
    uint32_t used;
    gated_start(&gated, false);
    client_login(&client, &gated.lab, "w");
    const int64_t first = client.next_id;
    send_share(&client, &gated, 0, &submit);
    expect_silence(&client); /* recorded, and stuck */
    fall_behind(&gated);
    memcpy(&used, submit.nonce, sizeof used);
    client_mine(&client, &gated.lab, used + 1, true, &submit);
    for (int i = 0; i < 3; i++) { /* told at once, and as often as asked */
        char line[4096];
        CHECK(plab_stratum_build_submit(line, sizeof line, 50 + i, &submit) > 0);
        client_send(&client, line);
        CHECK(client_response(&client));
        CHECK_U64(client.reply.id.number, 50 + i);
        CHECK(!client.reply.ok);
        CHECK_STR(client.reply.error, plab_verdict_text(PLAB_VERDICT_BUSY));
    }
    expect_silence(&client);
    open_gate(&gated.gate);
    CHECK(client_response(&client)); /* the share that was stuck */
    CHECK_U64(client.reply.id.number, first);
    CHECK(client.reply.ok);
    CHECK(has_caught_up(&gated));
    CHECK_STR(client_submit(&client, &submit), "");
    client_close(&client);
    lab_stop(&gated.lab);
    CHECK_U64(gated.lab.status, PLAB_OK);
    CHECK_U64(gated.lab.stats.verdicts[PLAB_VERDICT_BUSY], 3);
    plab_ledger_writer_destroy(&gated.writer);
    CHECK_U64(gated.gate.shares, 2); /* the refusals are none of its */
}

/* A record that a share is lost in front of. */
static enum plab_status lose_shares(void *cookie, const struct plab_pool_event *event,
                                    struct plab_error *err) {
    unsigned *shares = cookie;
    *shares += event->kind == PLAB_POOL_EVENT_SHARE;
    return event->kind == PLAB_POOL_EVENT_SHARE && *shares == 1
               ? plab_fail(err, PLAB_E_IO, "no space for a share")
               : PLAB_OK;
}

TEST(ledger_db, a_share_that_is_not_recorded_is_not_answered) {
    static struct pool_lab lab;
    static struct lab_client client;
    struct plab_stratum_submit submit;
    unsigned shares = 0;
    for (int good = 0; good < 2; good++) {
        shares = 0;
        lab_init(&lab, &mini_cn);
        lab.config.on_event = lose_shares;
        lab.config.event_cookie = &shares;
        lab_start(&lab);
        client_login(&client, &lab, "w");
        client_mine(&client, &lab, 0, good, &submit);
        CHECK_STR(client_submit(&client, &submit), "(closed)");
        lab_wait(&lab);
        CHECK_U64(lab.status, PLAB_E_IO);
        CHECK_STR(lab.err.text, "no space for a share");
        CHECK_U64(lab.stats.verdicts[PLAB_VERDICT_ACCEPTED] + lab.stats.rejected, 0);
        CHECK_U64(shares, 1); /* and nothing is recorded behind it */
        client_close(&client);
    }
}

TEST(ledger_db, a_failed_commit_answers_nothing_and_ends_the_pool) {
    static struct gated_lab gated;
    static struct lab_client client;
    struct plab_stratum_submit submit;
    gated_start(&gated, true);
    client_login(&client, &gated.lab, "w");
    send_share(&client, &gated, 0, &submit);
    expect_silence(&client);
    open_gate(&gated.gate);
    CHECK(!client_response(&client));
    lab_wait(&gated.lab);
    CHECK_U64(gated.lab.status, PLAB_E_IO);
    CHECK_STR(gated.lab.err.text, "the disk is full");
    client_close(&client);
    plab_ledger_writer_destroy(&gated.writer);
}

static void *open_soon(void *gate) {
    usleep(50000); /* the pool is flushing by then, or will find it open */
    open_gate(gate);
    return NULL;
}

TEST(ledger_db, stopping_flushes) {
    static struct gated_lab gated;
    static struct lab_client client;
    struct plab_stratum_submit submit;
    pthread_t thread;
    gated_start(&gated, false);
    client_login(&client, &gated.lab, "w");
    send_share(&client, &gated, 0, &submit);
    expect_silence(&client);
    CHECK(pthread_create(&thread, NULL, open_soon, &gated.gate) == 0);
    lab_stop(&gated.lab);
    pthread_join(thread, NULL);
    CHECK(client_response(&client) && client.reply.ok);
    client_close(&client);
    plab_ledger_writer_destroy(&gated.writer);
    CHECK_U64(gated.gate.shares, 1);
}
