/* SPDX-License-Identifier: BSD-3-Clause */
#include "lab/cable.h"

#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "lab/pcapng.h"

#define FRAME_MAX 65536 /* more than any interface of a run lets through */
#define AT_ONCE 64      /* packets read from one end before what is due is sent */

struct plab_cable {
    int ends[PLAB_CABLE_WAYS], stop_fd;
    bool over[PLAB_CABLE_WAYS];         /* an end vanished */
    uint64_t empty_ns[PLAB_CABLE_WAYS]; /* nothing waited at an end then */
    struct plab_lane lanes[PLAB_CABLE_WAYS];
    struct plab_cable_result result;
    pthread_t thread;
    bool has_thread;
    uint8_t frame[FRAME_MAX];

    pthread_mutex_t lock; /* of what follows */
    struct plab_cable_loss *losses;
    size_t loss_count, loss_cap;
};

const char *plab_cable_way_name(enum plab_cable_way way) {
    return way == PLAB_CABLE_TO_POOL ? "to_pool" : "to_clients";
}

const char *plab_cable_reason_name(enum plab_cable_reason reason) {
    static const char *const names[] = {
        [PLAB_CABLE_LOSS] = "loss", [PLAB_CABLE_QUEUE] = "queue", [PLAB_CABLE_PORT] = "port"};
    return names[reason];
}

/* ---- packets that don't arrive ---- */

static void keep_loss(struct plab_cable *cable, const struct plab_cable_loss *loss) {
    pthread_mutex_lock(&cable->lock);
    if (cable->loss_count == cable->loss_cap) {
        size_t cap = cable->loss_cap > 0 ? 2 * cable->loss_cap : 64;
        struct plab_cable_loss *more = realloc(cable->losses, cap * sizeof *more);
        if (more != NULL) {
            cable->losses = more;
            cable->loss_cap = cap;
        }
    }
    if (cable->loss_count < cable->loss_cap) {
        cable->losses[cable->loss_count++] = *loss;
    }
    pthread_mutex_unlock(&cable->lock);
}

static void note_loss(struct plab_cable *cable, enum plab_cable_way way,
                      enum plab_cable_reason reason, uint64_t t_ns, uint64_t number,
                      const uint8_t *frame, size_t len) {
    struct plab_frame parsed;
    struct plab_cable_loss loss = {.way = way,
                                   .reason = reason,
                                   .t_ns = t_ns,
                                   .number = number,
                                   .bytes = len > ETH_HLEN ? len - ETH_HLEN : 0};
    if (plab_frame_parse(&parsed, PLAB_LINK_ETHERNET, frame, len)) {
        loss.protocol = parsed.protocol;
        loss.src = parsed.src;
        loss.dst = parsed.dst;
    }
    keep_loss(cable, &loss);
}

void plab_cable_losses(struct plab_cable *cable, plab_cable_loss_fn *each, void *cookie) {
    pthread_mutex_lock(&cable->lock);
    struct plab_cable_loss *losses = cable->losses;
    size_t count = cable->loss_count;
    cable->losses = NULL;
    cable->loss_count = cable->loss_cap = 0;
    pthread_mutex_unlock(&cable->lock);
    for (size_t i = 0; i < count; i++) {
        each(cookie, &losses[i]);
    }
    free(losses);
}

/* ---- the thread ---- */

/* Only the first reason is kept: the others follow from it. */
static void end_vanished(struct plab_cable *cable, enum plab_cable_way way, int why) {
    cable->over[way] = true;
    if (cable->result.failure[0] == '\0') {
        snprintf(cable->result.failure, sizeof cable->result.failure, "the %s end: %s",
                 way == PLAB_CABLE_TO_POOL ? "clients'" : "pool's", strerror(why));
    }
}

static bool is_arp(const uint8_t *frame, size_t len) {
    return len >= ETH_HLEN && frame[12] == ETH_P_ARP >> 8 && frame[13] == (ETH_P_ARP & 0xff);
}

static bool send_on(const struct plab_cable *cable, enum plab_cable_way way, const uint8_t *bytes,
                    size_t len) {
    int fd = cable->ends[way == PLAB_CABLE_TO_POOL ? PLAB_CABLE_TO_CLIENTS : PLAB_CABLE_TO_POOL];
    return send(fd, bytes, len, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)len;
}

/* When a frame came: the kernel has stamped it by the wall clock. Whatever is done to that one, it
 * wasn't before its end was last seen empty. The order of readings makes it rather too late. */
static uint64_t arrival_of(const struct plab_cable *cable, enum plab_cable_way way,
                           struct msghdr *message) {
    struct timespec stamp = {0};
    uint64_t wall_ns = plab_clock_wall_ns(), now_ns = plab_clock_ns(), came_ns = wall_ns;
    for (struct cmsghdr *one = CMSG_FIRSTHDR(message); one != NULL;
         one = CMSG_NXTHDR(message, one)) {
        if (one->cmsg_level == SOL_SOCKET && one->cmsg_type == SCM_TIMESTAMPNS) {
            memcpy(&stamp, CMSG_DATA(one), sizeof stamp);
            came_ns = (uint64_t)stamp.tv_sec * 1000000000 + (uint64_t)stamp.tv_nsec;
        }
    }
    uint64_t age_ns = wall_ns > came_ns ? wall_ns - came_ns : 0;
    uint64_t most_ns = now_ns - cable->empty_ns[way];
    return now_ns - (age_ns < most_ns ? age_ns : most_ns);
}

static void take_frame(struct plab_cable *cable, enum plab_cable_way way, uint64_t t_ns,
                       size_t len) {
    struct plab_lane *lane = &cable->lanes[way];
    struct plab_cable_totals *totals = &cable->result.ways[way];
    uint64_t number = lane->packets;
    if (is_arp(cable->frame, len)) {
        (void)send_on(cable, way, cable->frame, len); /* hosts ask again */
        return;
    }
    enum plab_lane_fate fate = plab_lane_put(lane, t_ns, cable->frame, len);
    totals->packets++;
    totals->lost += fate == PLAB_LANE_LOST;
    totals->queue_drops += fate == PLAB_LANE_FULL;
    if (fate != PLAB_LANE_UNDER_WAY) {
        note_loss(cable, way, fate == PLAB_LANE_LOST ? PLAB_CABLE_LOSS : PLAB_CABLE_QUEUE, t_ns,
                  number, cable->frame, len);
    }
}

/* Reads a frame; negative with errno when there is none. */
static ssize_t read_frame(struct plab_cable *cable, enum plab_cable_way way, uint64_t *came_ns) {
    union {
        struct cmsghdr align;
        char room[CMSG_SPACE(sizeof(struct timespec))];
    } control;
    struct iovec frame = {cable->frame, sizeof cable->frame};
    struct msghdr message = {.msg_iov = &frame,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof control};
    ssize_t n = recvmsg(cable->ends[way], &message, MSG_DONTWAIT);
    if (n >= 0) {
        *came_ns = arrival_of(cable, way, &message);
    }
    return n;
}

static void take_some(struct plab_cable *cable, enum plab_cable_way way) {
    uint64_t start_ns = plab_clock_ns(), came_ns = 0;
    for (unsigned i = 0; i < AT_ONCE; i++) {
        ssize_t n = read_frame(cable, way, &came_ns);
        if (n >= 0) {
            take_frame(cable, way, came_ns, (size_t)n);
            continue;
        }
        if (errno == EAGAIN) {
            cable->empty_ns[way] = start_ns;
        } else if (errno != EINTR) {
            end_vanished(cable, way, errno);
        }
        return;
    }
}

static void send_due(struct plab_cable *cable, enum plab_cable_way way) {
    struct plab_lane *lane = &cable->lanes[way];
    struct plab_cable_totals *totals = &cable->result.ways[way];
    uint64_t now_ns = plab_clock_ns();
    for (const struct plab_lane_packet *packet = plab_lane_first(lane);
         packet != NULL && packet->due_ns <= now_ns; packet = plab_lane_first(lane)) {
        if (send_on(cable, way, packet->bytes, packet->len)) {
            uint64_t late_ns = now_ns - packet->due_ns;
            totals->forwarded++;
            totals->late_sum_ns += late_ns;
            totals->late_max_ns = late_ns > totals->late_max_ns ? late_ns : totals->late_max_ns;
        } else {
            totals->port_drops++;
            note_loss(cable, way, PLAB_CABLE_PORT, now_ns, packet->number, packet->bytes,
                      packet->len);
        }
        plab_lane_pop(lane);
    }
}

/* Until the next packet is due; false: none is under way. */
static bool time_left(const struct plab_cable *cable, struct timespec *out) {
    uint64_t due_ns = UINT64_MAX, now_ns = plab_clock_ns();
    for (size_t way = 0; way < PLAB_CABLE_WAYS; way++) {
        const struct plab_lane_packet *packet = plab_lane_first(&cable->lanes[way]);
        if (packet != NULL && packet->due_ns < due_ns) {
            due_ns = packet->due_ns;
        }
    }
    uint64_t left_ns = due_ns > now_ns ? due_ns - now_ns : 0;
    out->tv_sec = (time_t)(left_ns / 1000000000);
    out->tv_nsec = (long)(left_ns % 1000000000);
    return due_ns != UINT64_MAX;
}

/* A wire waits for no processor that others hold. What carrying takes is little, and a real-time
 * thread that took much would be held back by the kernel. Without the right (root's) it waits. */
static void come_first(void) {
    const struct sched_param least = {.sched_priority = sched_get_priority_min(SCHED_RR)};
    prctl(PR_SET_TIMERSLACK, 1UL); /* else waits end 50 us late, so that more can end at once */
    (void)pthread_setschedparam(pthread_self(), SCHED_RR, &least);
}

static void *carry_until_stopped(void *cookie) {
    struct plab_cable *cable = cookie;
    come_first();
    for (;;) {
        struct pollfd fds[PLAB_CABLE_WAYS + 1];
        struct timespec left;
        bool any = time_left(cable, &left);
        for (size_t way = 0; way < PLAB_CABLE_WAYS; way++) { /* poll() passes over -1 */
            fds[way] =
                (struct pollfd){.fd = cable->over[way] ? -1 : cable->ends[way], .events = POLLIN};
        }
        fds[PLAB_CABLE_WAYS] = (struct pollfd){.fd = cable->stop_fd, .events = POLLIN};
        int ready = ppoll(fds, PLAB_CABLE_WAYS + 1, any ? &left : NULL, NULL);
        if (ready > 0 && fds[PLAB_CABLE_WAYS].revents != 0) {
            return NULL;
        }
        for (unsigned way = 0; way < PLAB_CABLE_WAYS; way++) {
            if (ready > 0 && fds[way].revents != 0) {
                take_some(cable, way);
            }
            send_due(cable, way);
        }
    }
}

/* ---- beginning and end ---- */

static enum plab_status begin(struct plab_cable *cable, const struct plab_cable_config *config,
                              struct plab_error *err) {
    enum plab_status status = PLAB_OK;
    for (unsigned way = 0; status == PLAB_OK && way < PLAB_CABLE_WAYS; way++) {
        const struct plab_lane_config lane = {.delay_ns = config->delay_ns,
                                              .jitter_ns = config->jitter_ns,
                                              .loss_percent = config->loss_percent,
                                              .seed = config->seed,
                                              .number = way,
                                              .limit = PLAB_LANE_LIMIT};
        const int on = 1; /* without stamps a frame came when it is read */
        (void)setsockopt(cable->ends[way], SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on);
        cable->empty_ns[way] = plab_clock_ns();
        status = plab_lane_init(&cable->lanes[way], &lane, err);
    }
    if (status != PLAB_OK) {
        return status;
    }
    cable->stop_fd = eventfd(0, EFD_CLOEXEC);
    if (cable->stop_fd < 0) {
        return plab_fail(err, PLAB_E_RESOURCE, "cannot make an eventfd: %s", strerror(errno));
    }
    int code = pthread_create(&cable->thread, NULL, carry_until_stopped, cable);
    cable->has_thread = code == 0;
    return code == 0 ? PLAB_OK
                     : plab_fail(err, PLAB_E_RESOURCE, "cannot start a thread: %s", strerror(code));
}

enum plab_status plab_cable_start(struct plab_cable **out, const struct plab_cable_config *config,
                                  struct plab_error *err) {
    struct plab_cable *cable = calloc(1, sizeof *cable);
    enum plab_status status = PLAB_E_NOMEM;
    *out = NULL;
    if (cable == NULL) {
        for (size_t way = 0; way < PLAB_CABLE_WAYS; way++) {
            close(config->ends[way]);
        }
        return plab_fail(err, status, "not enough memory for a cable");
    }
    memcpy(cable->ends, config->ends, sizeof cable->ends);
    cable->stop_fd = -1;
    pthread_mutex_init(&cable->lock, NULL);
    status = begin(cable, config, err);
    if (status != PLAB_OK) {
        plab_cable_free(&cable);
    }
    *out = cable;
    return status;
}

void plab_cable_stop(struct plab_cable *cable, struct plab_cable_result *result) {
    if (cable->has_thread && eventfd_write(cable->stop_fd, 1) == 0) {
        pthread_join(cable->thread, NULL);
        cable->has_thread = false;
    }
    for (size_t way = 0; way < PLAB_CABLE_WAYS; way++) {
        struct tpacket_stats stats = {0};
        socklen_t len = sizeof stats;
        if (getsockopt(cable->ends[way], SOL_PACKET, PACKET_STATISTICS, &stats, &len) == 0) {
            cable->result.ways[way].missed = stats.tp_drops;
        }
    }
    *result = cable->result;
}

void plab_cable_free(struct plab_cable **cable) {
    struct plab_cable *one = *cable;
    if (one == NULL) {
        return;
    }
    for (size_t way = 0; way < PLAB_CABLE_WAYS; way++) {
        close(one->ends[way]);
        plab_lane_free(&one->lanes[way]);
    }
    if (one->stop_fd >= 0) {
        close(one->stop_fd);
    }
    pthread_mutex_destroy(&one->lock);
    free(one->losses);
    free(one);
    *cable = NULL;
}
