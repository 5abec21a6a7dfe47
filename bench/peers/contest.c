/* SPDX-License-Identifier: BSD-3-Clause */
#include "bench/peers/contest.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "bench/peers/team.h"
#include "pow/randomx.h"

/* Items that a thread takes at once. A multiple of what either side does in a group. */
#define CHUNK_ITEMS 10240

/* One turn of one side, pair `pair`; its rate goes to `*rate`. */
typedef enum plab_status turn_fn(void *cookie, enum plab_side side, size_t pair, double *rate,
                                 struct plab_error *err);

/* Do both sides have the same results? */
typedef enum plab_status verify_fn(void *cookie, size_t pair, struct plab_error *err);

static enum plab_status take_pairs(const struct plab_contest *contest, struct plab_peers_row *row,
                                   turn_fn *turn, verify_fn *verify, void *cookie,
                                   struct plab_error *err) {
    for (size_t pair = 0; pair < contest->pairs; pair++) {
        for (size_t i = 0; i < PLAB_SIDE_COUNT; i++) {
            enum plab_side side = (enum plab_side)((pair + i) % PLAB_SIDE_COUNT);
            enum plab_status status = turn(cookie, side, pair, &row->rates[side][pair], err);
            if (status != PLAB_OK) {
                return status;
            }
        }
        enum plab_status status = verify(cookie, pair, err);
        if (status != PLAB_OK) {
            return status;
        }
        row->ratios[pair] = row->rates[PLAB_SIDE_OURS][pair] / row->rates[PLAB_SIDE_THEIRS][pair];
        row->pairs = pair + 1;
    }
    enum plab_status status = plab_stats_compute(&row->ratio, row->ratios, row->pairs, 1, err);
    for (size_t side = 0; side < PLAB_SIDE_COUNT && status == PLAB_OK; side++) {
        status = plab_stats_compute(&row->rate[side], row->rates[side], row->pairs, 1, err);
    }
    return status;
}

static void begin_row(struct plab_peers_row *row, const char *name, const char *unit,
                      unsigned threads, uint64_t work) {
    *row = (struct plab_peers_row){.unit = unit, .threads = threads, .work = work};
    snprintf(row->name, sizeof row->name, "%s", name);
}

/* ---- cache ---- */

static enum plab_status build_cache(const struct plab_contest *contest, enum plab_side side,
                                    size_t pair, struct plab_error *err) {
    uint8_t key[PLAB_HASH_BYTES] = "powlab and its peers";
    plab_store32_le(key + sizeof key - 4, (uint32_t)pair);
    if (side == PLAB_SIDE_OURS) {
        return plab_ours_build_cache(contest->ours, key, sizeof key, err);
    }
    plab_theirs_build_cache(contest->theirs, key, sizeof key);
    return PLAB_OK;
}

struct cache_turn {
    const struct plab_contest *contest;
    enum plab_side side;
    size_t pair;
    enum plab_status status;
    struct plab_error *err;
};

static void cache_part(void *cookie, unsigned thread) {
    struct cache_turn *turn = cookie;
    (void)thread;
    turn->status = build_cache(turn->contest, turn->side, turn->pair, turn->err);
}

static enum plab_status turn_cache(void *cookie, enum plab_side side, size_t pair, double *rate,
                                   struct plab_error *err) {
    struct cache_turn turn = {cookie, side, pair, PLAB_OK, err};
    double seconds;
    enum plab_status status = plab_team_run(turn.contest->plan, 1, turn.contest->cpu_time,
                                            cache_part, &turn, &seconds, err);
    *rate = 1 / seconds;
    return status != PLAB_OK ? status : turn.status;
}

static enum plab_status verify_cache(void *cookie, size_t pair, struct plab_error *err) {
    const struct plab_contest *contest = cookie;
    if (memcmp(plab_ours_cache_memory(contest->ours), plab_theirs_cache_memory(contest->theirs),
               plab_rx_cache_bytes(&plab_rx_params_0)) != 0) {
        return plab_fail(err, PLAB_E_MISMATCH, "the caches of key %zu differ", pair);
    }
    return PLAB_OK;
}

enum plab_status plab_contest_build_caches(const struct plab_contest *contest,
                                           struct plab_error *err) {
    double rate;
    struct plab_contest c = *contest;
    enum plab_status status = turn_cache(&c, PLAB_SIDE_OURS, PLAB_PEERS_PAIRS_MAX, &rate, err);
    if (status == PLAB_OK) {
        status = turn_cache(&c, PLAB_SIDE_THEIRS, PLAB_PEERS_PAIRS_MAX, &rate, err);
    }
    return status != PLAB_OK ? status : verify_cache(&c, PLAB_PEERS_PAIRS_MAX, err);
}

enum plab_status plab_contest_cache(const struct plab_contest *contest, bool portable,
                                    struct plab_peers_row *row, struct plab_error *err) {
    struct plab_contest c = *contest;
    enum plab_status status = PLAB_OK;
    begin_row(row, portable ? "cache, peer's portable Argon2d" : "cache", "1/s", 1, 1);
    if (portable) {
        status = plab_theirs_set_argon2(c.theirs, false, err);
    }
    if (status == PLAB_OK) {
        status = plab_contest_build_caches(contest, err); /* touches the pages */
    }
    if (status == PLAB_OK) {
        status = take_pairs(contest, row, turn_cache, verify_cache, &c, err);
    }
    if (status == PLAB_OK && portable) {
        status = plab_theirs_set_argon2(c.theirs, true, err);
    }
    return status;
}

/* ---- dataset ---- */

struct dataset_turn {
    const struct plab_contest *contest;
    enum plab_side side;
    uint64_t first, count; /* items of this turn */
    uint8_t *out;          /* where ours go */
    _Atomic uint64_t taken;
    uint64_t window_items;
};

static void dataset_part(void *cookie, unsigned thread) {
    struct dataset_turn *turn = cookie;
    uint64_t at;
    (void)thread;
    while ((at = atomic_fetch_add(&turn->taken, CHUNK_ITEMS)) < turn->count) {
        uint64_t left = turn->count - at, count = left < CHUNK_ITEMS ? left : CHUNK_ITEMS;
        if (turn->side == PLAB_SIDE_OURS) {
            plab_ours_fill(turn->contest->ours, turn->first + at, count,
                           turn->out + at * PLAB_RX_ITEM_BYTES);
        } else {
            plab_theirs_fill(turn->contest->theirs, turn->first + at, count);
        }
    }
}

/* Threads that share a counter end together, whatever each of them did. */
static enum plab_status fill(struct dataset_turn *turn, double *rate, struct plab_error *err) {
    const struct plab_contest *contest = turn->contest;
    double seconds[PLAB_TEAM_MAX], sum = 0;
    unsigned threads = contest->plan->threads;
    atomic_store(&turn->taken, 0);
    enum plab_status status =
        plab_team_run(contest->plan, threads, contest->cpu_time, dataset_part, turn, seconds, err);
    for (unsigned i = 0; status == PLAB_OK && i < threads; i++) {
        sum += seconds[i];
    }
    *rate = (double)turn->count * threads / sum;
    return status;
}

static uint8_t *their_items(const struct dataset_turn *turn) {
    return plab_theirs_dataset_memory(turn->contest->theirs) + turn->first * PLAB_RX_ITEM_BYTES;
}

static enum plab_status turn_dataset(void *cookie, enum plab_side side, size_t pair, double *rate,
                                     struct plab_error *err) {
    struct dataset_turn *turn = cookie;
    turn->side = side;
    turn->first = pair * turn->window_items;
    turn->count = turn->window_items;
    turn->out = plab_ours_window(turn->contest->ours);
    /* Brings the pages, or the results of the pair before, out of the way. */
    memset(side == PLAB_SIDE_OURS ? turn->out : their_items(turn), 0,
           turn->count * PLAB_RX_ITEM_BYTES);
    return fill(turn, rate, err);
}

static enum plab_status verify_dataset(void *cookie, size_t pair, struct plab_error *err) {
    struct dataset_turn *turn = cookie;
    (void)pair;
    if (memcmp(turn->out, their_items(turn), turn->count * PLAB_RX_ITEM_BYTES) != 0) {
        return plab_fail(err, PLAB_E_MISMATCH, "dataset items %llu to %llu differ",
                         (unsigned long long)turn->first,
                         (unsigned long long)(turn->first + turn->count - 1));
    }
    return PLAB_OK;
}

enum plab_status plab_contest_dataset(const struct plab_contest *contest, uint64_t window_items,
                                      struct plab_peers_row *row, struct plab_error *err) {
    struct dataset_turn turn = {.contest = contest, .window_items = window_items};
    begin_row(row, "dataset", "items/s", contest->plan->threads, window_items);
    return take_pairs(contest, row, turn_dataset, verify_dataset, &turn, err);
}

enum plab_status plab_contest_complete_dataset(const struct plab_contest *contest, uint64_t first,
                                               struct plab_error *err) {
    struct dataset_turn turn = {.contest = contest, .side = PLAB_SIDE_OURS, .first = first};
    double rate;
    turn.count = plab_rx_dataset_items(&plab_rx_params_0) - first;
    turn.out = their_items(&turn);
    return fill(&turn, &rate, err);
}

/* ---- hashes ---- */

struct hash_turn {
    const struct plab_contest *contest;
    enum plab_side side;
    unsigned threads;
    uint32_t first, count; /* nonces of the first thread; the others follow */
    uint8_t (*out[PLAB_SIDE_COUNT])[PLAB_HASH_BYTES];
};

static void hash_part(void *cookie, unsigned thread) {
    const struct hash_turn *turn = cookie;
    uint32_t first = turn->first + thread * turn->count;
    uint8_t(*out)[PLAB_HASH_BYTES] = turn->out[turn->side] + (size_t)thread * turn->count;
    if (turn->side == PLAB_SIDE_OURS) {
        plab_ours_hash(turn->contest->ours, thread, first, turn->count, out);
    } else {
        plab_theirs_hash(turn->contest->theirs, thread, first, turn->count, out);
    }
}

/* The rate of all threads is the sum of theirs: one that was held up at the end says nothing about
 * the others. */
static enum plab_status turn_hashes(void *cookie, enum plab_side side, size_t pair, double *rate,
                                    struct plab_error *err) {
    struct hash_turn *turn = cookie;
    double seconds[PLAB_TEAM_MAX];
    turn->side = side;
    turn->first = (uint32_t)pair * turn->threads * turn->count;
    enum plab_status status = plab_team_run(turn->contest->plan, turn->threads,
                                            turn->contest->cpu_time, hash_part, turn, seconds, err);
    *rate = 0;
    for (unsigned i = 0; status == PLAB_OK && i < turn->threads; i++) {
        *rate += turn->count / seconds[i];
    }
    return status;
}

static enum plab_status verify_hashes(void *cookie, size_t pair, struct plab_error *err) {
    const struct hash_turn *turn = cookie;
    size_t count = (size_t)turn->threads * turn->count;
    (void)pair;
    for (size_t i = 0; i < count; i++) {
        if (memcmp(turn->out[PLAB_SIDE_OURS][i], turn->out[PLAB_SIDE_THEIRS][i], PLAB_HASH_BYTES) !=
            0) {
            uint64_t nonce = turn->first + i;
            return plab_fail(err, PLAB_E_MISMATCH, "the hashes of nonce %llu differ",
                             (unsigned long long)nonce);
        }
    }
    return PLAB_OK;
}

/* Room for the hashes of a turn of both sides. */
static enum plab_status make_room(struct hash_turn *turn, struct plab_error *err) {
    size_t bytes = (size_t)turn->threads * turn->count * PLAB_HASH_BYTES;
    assert(bytes > 0);
    for (size_t side = 0; side < PLAB_SIDE_COUNT; side++) {
        void *out = realloc(turn->out[side], bytes);
        if (out == NULL) {
            return plab_fail(err, PLAB_E_NOMEM, "not enough memory for %zu bytes of hashes", bytes);
        }
        turn->out[side] = out;
    }
    return PLAB_OK;
}

/* Warms both sides up with one batch, and chooses how many hashes a thread does in a turn. */
static enum plab_status calibrate(struct hash_turn *turn, struct plab_error *err) {
    double rate[PLAB_SIDE_COUNT];
    turn->count = PLAB_PEERS_BATCH;
    enum plab_status status = make_room(turn, err);
    for (size_t side = 0; side < PLAB_SIDE_COUNT && status == PLAB_OK; side++) {
        status = turn_hashes(turn, (enum plab_side)side, 0, &rate[side], err);
    }
    if (status == PLAB_OK) {
        status = verify_hashes(turn, 0, err);
    }
    if (status == PLAB_OK) {
        double slower = rate[0] < rate[1] ? rate[0] : rate[1];
        double batches = turn->contest->turn_seconds * slower / turn->threads / PLAB_PEERS_BATCH;
        turn->count *= batches < 1 ? 1 : batches > 10000 ? 10000 : (uint32_t)batches;
        status = make_room(turn, err);
    }
    return status;
}

static void note_pages(const struct plab_contest *contest, struct plab_peers_row *row) {
    plab_ours_pages(contest->ours, &row->pages[PLAB_SIDE_OURS]);
    plab_theirs_pages(contest->theirs, &row->pages[PLAB_SIDE_OURS], &row->pages[PLAB_SIDE_THEIRS]);
}

enum plab_status plab_contest_hashes(const struct plab_contest *contest,
                                     const struct plab_algo *algo, bool fast,
                                     enum plab_peers_style style, unsigned threads,
                                     struct plab_peers_row *row, struct plab_error *err) {
    static const char *const styles[] = {"", ", one at a time", ", batches of 8"};
    struct hash_turn turn = {.contest = contest, .threads = threads};
    const uint8_t *dataset = fast ? plab_theirs_dataset_memory(contest->theirs) : NULL;
    char name[sizeof row->name];
    snprintf(name, sizeof name, "%s %s%s", algo->name, fast ? "fast" : "light", styles[style]);
    begin_row(row, name, "H/s", threads, 0);
    row->fast = fast;

    enum plab_status status =
        plab_ours_open(contest->ours, algo, dataset, style, threads, &contest->tuning, err);
    if (status == PLAB_OK) {
        status = plab_theirs_open(contest->theirs, algo->has_commitment, fast, style, threads, err);
    }
    if (status == PLAB_OK) {
        status = calibrate(&turn, err);
    }
    if (status == PLAB_OK) {
        row->work = (uint64_t)turn.count * threads;
        row->tuning = *plab_ours_tuning(contest->ours);
        note_pages(contest, row);
        status = take_pairs(contest, row, turn_hashes, verify_hashes, &turn, err);
    }
    plab_ours_close(contest->ours);
    plab_theirs_close(contest->theirs);
    free(turn.out[PLAB_SIDE_OURS]);
    free(turn.out[PLAB_SIDE_THEIRS]);
    return status;
}
