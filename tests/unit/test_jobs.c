/* SPDX-License-Identifier: BSD-3-Clause */
/* Jobs of a session: ids without aliases, what is kept, nonces seen. */
#include "base/prng.h"
#include "pool/chain.h"
#include "pool/jobs.h"
#include "tests/harness.h"

static const struct plab_algo cn = {.name = "cn/1", .family = PLAB_FAMILY_CRYPTONIGHT};

static struct plab_template *make_template(void) {
    struct plab_chain_config config = {
        .algo = &cn, .prng_seed = 1, .start_height = 5, .difficulty = 1};
    struct plab_chain chain;
    struct plab_template *tmpl;
    plab_chain_init(&chain, &config);
    CHECK(plab_chain_template(&chain, 1700000000, &tmpl, NULL) == PLAB_OK);
    return tmpl;
}

TEST(jobs, each_job_has_its_own_blob) {
    struct plab_template *tmpl = make_template();
    struct plab_jobs a, b;
    plab_jobs_init(&a, 1);
    plab_jobs_init(&b, 2);
    for (int i = 0; i < PLAB_JOBS_KEPT; i++) {
        plab_jobs_add(&a, tmpl, 100, 1000);
        plab_jobs_add(&b, tmpl, 100, 1000);
    }
    for (int i = 0; i < 2 * PLAB_JOBS_KEPT; i++) {
        for (int k = 0; k < i; k++) {
            const struct plab_pool_job *x = i % 2 ? &a.ring[i / 2] : &b.ring[i / 2];
            const struct plab_pool_job *y = k % 2 ? &a.ring[k / 2] : &b.ring[k / 2];
            CHECK(memcmp(x->blob, y->blob, x->blob_len) != 0);
        }
    }
    CHECK_U64(tmpl->refs, 1 + 2 * PLAB_JOBS_KEPT);
    plab_jobs_clear(&a);
    plab_jobs_clear(&b);
    CHECK_U64(tmpl->refs, 1);
    plab_template_unref(&tmpl);
}

TEST(jobs, lookup_tells_expired_from_unknown) {
    struct plab_template *tmpl = make_template();
    struct plab_jobs jobs;
    struct plab_pool_job *job;
    char id[PLAB_JOB_ID_LEN];
    plab_jobs_init(&jobs, 0xabcdef);
    for (int i = 0; i < PLAB_JOBS_KEPT + 3; i++) {
        plab_jobs_add(&jobs, tmpl, 100, 1000);
    }
    plab_template_unref(&tmpl);
    plab_jobs_id(&jobs, 3, id);
    CHECK_STR(id, "00abcdef00000003");
    CHECK(plab_jobs_find(&jobs, id, &job) == PLAB_JOB_EXPIRED);
    CHECK(job == NULL);
    plab_jobs_id(&jobs, 4, id);
    CHECK(plab_jobs_find(&jobs, id, &job) == PLAB_JOB_FOUND);
    CHECK_U64(job->number, 4);
    static const char *const foreign[] = {
        "",
        "4",
        "00ABCDEF00000004",  /* an alias in upper case */
        "00abcdef0000000c",  /* not given yet */
        "00abcdef00000000",  /* numbers start at 1 */
        "00abcdee00000004",  /* another session's */
        "00abcdef00000004 ", /* longer */
        "00abcdef+0000004",  /* what strtoul() would take */
        "00abcdef 0000004",
        "00abcdef0x000004",
    };
    for (size_t i = 0; i < sizeof foreign / sizeof *foreign; i++) {
        CHECK_MSG(plab_jobs_find(&jobs, foreign[i], &job) == PLAB_JOB_UNKNOWN, "%s", foreign[i]);
    }
    plab_jobs_clear(&jobs);
}

TEST(jobs, nonces_are_claimed_once) {
    struct plab_template *tmpl = make_template();
    struct plab_jobs jobs;
    struct plab_prng prng = {3};
    static uint32_t nonces[PLAB_JOB_NONCES_MAX];
    plab_jobs_init(&jobs, 1);
    struct plab_pool_job *job = plab_jobs_add(&jobs, tmpl, 100, 1000);
    plab_template_unref(&tmpl);
    for (uint32_t i = 0; i < PLAB_JOB_NONCES_MAX; i++) {
        nonces[i] = i == 0 ? 0 : i == 1 ? UINT32_MAX : (uint32_t)plab_prng_next(&prng) ^ i;
        if (plab_job_claim_nonce(job, nonces[i]) == PLAB_NONCE_DUPLICATE) {
            i--; /* the generator's doing: draw again */
        }
    }
    for (uint32_t i = 0; i < PLAB_JOB_NONCES_MAX; i++) {
        CHECK(plab_job_claim_nonce(job, nonces[i]) == PLAB_NONCE_DUPLICATE);
    }
    plab_job_unclaim_nonce(job, nonces[17]);
    plab_job_unclaim_nonce(job, nonces[17]); /* twice does no harm */
    CHECK(plab_job_claim_nonce(job, nonces[17]) == PLAB_NONCE_NEW);
    uint32_t other = 12345;
    while (plab_job_claim_nonce(job, other) == PLAB_NONCE_DUPLICATE) {
        other++;
    }
    CHECK(plab_job_claim_nonce(job, other) == PLAB_NONCE_FULL);
    plab_jobs_clear(&jobs);
}

/* S20: 2^32 jobs. Numbers start again from 1, extra nonces have 64 bits and never do. */
TEST(jobs, numbers_wrap_without_an_alias) {
    struct plab_template *tmpl = make_template();
    struct plab_jobs jobs;
    struct plab_pool_job *job;
    char id[PLAB_JOB_ID_LEN];
    plab_jobs_init(&jobs, 7);
    jobs.last = UINT32_MAX - 2;
    tmpl->next_extra_nonce = UINT64_C(0xffffffff);
    for (int i = 0; i < 4; i++) {
        plab_jobs_add(&jobs, tmpl, 100, 1000);
    }
    static const uint32_t kept[] = {UINT32_MAX - 1, UINT32_MAX, 1, 2};
    for (size_t i = 0; i < 4; i++) {
        plab_jobs_id(&jobs, kept[i], id);
        CHECK(plab_jobs_find(&jobs, id, &job) == PLAB_JOB_FOUND);
        CHECK_U64(job->number, kept[i]);
        CHECK_U64(job->extra_nonce, UINT64_C(0xffffffff) + i);
        for (size_t k = 0; k < i; k++) {
            CHECK(memcmp(job->blob, plab_jobs_by_number(&jobs, kept[k])->blob, job->blob_len) != 0);
        }
    }
    plab_jobs_id(&jobs, 0, id);
    CHECK(plab_jobs_find(&jobs, id, &job) == PLAB_JOB_UNKNOWN);
    plab_jobs_id(&jobs, 1000, id); /* of long ago */
    CHECK(plab_jobs_find(&jobs, id, &job) == PLAB_JOB_EXPIRED);
    plab_jobs_clear(&jobs);
    plab_template_unref(&tmpl);
}
