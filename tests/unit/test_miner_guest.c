/* SPDX-License-Identifier: BSD-3-Clause */
/* What lives on a miner's loop: its view of the run, pausing, stopping; and nonces that end. */
#include <stdlib.h>

#include "tests/harness.h"
#include "tests/mini_algos.h"
#include "tests/unit/stage.h"

/* A guest that does one thing after the other, each when its time has come. */
struct guest {
    uv_timer_t timer;
    struct plab_miner *miner;
    unsigned step, ended;
    uint64_t paused_hashes;
    unsigned paused_looks;
    struct plab_miner_snapshot seen;
    enum plab_status begins_with;
};

static void on_timer(uv_timer_t *timer) {
    struct guest *guest = timer->data;
    plab_miner_snapshot(guest->miner, &guest->seen);
    const struct plab_miner_result *counts = &guest->seen.counts;
    if (guest->step == 0 && counts->accepted >= 20) {
        guest->step = 1;
        plab_miner_pause(guest->miner);
    } else if (guest->step == 1 && guest->seen.state == PLAB_WORKERS_IDLE) {
        /* Hashes that were under way may still be counted; then the counter must stand still. */
        guest->paused_looks = counts->hashes == guest->paused_hashes ? guest->paused_looks + 1 : 0;
        guest->paused_hashes = counts->hashes;
        guest->step = guest->paused_looks > 20 ? 2 : 1;
        if (guest->step == 2) {
            CHECK(guest->seen.paused && counts->client.online);
            plab_miner_resume(guest->miner);
        }
    } else if (guest->step == 2 && counts->hashes > guest->paused_hashes + 20) {
        guest->step = 3;
        plab_miner_stop(guest->miner);
    }
}

static enum plab_status begin(void *cookie, struct plab_miner *miner, uv_loop_t *loop,
                              struct plab_error *err) {
    struct guest *guest = cookie;
    guest->miner = miner;
    uv_timer_init(loop, &guest->timer);
    guest->timer.data = guest;
    uv_timer_start(&guest->timer, on_timer, 5, 5);
    return guest->begins_with == PLAB_OK ? PLAB_OK
                                         : plab_fail(err, guest->begins_with, "the guest says no");
}

static void end(void *cookie) {
    struct guest *guest = cookie;
    guest->ended++;
    uv_close((uv_handle_t *)&guest->timer, NULL);
}

static void invite(struct rig *rig, struct guest *guest) {
    memset(guest, 0, sizeof *guest);
    rig->config.guests[rig->config.guest_count++] = (struct plab_miner_guest){begin, end, guest};
}

TEST(miner_guest, pauses_resumes_and_stops) {
    struct stage *stage = new_stage();
    struct rig rig;
    struct guest guest;
    open_stage(stage);
    prepare(&rig, stage, &mini_cn);
    invite(&rig, &guest);
    CHECK_MSG(run(&rig, stage) == PLAB_OK, "%s", rig.err.text);
    CHECK(guest.step == 3 && guest.ended == 1);
    CHECK(rig.result.duration_s < 10 && rig.result.logins == 1);
    CHECK(rig.result.hashes > guest.paused_hashes + 20);
    CHECK(stage->pool.connections == 1 && rig.result.jobs == 1);
    check_submits(stage, &mini_cn); /* what was hashed before the pause isn't hashed again */
    free(stage);
}

TEST(miner_guest, sees_what_the_result_says_later) {
    struct stage *stage = new_stage();
    struct rig rig;
    struct guest guest;
    stage->with_seed = true;
    open_stage(stage);
    prepare(&rig, stage, &mini_rx);
    invite(&rig, &guest);
    CHECK_MSG(run(&rig, stage) == PLAB_OK, "%s", rig.err.text);
    CHECK(guest.seen.algo == &mini_rx && guest.seen.difficulty == 1);
    CHECK(guest.seen.rate_hps[2] < 0 && guest.seen.rate_max_hps < 0); /* too short a run */
    CHECK(guest.seen.best.difficulty[0] >= guest.seen.best.difficulty[1]);
    CHECK(guest.seen.best.difficulty[PLAB_MINER_BEST - 1] >= 1);
    CHECK(guest.seen.counts.accepted <= rig.result.accepted);
    CHECK(guest.seen.counts.workers.threads == 2);
    CHECK(rig.result.accepted_difficulty == rig.result.accepted);
    CHECK_STR(rig.result.client.tally[0].name, guest.seen.counts.client.tally[0].name);
    CHECK(rig.result.client.tally[0].attempts == 1 && rig.result.client.tally[0].logins == 1);
    free(stage);
}

TEST(miner_guest, one_that_cannot_begin_ends_the_run) {
    struct stage *stage = new_stage();
    struct rig rig;
    struct guest guests[2];
    open_stage(stage);
    prepare(&rig, stage, &mini_cn);
    invite(&rig, &guests[0]);
    invite(&rig, &guests[1]);
    guests[0].begins_with = PLAB_E_IO;
    CHECK(run(&rig, stage) == PLAB_E_IO);
    CHECK_STR(rig.err.text, "the guest says no");
    CHECK(guests[0].ended == 1 && guests[1].miner == NULL && guests[1].ended == 0);
    CHECK(rig.result.duration_s <= 0);
    free(stage);
}

/* Fifty nonces are hashed at once; the pool has nothing else to give. */
/* B23 */
TEST(miner_guest, nonces_that_end_renew_the_session) {
    struct stage *stage = new_stage();
    struct rig rig;
    stage->nonce = "000000aa";
    open_stage(stage);
    prepare(&rig, stage, &mini_cn);
    rig.config.first_nonce = 0xFFFFFF - 49;
    rig.config.patience_s = 1;
    rig.config.duration_ms = 3500;
    CHECK_MSG(run(&rig, stage) == PLAB_OK, "%s", rig.err.text);
    CHECK_MSG(stage->pool.connections == 2 || stage->pool.connections == 3, "%u connections",
              stage->pool.connections);
    CHECK_MSG(rig.result.hashes == 50 && stage->submits == 50, "%u hashes, %u submits",
              (unsigned)rig.result.hashes, stage->submits);
    CHECK(rig.result.client.failures == stage->pool.connections - 1);
    CHECK(strstr(rig.result.client.last_reason, "used up") != NULL);
    check_submits(stage, &mini_cn);
    free(stage);
}

/* Without the pool's word: what the run asks for counts. */
TEST(miner_guest, nicehash_by_option) {
    static const bool asked[] = {false, true};
    for (size_t i = 0; i < PLAB_ARRAY_LEN(asked); i++) {
        struct stage *stage = new_stage();
        struct rig rig;
        open_stage(stage);
        prepare(&rig, stage, &mini_cn);
        rig.config.nicehash = asked[i];
        rig.config.first_nonce = 0xFFFFFF - 9;
        rig.config.duration_ms = 300;
        CHECK_MSG(run(&rig, stage) == PLAB_OK, "%s", rig.err.text);
        CHECK_MSG((rig.result.hashes == 10) == asked[i], "%u hashes", (unsigned)rig.result.hashes);
        check_submits(stage, &mini_cn);
        free(stage);
    }
}
