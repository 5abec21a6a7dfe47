/* SPDX-License-Identifier: BSD-3-Clause */
/* A cable's lanes in made-up time: when packets are due, which are lost. The cable itself between
 * two socket pairs, which are packet sockets to it. */
#include <sched.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/clock.h"
#include "lab/cable.h"
#include "tests/harness.h"
#include "tests/unit/packets.h"

#define MS UINT64_C(1000000)
#define PATIENCE_S 20 /* with a cable that doesn't work */

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

/* ---- carrying ---- */

/* A cable between two socket pairs: what the hosts hold of them, by the way that begins there. */
struct laid {
    struct plab_cable *cable;
    int hosts[PLAB_CABLE_WAYS];
};

static struct laid lay(struct plab_cable_config config) {
    const struct timeval patience = {.tv_sec = PATIENCE_S};
    struct laid laid;
    struct plab_error err;
    for (size_t way = 0; way < PLAB_CABLE_WAYS; way++) {
        int pair[2];
        CHECK(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, pair) == 0);
        CHECK(setsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) == 0);
        laid.hosts[way] = pair[0];
        config.ends[way] = pair[1];
    }
    CHECK_MSG(plab_cable_start(&laid.cable, &config, &err) == PLAB_OK, "%s", err.text);
    return laid;
}

static struct plab_cable_result take_up(struct laid *laid) {
    struct plab_cable_result result;
    plab_cable_stop(laid->cable, &result);
    plab_cable_free(&laid->cable);
    CHECK(laid->cable == NULL);
    close(laid->hosts[PLAB_CABLE_TO_POOL]);
    close(laid->hosts[PLAB_CABLE_TO_CLIENTS]);
    return result;
}

static void say(const struct laid *laid, enum plab_cable_way way, const void *frame, size_t len) {
    CHECK(send(laid->hosts[way], frame, len, 0) == (ssize_t)len);
}

/* What comes out of the other end, waited for. */
static size_t hear(const struct laid *laid, enum plab_cable_way way, uint8_t out[PACKET_MAX]) {
    int fd = laid->hosts[way == PLAB_CABLE_TO_POOL ? PLAB_CABLE_TO_CLIENTS : PLAB_CABLE_TO_POOL];
    ssize_t n = recv(fd, out, PACKET_MAX, 0);
    CHECK(n >= 0);
    return (size_t)n;
}

static size_t compose(uint32_t seq, uint8_t out[PACKET_MAX]) {
    const struct packet packet = {
        .src = "10.20.0.2:40000", .dst = "203.0.113.7:3333", .seq = seq, .payload = "share"};
    return packet_compose(&packet, out);
}

TEST(cable, carries_both_ways_after_the_delay) {
    struct laid laid = lay((struct plab_cable_config){.delay_ns = 5 * MS, .jitter_ns = 2 * MS});
    uint8_t frame[PACKET_MAX], got[PACKET_MAX];
    for (unsigned way = 0; way < PLAB_CABLE_WAYS; way++) {
        uint64_t start_ns = plab_clock_ns();
        for (uint32_t i = 0; i < 20; i++) {
            say(&laid, way, frame, compose(i, frame));
        }
        for (uint32_t i = 0; i < 20; i++) {
            size_t len = compose(i, frame);
            CHECK_U64(hear(&laid, way, got), len);
            CHECK_MEM(got, frame, len);
        }
        CHECK(plab_clock_ns() - start_ns >= 3 * MS);
    }
    struct plab_cable_result result = take_up(&laid);
    for (unsigned way = 0; way < PLAB_CABLE_WAYS; way++) {
        CHECK_U64(result.ways[way].packets, 20);
        CHECK_U64(result.ways[way].forwarded, 20);
        CHECK(result.ways[way].late_sum_ns >= result.ways[way].late_max_ns);
    }
    CHECK_STR(result.failure, "");
}

/* Between two packets that are on their way for ever, a question of the link is answered. */
TEST(cable, arp_neither_waits_nor_is_lost) {
    struct laid laid =
        lay((struct plab_cable_config){.delay_ns = 3600000 * MS, .loss_percent = 50});
    uint8_t frame[PACKET_MAX], got[PACKET_MAX], arp[42] = {[12] = 0x08, [13] = 0x06, [41] = 7};
    for (unsigned i = 0; i < 20; i++) {
        say(&laid, PLAB_CABLE_TO_POOL, frame, compose(i, frame));
        say(&laid, PLAB_CABLE_TO_POOL, arp, sizeof arp);
        CHECK_U64(hear(&laid, PLAB_CABLE_TO_POOL, got), sizeof arp);
        CHECK_MEM(got, arp, sizeof arp);
    }
    struct plab_cable_result result = take_up(&laid);
    CHECK_U64(result.ways[PLAB_CABLE_TO_POOL].packets, 20);
    CHECK_U64(result.ways[PLAB_CABLE_TO_POOL].forwarded, 0);
}

struct told {
    size_t count;
    struct plab_cable_loss losses[200];
};

static void take_loss(void *cookie, const struct plab_cable_loss *loss) {
    struct told *told = cookie;
    CHECK(told->count < PLAB_ARRAY_LEN(told->losses));
    told->losses[told->count++] = *loss;
}

/* Losses are those of a lane with the same seed and number, each told with what it was. */
TEST(cable, tells_each_loss) {
    static struct told told;
    struct plab_cable_config config = {.loss_percent = 30, .seed = 5};
    struct plab_lane lane = make(
        (struct plab_lane_config){.loss_percent = 30, .seed = 5, .number = PLAB_CABLE_TO_CLIENTS});
    struct laid laid = lay(config);
    uint8_t frame[PACKET_MAX], got[PACKET_MAX];
    size_t len = compose(0, frame), lost = 0;
    char text[PLAB_ENDPOINT_TEXT_LEN];
    told.count = 0;
    for (uint32_t i = 0; i < 200; i++) {
        len = compose(i, frame);
        say(&laid, PLAB_CABLE_TO_CLIENTS, frame, len);
        if (put(&lane, i, i) != PLAB_LANE_LOST) {
            CHECK_U64(hear(&laid, PLAB_CABLE_TO_CLIENTS, got), len);
            CHECK_MEM(got, frame, len);
        }
        if (i == 100) {
            plab_cable_losses(laid.cable, take_loss, &told);
        }
    }
    struct plab_cable_result result;
    plab_cable_stop(laid.cable, &result);
    plab_cable_losses(laid.cable, take_loss, &told);
    plab_lane_free(&lane);
    CHECK_U64(told.count, result.ways[PLAB_CABLE_TO_CLIENTS].lost);
    lane = make(
        (struct plab_lane_config){.loss_percent = 30, .seed = 5, .number = PLAB_CABLE_TO_CLIENTS});
    for (uint32_t i = 0; i < 200; i++) {
        if (put(&lane, i, i) != PLAB_LANE_LOST || lost == told.count) {
            continue;
        }
        const struct plab_cable_loss *loss = &told.losses[lost++];
        CHECK_U64(loss->number, i);
        CHECK(loss->way == PLAB_CABLE_TO_CLIENTS && loss->reason == PLAB_CABLE_LOSS);
        CHECK_U64(loss->bytes, len - 14);
        CHECK_U64(loss->protocol, PLAB_PROTOCOL_TCP);
        CHECK_STR(plab_endpoint_text(&loss->src, text), "10.20.0.2:40000");
        CHECK_STR(plab_endpoint_text(&loss->dst, text), "203.0.113.7:3333");
    }
    CHECK_U64(lost, told.count);
    plab_lane_free(&lane);
    take_up(&laid);
}

TEST(cable, an_end_that_takes_nothing_is_told) {
    static struct told told;
    struct laid laid = lay((struct plab_cable_config){.delay_ns = MS});
    uint8_t frame[PACKET_MAX];
    told.count = 0;
    CHECK(shutdown(laid.hosts[PLAB_CABLE_TO_CLIENTS], SHUT_RDWR) == 0);
    say(&laid, PLAB_CABLE_TO_POOL, frame, compose(0, frame));
    for (uint64_t start_ns = plab_clock_ns(); told.count == 0;) {
        CHECK(plab_clock_ns() - start_ns < PATIENCE_S * 1000 * MS);
        plab_cable_losses(laid.cable, take_loss, &told);
        sched_yield();
    }
    CHECK(told.losses[0].reason == PLAB_CABLE_PORT && told.losses[0].number == 0);
    CHECK_STR(plab_cable_reason_name(told.losses[0].reason), "port");
    CHECK_STR(plab_cable_way_name(told.losses[0].way), "to_pool");
    struct plab_cable_result result = take_up(&laid);
    CHECK_U64(result.ways[PLAB_CABLE_TO_POOL].port_drops, 1);
    CHECK_U64(result.ways[PLAB_CABLE_TO_POOL].forwarded, 0);
}
