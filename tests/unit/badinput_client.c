/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdio.h>
#include <stdlib.h>

#include "tests/harness.h"
#include "tests/unit/badinput.h"
#include "tests/unit/client_bench.h"

#define WHOLE_STEP 4096 /* longer texts go in pieces instead of bytes ... */
#define LONG_STEP 499   /* ... of this size */
#define DEADLINE_MS 60
#define SLOWLY_MS 15

/* What a pool has to say, a piece in each turn of the loop. */
struct feeder {
    uv_idle_t idle;
    struct fake_conn *conn;
    char *bytes; /* owned */
    size_t len, at, step;
    bool said; /* all of it, and `after` is done */
};

struct stage_play {
    struct bench bench;
    struct feeder feeder;
    const struct bad_reply *row;
    bool tls, whole;
    unsigned accepted; /* shares, before the last one */
};

static struct stage_play play;

char *bad_bytes_make(const struct bad_bytes *bytes, size_t *len) {
    size_t text_len = bytes->len > 0 ? bytes->len : strlen(bytes->text);
    const char *mark = memchr(bytes->text, FILL[0], text_len);
    char *out = NULL;
    FILE *file = open_memstream(&out, len);
    CHECK(file != NULL);
    size_t before = mark != NULL ? (size_t)(mark - bytes->text) : text_len;
    fwrite(bytes->text, 1, before, file);
    for (size_t i = 0; mark != NULL && i < bytes->fill.times; i++) {
        const char *number = strchr(bytes->fill.text, '#');
        if (number == NULL) {
            fputs(bytes->fill.text, file);
        } else {
            fprintf(file, "%.*s%zu%s", (int)(number - bytes->fill.text), bytes->fill.text, i,
                    number + 1);
        }
    }
    if (mark != NULL) {
        fwrite(mark + 1, 1, text_len - before - 1, file);
    }
    CHECK(fclose(file) == 0);
    return out;
}

/* ---- the pool's side ---- */

static bool is_there(const struct fake_conn *conn) {
    const struct fake_conn *at = play.bench.pool[0].conns;
    while (at != NULL && at != conn) {
        at = at->next;
    }
    return at != NULL && !uv_is_closing((const uv_handle_t *)&conn->tcp);
}

static void say_end(struct feeder *feeder) {
    uv_idle_stop(&feeder->idle);
    feeder->said = true;
    if (!is_there(feeder->conn)) {
        return;
    }
    if (play.row->after == BAD_FIN) {
        fake_hang_up(feeder->conn);
    } else if (play.row->after == BAD_RST) {
        fake_reset(feeder->conn);
    }
}

static void on_idle(uv_idle_t *idle) {
    struct feeder *feeder = idle->data;
    size_t left = feeder->len - feeder->at;
    size_t piece = left < feeder->step ? left : feeder->step;
    if (piece > 0 && is_there(feeder->conn)) {
        fake_say_raw(feeder->conn, feeder->bytes + feeder->at, piece);
        feeder->at += piece;
    } else {
        say_end(feeder);
    }
}

/* Says the row's bytes. */
static void say_row(struct fake_conn *conn) {
    struct feeder *feeder = &play.feeder;
    feeder->conn = conn;
    feeder->bytes = bad_bytes_make(&play.row->bytes, &feeder->len);
    feeder->step = play.whole ? feeder->len : feeder->len <= WHOLE_STEP ? 1 : LONG_STEP;
    if (play.row->slowly && !play.whole) {
        fake_drip(conn, feeder->bytes, SLOWLY_MS);
        feeder->said = true;
    } else {
        uv_idle_start(&feeder->idle, on_idle);
    }
}

static void check_session(const char *line) {
    char want[300];
    snprintf(want, sizeof want, "\"params\":{\"id\":\"%s\",",
             play.row->session != NULL ? play.row->session : "s1");
    CHECK_MSG(strstr(line, want) != NULL, "%s: %s", play.row->id, line);
}

/* Lines 1: the login, 2 and 3: shares. */
static void on_line(struct fake_conn *conn, const char *line) {
    bool bad_share = play.row->moment == BAD_SUBMIT && conn->lines == 2;
    if (conn->lines == 1 && play.row->moment != BAD_LOGIN) {
        fake_say(conn, "%s", LOGIN_OK(""));
    } else if (conn->lines == 1 || bad_share) {
        say_row(conn);
    } else {
        check_session(line);
        fake_say(conn, "{\"id\":%u,\"error\":null,\"result\":{\"status\":\"OK\"}}\n", conn->lines);
    }
}

/* ---- the client's side ---- */

static bool is_said(const struct bench *bench) {
    (void)bench;
    return play.feeder.said || bench->offline > 0;
}

static bool is_accepted(const struct bench *bench) {
    return bench->verdicts[PLAB_SHARE_ACCEPTED] > play.accepted || bench->offline > 0;
}

static bool has_ended_or_verdict(const struct bench *bench) {
    return bench->offline > 0 || has_verdict(bench);
}

static void send_share(void) {
    struct plab_client_share share = share_for(&play.bench, 7);
    CHECK_MSG(plab_client_submit(play.bench.client, &share) == PLAB_SUBMIT_SENT, "%s: %s",
              play.row->id, play.bench.state_text);
}

static void check_verdict(void) {
    const struct bad_reply *row = play.row;
    CHECK_MSG(play.bench.verdicts[row->verdict] == 1, "%s, %s: reason \"%s\"", row->id, row->what,
              play.bench.reason);
    CHECK_MSG(row->reason == NULL || strcmp(play.bench.reason, row->reason) == 0, "%s, %s: \"%s\"",
              row->id, row->what, play.bench.reason);
}

/* It goes on: a share is accepted, the job is what it should be. */
static void check_stays(void) {
    const struct bad_reply *row = play.row;
    const struct bench *bench = &play.bench;
    unsigned jobs_max = row->jobs_max > 0 ? row->jobs_max : row->job != NULL;
    run_until(&play.bench, is_said, 5000);
    play.accepted = bench->verdicts[PLAB_SHARE_ACCEPTED];
    send_share();
    run_until(&play.bench, is_accepted, 5000);
    CHECK_MSG(bench->offline == 0 && bench->online == 1, "%s, %s: %s", row->id, row->what,
              bench->state_text);
    CHECK_MSG(strcmp(bench->job_id, row->job != NULL ? row->job : "j1") == 0, "%s, %s: job %s",
              row->id, row->what, bench->job_id);
    CHECK_MSG(bench->jobs >= 1 + (row->job != NULL) && bench->jobs <= 1 + jobs_max,
              "%s, %s: %u jobs", row->id, row->what, bench->jobs);
}

static void check_leaves(void) {
    const struct bad_reply *row = play.row;
    const struct bench *bench = &play.bench;
    run_until(&play.bench, has_failed, 5000);
    CHECK_MSG(strstr(bench->state_text, row->ends) != NULL, "%s, %s: %s", row->id, row->what,
              bench->state_text);
    CHECK_MSG(bench->jobs == (row->moment != BAD_LOGIN) && bench->offline == 1, "%s, %s: %u jobs",
              row->id, row->what, bench->jobs);
}

static bool is_online_or_off(const struct bench *bench) {
    return is_online(bench) || has_failed(bench);
}

/* False: the machine was too busy for the deadline, the login took longer. */
static bool play_row(void) {
    if (play.row->moment != BAD_LOGIN || play.row->ends == NULL) {
        run_until(&play.bench, is_online_or_off, 5000);
    }
    if (play.row->moment != BAD_LOGIN && !is_online(&play.bench)) {
        return false;
    }
    if (play.row->moment == BAD_ONLINE) {
        say_row(play.bench.pool[0].conns);
    } else if (play.row->moment == BAD_SUBMIT) {
        send_share();
        run_until(&play.bench, has_ended_or_verdict, 5000);
        check_verdict();
    }
    if (play.row->ends != NULL) {
        check_leaves();
    } else {
        check_stays();
    }
    CHECK_MSG(play.bench.pool[0].connections == 1, "%s: %u connections", play.row->id,
              play.bench.pool[0].connections);
    return true;
}

static bool waits_for_a_deadline(const struct bad_reply *row) {
    return row->ends != NULL &&
           (strstr(row->ends, "no answer") != NULL || strstr(row->ends, "without end") != NULL);
}

static bool play_once(const struct bad_reply *row, SSL_CTX *tls, bool whole, unsigned deadline_ms) {
    memset(&play, 0, sizeof play);
    play.row = row;
    play.whole = whole;
    open_bench(&play.bench);
    uv_idle_init(&play.bench.loop, &play.feeder.idle);
    play.feeder.idle.data = &play.feeder;
    play.bench.config.retry_base_ms = play.bench.config.retry_cap_ms = 60000;
    play.bench.config.allow_reconnect = true;
    play.bench.config.reply_timeout_ms = waits_for_a_deadline(row) ? deadline_ms : 5000;
    fake_pool_start(&play.bench.pool[0], &play.bench.loop, 0, on_line, NULL);
    play.bench.pool[0].tls = tls;
    start_client(&play.bench, 1);
    bool played = play_row();
    uv_close((uv_handle_t *)&play.feeder.idle, NULL);
    close_bench(&play.bench);
    free(play.feeder.bytes);
    return played;
}

void bad_client_play(const struct bad_reply *rows, size_t count) {
    SSL_CTX *tls = tls_peer_context(tls_lab_server(), TLS1_2_VERSION, TLS1_3_VERSION);
    for (size_t i = 0; i < count; i++) {
        for (int way = 0; way < 4; way++) {
            unsigned deadline_ms = DEADLINE_MS;
            while (!play_once(&rows[i], way & 1 ? tls : NULL, (way & 2) != 0, deadline_ms)) {
                CHECK_MSG(deadline_ms < 5000, "%s, %s: %s", rows[i].id, rows[i].what,
                          play.bench.state_text);
                deadline_ms *= 3;
            }
        }
    }
    SSL_CTX_free(tls);
}
