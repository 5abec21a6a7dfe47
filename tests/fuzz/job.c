/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a client hears, in every dialect: members within their limits, the same whatever the memory
 * held before; each pool tells the job on so that it arrives unchanged; and what the client says
 * back, with the peer's ids in it, is what the pool understands.
 *
 * Input: one line.
 */
#include <string.h>

#include "stratum/dialect.h"
#include "stratum/voice.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/messages.h"

static bool is_plain(const char *text, size_t cap) {
    FUZZ_HOLDS(plab_fuzz_ends(text, cap));
    for (const char *p = text; *p != '\0'; p++) {
        if ((unsigned char)*p < ' ' || *p == 127) {
            return false;
        }
    }
    return plab_fuzz_is_utf8(text, strlen(text));
}

static void check_limits(const struct plab_stratum_reply *reply) {
    const struct plab_stratum_job *job = &reply->job;
    FUZZ_HOLDS(is_plain(reply->id.text, sizeof reply->id.text));
    FUZZ_HOLDS(is_plain(reply->session_id, sizeof reply->session_id));
    FUZZ_HOLDS(is_plain(reply->host, sizeof reply->host));
    FUZZ_HOLDS(plab_fuzz_ends(reply->error, sizeof reply->error));
    FUZZ_HOLDS(plab_fuzz_is_utf8(reply->error, strlen(reply->error)));
    FUZZ_HOLDS(plab_fuzz_ends(reply->status, sizeof reply->status));
    FUZZ_HOLDS(!reply->has_session || reply->session_id[0] != '\0');
    FUZZ_HOLDS(is_plain(job->job_id, sizeof job->job_id));
    FUZZ_HOLDS(is_plain(job->algo, sizeof job->algo));
    if (reply->has_job) {
        FUZZ_HOLDS(job->blob_len >= PLAB_STRATUM_BLOB_MIN &&
                   job->blob_len <= PLAB_STRATUM_BLOB_MAX);
        FUZZ_HOLDS(job->height <= INT64_MAX && (job->has_height || job->height == 0));
    }
}

static void check_same_job(const struct plab_fuzz_voice *row, const struct plab_stratum_job *sent,
                           const struct plab_stratum_job *got) {
    FUZZ_HOLDS(strcmp(got->job_id, sent->job_id) == 0 && got->blob_len == sent->blob_len);
    FUZZ_HOLDS(memcmp(got->blob, sent->blob, got->blob_len) == 0);
    FUZZ_HOLDS(got->height == sent->height && (got->has_height || !sent->has_height));
    FUZZ_HOLDS(got->has_seed == sent->has_seed);
    FUZZ_HOLDS(memcmp(got->seed_hash, sent->seed_hash, sizeof got->seed_hash) == 0);
    FUZZ_HOLDS(strcmp(got->algo, row->says_algo ? sent->algo : "") == 0);
    FUZZ_HOLDS(got->has_next_seed == (row->says_next_seed && sent->has_next_seed));
    FUZZ_HOLDS(!got->has_next_seed ||
               memcmp(got->next_seed_hash, sent->next_seed_hash, sizeof got->next_seed_hash) == 0);
}

/* Hears all lines of `text` as one: the job and, in tongues that tell it apart, its target. */
static void hear(const struct plab_fuzz_voice *row, const char *text,
                 struct plab_stratum_reply *out) {
    static struct plab_stratum_reply heard;
    uint64_t target = 0;
    bool first = true;
    while (*text != '\0') {
        struct plab_error err = {.text = ""};
        const char *line;
        size_t len = plab_fuzz_cut_line(&text, &line);
        FUZZ_HOLDS(row->parse_reply(line, len, &heard, &err) == PLAB_OK);
        target = heard.event == PLAB_EVENT_TARGET ? heard.job.target : target;
        if (first || heard.event == PLAB_EVENT_RESPONSE) {
            *out = heard;
        }
        if (heard.has_job) {
            out->has_job = true;
            out->job = heard.job;
        }
        first = false;
    }
    out->job.target = target != 0 ? target : out->job.target;
}

/* The job as it arrives when it is told in `target_bytes`; false when that voice can't tell it. */
static bool pass_on(const struct plab_fuzz_voice *row, const struct plab_voice_work *work,
                    struct plab_stratum_reply *out) {
    static char text[PLAB_FUZZ_MESSAGE_MAX];
    plab_voice_work_fn *say = row->voice->job != NULL ? row->voice->job : row->voice->work;
    bool wants_algo = row->says_algo && row->voice != &plab_voice_xmrig_proxy;
    if (wants_algo && work->job->algo[0] == '\0') {
        return false; /* a pool always knows its algorithm */
    }
    FUZZ_HOLDS(say(text, sizeof text, work) == strlen(text));
    hear(row, text, out);
    FUZZ_HOLDS(out->has_job);
    check_same_job(row, work->job, &out->job);
    return true;
}

/* A short target is rounded once and never again. */
static void check_short_target(const struct plab_fuzz_voice *row, struct plab_voice_work work) {
    static struct plab_stratum_reply once, twice;
    work.target_bytes = 4;
    if (work.job->target >> 32 != 0 && pass_on(row, &work, &once)) {
        work.job = &once.job;
        if (pass_on(row, &work, &twice)) {
            FUZZ_HOLDS(twice.job.target == once.job.target);
        }
    }
}

static void check_welcome(const struct plab_fuzz_voice *row, const struct plab_voice_work *work) {
    static char text[PLAB_FUZZ_MESSAGE_MAX];
    static struct plab_stratum_reply heard;
    FUZZ_HOLDS(row->voice->welcome(text, sizeof text, work) == strlen(text));
    hear(row, text, &heard);
    FUZZ_HOLDS(heard.event == PLAB_EVENT_RESPONSE && heard.ok && heard.has_job);
    FUZZ_HOLDS(plab_fuzz_same_id(&heard.id, work->id));
    check_same_job(row, work->job, &heard.job);
    if (row->tongue == PLAB_TONGUE_CRYPTONOTE) {
        FUZZ_HOLDS(heard.has_session && strcmp(heard.session_id, work->session_id) == 0);
    }
    FUZZ_HOLDS(!row->says_extensions || heard.extensions == work->extensions);
}

static void check_job(enum plab_tongue tongue, const struct plab_stratum_reply *reply) {
    static struct plab_stratum_reply heard;
    size_t count;
    const struct plab_fuzz_voice *voices = plab_fuzz_voices(&count);
    const struct plab_voice_work work = {
        .id = &reply->id,
        .session_id = reply->has_session ? reply->session_id : "s1",
        .extensions = reply->extensions,
        .job = &reply->job,
        .target_bytes = 8,
        .same_target = reply->job.target == 0,
    };
    for (size_t i = 0; i < count; i++) {
        if (voices[i].tongue == tongue && pass_on(&voices[i], &work, &heard)) {
            FUZZ_HOLDS(heard.job.target == reply->job.target);
            check_welcome(&voices[i], &work);
            check_short_target(&voices[i], work);
        }
    }
}

/* A share for the job, in every dialect of the tongue. */
static void check_share(enum plab_tongue tongue, const struct plab_stratum_reply *reply) {
    static struct plab_stratum_submit submit;
    const struct plab_stratum_login login = {.login = "lab", .pass = "x", .agent = "a/1"};
    size_t count;
    const struct plab_dialect *dialects = plab_dialect_list(&count);
    memset(&submit, 0, sizeof submit);
    memcpy(submit.session_id, reply->session_id, sizeof submit.session_id);
    memcpy(submit.job_id, reply->job.job_id, sizeof submit.job_id);
    memcpy(submit.algo, reply->job.algo, sizeof submit.algo);
    memcpy(submit.nonce, reply->job.blob, sizeof submit.nonce);
    memcpy(submit.result, reply->job.blob + 4, sizeof submit.result);
    for (size_t i = 0; i < count; i++) {
        if (plab_fuzz_tongue_of(&dialects[i]) == tongue) {
            plab_fuzz_check_share(&dialects[i], &(struct plab_dialect_ask){.id = 9,
                                                                           .login = &login,
                                                                           .session_id = "s1",
                                                                           .submit = &submit,
                                                                           .job = &reply->job});
        }
    }
}

/* Stratum1 tells a difficulty, which is the same when it is told on. */
static void check_target(const struct plab_stratum_reply *reply) {
    static const struct plab_stratum_id nobody;
    static struct plab_stratum_reply heard;
    static char text[PLAB_FUZZ_MESSAGE_MAX];
    struct plab_stratum_job job = {.blob_len = PLAB_STRATUM_BLOB_MIN, .target = reply->job.target};
    const struct plab_voice *voice = plab_voice_of(PLAB_TONGUE_STRATUM1);
    size_t count;
    const struct plab_fuzz_voice *row = plab_fuzz_voices(&count);
    while (row->voice != voice) {
        row++;
    }
    FUZZ_HOLDS(job.target != 0);
    FUZZ_HOLDS(voice->job(text, sizeof text,
                          &(struct plab_voice_work){.id = &nobody, .job = &job}) == strlen(text));
    hear(row, text, &heard);
    FUZZ_HOLDS(heard.has_job && heard.job.target == job.target);
}

static void check_meaning(enum plab_tongue tongue, const struct plab_stratum_reply *reply) {
    if (reply->event == PLAB_EVENT_RESPONSE) {
        FUZZ_HOLDS(reply->ok == (reply->error[0] == '\0'));
        plab_fuzz_check_answers(tongue, &reply->id, reply->ok ? "no" : reply->error);
    } else {
        FUZZ_HOLDS(!reply->ok && reply->error[0] == '\0' && !reply->has_session);
    }
    if (reply->event == PLAB_EVENT_RECONNECT) {
        FUZZ_HOLDS(reply->host[0] != '\0' && reply->port != 0);
    }
    if (reply->event == PLAB_EVENT_TARGET) {
        check_target(reply);
    }
    FUZZ_HOLDS(reply->has_job || reply->event != PLAB_EVENT_JOB);
    if (reply->has_job) {
        FUZZ_HOLDS(tongue == PLAB_TONGUE_STRATUM1 || reply->job.target != 0);
        check_job(tongue, reply);
        check_share(tongue, reply);
    }
}

static void check_line(const struct plab_dialect *dialect, const char *line, size_t len) {
    static struct plab_stratum_reply reply, again;
    struct plab_error err = {.text = ""};
    memset(&reply, 0x55, sizeof reply);
    memset(&again, 0xAA, sizeof again);
    enum plab_status status = dialect->parse_reply(line, len, &reply, &err);
    FUZZ_HOLDS(dialect->parse_reply(line, len, &again, NULL) == status);
    FUZZ_HOLDS(memcmp(&reply, &again, sizeof reply) == 0);
    FUZZ_HOLDS(status == PLAB_OK || status == PLAB_E_INPUT || status == PLAB_E_PROTOCOL);
    plab_fuzz_check_error(status, &err);
    check_limits(&reply);
    if (status == PLAB_OK) {
        check_meaning(plab_fuzz_tongue_of(dialect), &reply);
    } else {
        FUZZ_HOLDS(!reply.has_job);
    }
}

/* Dialects that hear alike are asked once. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    size_t count;
    const struct plab_dialect *dialects = plab_dialect_list(&count);
    for (size_t i = 0; i < count; i++) {
        if (i == 0 || dialects[i].parse_reply != dialects[i - 1].parse_reply) {
            check_line(&dialects[i], (const char *)data, size);
        }
    }
    return 0;
}
