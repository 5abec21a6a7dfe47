/* SPDX-License-Identifier: BSD-3-Clause */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/hex.h"
#include "tests/harness.h"
#include "tests/unit/badinput.h"
#include "tests/unit/pool_lab.h"
#include "tests/unit/tls_peer.h"

#define WHOLE_STEP 4096 /* longer texts go in pieces instead of bytes ... */
#define LONG_STEP 499   /* ... of this size */
#define ANSWERS_MAX 16

enum { PLAIN, TLS }; /* listeners */

static struct pool_lab lab;
static struct lab_client client, neighbour;
static struct plab_stratum_submit his_share;
static SSL_CTX *context;

static void set_up(void) {
    signal(SIGPIPE, SIG_IGN);
    context = tls_peer_context(NULL, TLS1_2_VERSION, TLS1_3_VERSION);
    lab_init(&lab, &mini_cn);
    lab.config.listen[PLAIN] = "tcp://127.0.0.1:0";
    lab.config.listen[TLS] = "tls://127.0.0.1:0";
    lab.config.listen_count = 2;
    lab_make_tls_dir(&lab);
    lab.config.bad_shares_max = 1000;
    lab_start(&lab);
    client_login(&neighbour, &lab, "neighbour");
    client_mine(&neighbour, &lab, 0, true, &his_share);
    CHECK_STR(client_submit(&neighbour, &his_share), "");
}

static void tear_down(void) {
    struct plab_stratum_submit submit;
    client_mine(&neighbour, &lab, 1000, true, &submit);
    CHECK_STR(client_submit(&neighbour, &submit), ""); /* he noticed nothing of it all */
    client_close(&neighbour);
    lab_stop(&lab);
    CHECK(lab.status == PLAB_OK);
    SSL_CTX_free(context);
}

/* ---- what is said ---- */

/* The words that stand for something, of one session. */
struct words {
    char text[32][PLAB_STRATUM_ID_MAX + 1]; /* by character; "": stands for itself */
};

static void find_share(struct words *words, bool good, char nonce, char result) {
    struct plab_stratum_submit submit;
    client_mine(&client, &lab, 0, good, &submit);
    plab_hex_encode(submit.nonce, sizeof submit.nonce, words->text[(size_t)nonce]);
    plab_hex_encode(submit.result, sizeof submit.result, words->text[(size_t)result]);
}

static void learn_words(struct words *words) {
    memset(words, 0, sizeof *words);
    strcpy(words->text[(size_t)SESSION[0]], client.session);
    strcpy(words->text[(size_t)JOB_ID[0]], client.job.job_id);
    strcpy(words->text[(size_t)OTHER_SESSION[0]], neighbour.session);
    strcpy(words->text[(size_t)OTHER_JOB[0]], his_share.job_id);
    find_share(words, true, NONCE[0], RESULT[0]);
    find_share(words, false, LOW_NONCE[0], LOW_RESULT[0]);
    plab_hex_encode(his_share.nonce, sizeof his_share.nonce, words->text[(size_t)OTHER_NONCE[0]]);
    plab_hex_encode(his_share.result, sizeof his_share.result,
                    words->text[(size_t)OTHER_RESULT[0]]);
}

/* Returns owned. */
static char *fill_in(const struct bad_request *row, size_t *len) {
    size_t raw_len;
    char *out = NULL, *raw = bad_bytes_make(&row->bytes, &raw_len);
    struct words words;
    if (row->fresh) {
        *len = raw_len;
        return raw;
    }
    learn_words(&words);
    FILE *file = open_memstream(&out, len);
    CHECK(file != NULL);
    for (size_t i = 0; i < raw_len; i++) {
        unsigned char byte = (unsigned char)raw[i];
        if (byte < 32 && words.text[byte][0] != '\0') {
            fputs(words.text[byte], file);
        } else {
            fputc(byte, file);
        }
    }
    CHECK(fclose(file) == 0);
    free(raw);
    return out;
}

static void say(const struct bad_request *row, bool whole) {
    size_t len;
    char *bytes = fill_in(row, &len);
    size_t step = whole ? len : len <= WHOLE_STEP ? 1 : LONG_STEP;
    for (size_t at = 0; at < len; at += step) {
        client_send_bytes(&client, bytes + at, len - at < step ? len - at : step);
    }
    free(bytes);
    if (row->half_close && client.ssl != NULL) {
        SSL_shutdown(client.ssl);
    }
    if (row->half_close) {
        shutdown(client.fd, SHUT_WR);
    } else if (!row->closes) {
        char line[300];
        snprintf(line, sizeof line,
                 "{\"id\":\"end\",\"method\":\"keepalived\",\"params\":{\"id\":\"%s\"}}\n",
                 client.session);
        client_send(&client, line);
    }
}

/* ---- what is answered ---- */

struct answers {
    char text[ANSWERS_MAX][PLAB_STRATUM_TEXT_MAX + 1]; /* by request */
    unsigned count;
    bool end; /* the keepalived's is there */
};

static void hear(const struct bad_request *row, struct answers *answers, unsigned wanted) {
    memset(answers, 0, sizeof *answers);
    while ((row->closes || !answers->end || answers->count < wanted) && client_response(&client)) {
        const struct plab_stratum_reply *reply = &client.reply;
        if (reply->id.is_text && strcmp(reply->id.text, "end") == 0) {
            answers->end = true;
            continue;
        }
        int64_t number = reply->id.is_text ? 1 : reply->id.number;
        CHECK_MSG(number > 0 && number < ANSWERS_MAX, "%s, %s: answer to %lld", row->id, row->what,
                  (long long)number);
        strcpy(answers->text[number], reply->ok ? "OK" : reply->error);
        answers->count++;
    }
}

static bool is_as_wanted(const char *got, const char *wanted) {
    return wanted[0] == '~' ? strstr(got, wanted + 1) != NULL : strcmp(got, wanted) == 0;
}

static void check_answers(const struct bad_request *row) {
    struct answers answers;
    char wanted[ANSWERS_MAX][PLAB_STRATUM_TEXT_MAX + 1] = {""};
    unsigned count = 0;
    const char *at = row->answers;
    while (*at != '\0') {
        size_t len = strcspn(at, "|");
        snprintf(wanted[++count], sizeof wanted[0], "%.*s", (int)len, at);
        at += len + (at[len] == '|');
    }
    hear(row, &answers, count);
    CHECK_MSG(answers.count == count, "%s, %s: %u answers, the first: %s", row->id, row->what,
              answers.count, answers.text[1]);
    for (unsigned i = 1; i <= count; i++) {
        CHECK_MSG(is_as_wanted(answers.text[i], wanted[i]), "%s, %s: answer %u is \"%s\"", row->id,
                  row->what, i, answers.text[i]);
    }
    CHECK_MSG(row->closes ? client_is_hung_up(&client) : answers.end, "%s, %s: %s", row->id,
              row->what, row->closes ? "still open" : "hung up");
}

static void play_once(const struct bad_request *row, size_t listener, bool whole) {
    int at_once = 1;
    client_open_at(&client, &lab, listener, listener == TLS ? context : NULL);
    CHECK((client.ssl != NULL) == (listener == TLS));
    setsockopt(client.fd, IPPROTO_TCP, TCP_NODELAY, &at_once, sizeof at_once);
    if (!row->fresh) {
        client_log_in(&client, "worker");
    }
    say(row, whole);
    check_answers(row);
    client_close(&client);
}

void bad_pool_play(const struct bad_request *rows, size_t count) {
    set_up();
    for (size_t i = 0; i < count; i++) {
        for (int way = 0; way < 4; way++) {
            play_once(&rows[i], way & 1 ? TLS : PLAIN, (way & 2) != 0);
        }
    }
    tear_down();
}
