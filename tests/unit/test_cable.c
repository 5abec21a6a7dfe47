/* SPDX-License-Identifier: BSD-3-Clause */
/* A cable's lanes in made-up time: when packets are due, which are lost. The cable itself between
 * two socket pairs, which are packet sockets to it. */
#include <stdlib.h>

#include "lab/cable_lane.h"
#include "tests/harness.h"

#define MS UINT64_C(1000000)

static struct plab_lane make(struct plab_lane_config config) {
    struct plab_lane lane;
    struct plab_error err;
    config.limit = config.limit > 0 ? config.limit : PLAB_LANE_LIMIT;
    CHECK(plab_lane_init(&lane, &config, &err) == PLAB_OK);
    return lane;
}

static enum plab_lane_fate put(struct plab_lane *lane, uint64_t now_ns, uint32_t word) {
    uint8_t bytes[sizeof word];
    memcpy(bytes, &word, sizeof word);
    return plab_lane_put(lane, now_ns, bytes, sizeof bytes);
}

static uint32_t word_of(const struct plab_lane_packet *packet) {
    uint32_t word = 0;
    CHECK(packet->len == sizeof word);
    memcpy(&word, packet->bytes, sizeof word);
    return word;
}

TEST(cable, a_packet_is_due_after_the_delay) {
    struct plab_lane lane = make((struct plab_lane_config){.delay_ns = 20 * MS});
    CHECK(plab_lane_first(&lane) == NULL);
    CHECK(put(&lane, 5 * MS, 1) == PLAB_LANE_UNDER_WAY);
    CHECK(put(&lane, 6 * MS, 2) == PLAB_LANE_UNDER_WAY);
    CHECK_U64(plab_lane_first(&lane)->due_ns, 25 * MS);
    CHECK_U64(word_of(plab_lane_first(&lane)), 1);
    plab_lane_pop(&lane);
    CHECK_U64(plab_lane_first(&lane)->due_ns, 26 * MS);
    CHECK_U64(word_of(plab_lane_first(&lane)), 2);
    plab_lane_pop(&lane);
    CHECK(plab_lane_first(&lane) == NULL);
    plab_lane_free(&lane);
}

/* Far apart, each packet has its own jitter, to both ends of it; close together, they keep their
 * order, and each still has at least the least delay. */
TEST(cable, jitter_is_uniform_and_keeps_the_order) {
    struct plab_lane lane =
        make((struct plab_lane_config){.delay_ns = 20 * MS, .jitter_ns = 5 * MS, .seed = 7});
    uint64_t least = UINT64_MAX, most = 0, sum = 0;
    for (uint32_t i = 0; i < 2000; i++) {
        CHECK(put(&lane, i * 100 * MS, i) == PLAB_LANE_UNDER_WAY);
        uint64_t delay = plab_lane_first(&lane)->due_ns - i * 100 * MS;
        least = delay < least ? delay : least;
        most = delay > most ? delay : most;
        sum += delay;
        plab_lane_pop(&lane);
    }
    CHECK(least >= 15 * MS && least < 15 * MS + MS / 10);
    CHECK(most <= 25 * MS && most > 25 * MS - MS / 10);
    CHECK(sum / 2000 > 19 * MS && sum / 2000 < 21 * MS);

    uint64_t last = 0;
    for (uint32_t i = 0; i < 500; i++) {
        put(&lane, 1000000 * MS + i, i);
    }
    for (uint32_t i = 0; i < 500; i++) {
        const struct plab_lane_packet *packet = plab_lane_first(&lane);
        CHECK_U64(word_of(packet), i);
        CHECK(packet->due_ns >= last && packet->due_ns >= 1000000 * MS + i + 15 * MS);
        CHECK(packet->due_ns <= 1000000 * MS + i + 25 * MS);
        last = packet->due_ns;
        plab_lane_pop(&lane);
    }
    plab_lane_free(&lane);
}

#define PACKETS 4000

/* Which of so many packets are lost. */
static uint64_t losses(struct plab_lane_config config, bool out[PACKETS]) {
    struct plab_lane lane = make(config);
    for (uint32_t i = 0; i < PACKETS; i++) {
        out[i] = put(&lane, i, i) == PLAB_LANE_LOST;
    }
    uint64_t lost = lane.lost;
    CHECK_U64(lane.packets, PACKETS);
    CHECK_U64(lane.count + lane.lost + lane.full, PACKETS);
    plab_lane_free(&lane);
    return lost;
}

static size_t differences(const bool *a, const bool *b) {
    size_t n = 0;
    for (size_t i = 0; i < PACKETS; i++) {
        n += a[i] != b[i];
    }
    return n;
}

TEST(cable, loss_is_of_the_seed_the_lane_and_the_number) {
    static bool one[PACKETS], other[PACKETS];
    struct plab_lane_config config = {.delay_ns = MS, .loss_percent = 20, .seed = 1024};
    uint64_t lost = losses(config, one);
    CHECK_MSG(lost > PACKETS / 5 - 150 && lost < PACKETS / 5 + 150, "%u", (unsigned)lost);
    losses(config, other);
    CHECK_U64(differences(one, other), 0);
    config.jitter_ns = MS; /* other times and a full queue change no decision */
    config.limit = 10;
    losses(config, other);
    CHECK_U64(differences(one, other), 0);
    config.number = 1;
    losses(config, other);
    CHECK(differences(one, other) > PACKETS / 10);
    config.number = 0;
    config.seed = 1025;
    losses(config, other);
    CHECK(differences(one, other) > PACKETS / 10);
    config.loss_percent = 0;
    CHECK_U64(losses(config, other), 0);
    config.loss_percent = 100;
    CHECK_U64(losses(config, other), PACKETS);
}

TEST(cable, more_than_the_limit_is_dropped_at_the_entrance) {
    struct plab_lane lane = make((struct plab_lane_config){.delay_ns = MS, .limit = 3});
    for (uint32_t round = 0; round < 5; round++) {
        for (uint32_t i = 0; i < 3; i++) {
            CHECK(put(&lane, 0, i) == PLAB_LANE_UNDER_WAY);
        }
        CHECK(put(&lane, 0, 3) == PLAB_LANE_FULL);
        CHECK_U64(lane.full, round + 1);
        for (uint32_t i = 0; i < 3 - (round == 4); i++) {
            CHECK_U64(word_of(plab_lane_first(&lane)), i);
            plab_lane_pop(&lane);
        }
    }
    CHECK_U64(lane.packets, 20);
    plab_lane_free(&lane);
}
