/* SPDX-License-Identifier: BSD-3-Clause */
#include "lab/capture.h"

#include <errno.h>
#include <pcap/pcap.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "lab/capture_clock.h"
#include "lab/pcapng.h"

#define SNAP_BYTES 262144                     /* libpcap's own limit: whole packets of loopback */
#define KERNEL_BUFFER_BYTES (8 * 1024 * 1024) /* a second of loopback at full speed */
#define GATHER_MS 50                          /* the kernel hands packets over so often, at most */
#define CLOCKS_TOGETHER_NS 20000
#define LAST_WAIT_MS (2 * GATHER_MS)

struct port {
    pcap_t *pcap;
    int fd;
    uint32_t number;
    uint64_t written;
    bool over; /* it vanished */
};

struct plab_capture {
    struct plab_capture_config config;
    struct plab_pcapng_writer *writer;
    struct plab_capture_clock clock;
    struct plab_capture_result result;
    uint32_t port_count;
    struct port ports[PLAB_CAPTURE_INTERFACES_MAX];
    bool failed;
    pthread_t thread;
    /* What others ask of the thread, and its answer. */
    int wake_fd;
    pthread_mutex_t lock;
    pthread_cond_t answered;
    bool stopping, over;
    const char *filter; /* NULL: none is asked for */
    enum plab_status status;
    struct plab_error *err;
};

/* ---- the filter ---- */

enum plab_status plab_capture_filter(char out[PLAB_CAPTURE_FILTER_MAX], const char *address,
                                     const uint16_t *ports, uint32_t count,
                                     struct plab_error *err) {
    static const char *const all[] = {"", "0.0.0.0", "::"};
    size_t used = 0;
    bool any = address == NULL;
    for (size_t i = 0; !any && i < PLAB_ARRAY_LEN(all); i++) {
        any = strcmp(address, all[i]) == 0;
    }
    used += (size_t)snprintf(out, PLAB_CAPTURE_FILTER_MAX, "(tcp or udp)");
    if (!any) {
        used += (size_t)snprintf(out + used, PLAB_CAPTURE_FILTER_MAX - used, " and host %.46s",
                                 address);
    }
    for (uint32_t i = 0; i < count && used < PLAB_CAPTURE_FILTER_MAX; i++) {
        used += (size_t)snprintf(out + used, PLAB_CAPTURE_FILTER_MAX - used, "%sport %u%s",
                                 i == 0 ? " and (" : " or ", ports[i], i + 1 == count ? ")" : "");
    }
    return used < PLAB_CAPTURE_FILTER_MAX
               ? PLAB_OK
               : plab_fail(err, PLAB_E_INPUT, "too many ports to capture at: %u", count);
}

/* ---- opening ---- */

static const char *reason_of(int code, pcap_t *pcap) {
    switch (code) {
    case PCAP_ERROR_PERM_DENIED:
    case PCAP_ERROR_PROMISC_PERM_DENIED:
        return "no right to capture (root, CAP_NET_RAW, or unshare -Urn)";
    case PCAP_ERROR_NO_SUCH_DEVICE:
        return "there is no such interface";
    case PCAP_ERROR_IFACE_NOT_UP:
        return "the interface isn't up";
    default:
        return pcap_geterr(pcap);
    }
}

static enum plab_status set_filter(pcap_t *pcap, const char *filter, struct plab_error *err) {
    struct bpf_program program;
    if (filter[0] == '\0') {
        return PLAB_OK;
    }
    if (pcap_compile(pcap, &program, filter, 1, PCAP_NETMASK_UNKNOWN) != 0) {
        return plab_fail(err, PLAB_E_INPUT, "filter \"%s\": %s", filter, pcap_geterr(pcap));
    }
    int code = pcap_setfilter(pcap, &program);
    pcap_freecode(&program);
    return code == 0
               ? PLAB_OK
               : plab_fail(err, PLAB_E_RESOURCE, "filter \"%s\": %s", filter, pcap_geterr(pcap));
}

static enum plab_status activate(pcap_t *pcap, const char *name, struct plab_error *err) {
    pcap_set_snaplen(pcap, SNAP_BYTES);
    pcap_set_buffer_size(pcap, KERNEL_BUFFER_BYTES);
    pcap_set_timeout(pcap, GATHER_MS);
    pcap_set_tstamp_precision(pcap, PCAP_TSTAMP_PRECISION_NANO);
    int code = pcap_activate(pcap);
    return code >= 0 ? PLAB_OK
                     : plab_fail(err, PLAB_E_RESOURCE, "%s: %s", name, reason_of(code, pcap));
}

static enum plab_status open_port(struct plab_capture *capture, const char *name,
                                  struct plab_error *err) {
    char why[PCAP_ERRBUF_SIZE] = "";
    struct port *port = &capture->ports[capture->port_count];
    *port = (struct port){.pcap = pcap_create(name, why), .number = capture->port_count};
    if (port->pcap == NULL) {
        return plab_fail(err, PLAB_E_RESOURCE, "%s: %s", name, why);
    }
    capture->port_count++;
    enum plab_status status = activate(port->pcap, name, err);
    if (status == PLAB_OK) {
        status = set_filter(port->pcap, capture->config.filter, err);
    }
    if (status == PLAB_OK && pcap_setnonblock(port->pcap, 1, why) != 0) {
        status = plab_fail(err, PLAB_E_RESOURCE, "%s: %s", name, why);
    }
    port->fd = status == PLAB_OK ? pcap_get_selectable_fd(port->pcap) : -1;
    if (status == PLAB_OK && port->fd < 0) {
        status = plab_fail(err, PLAB_E_RESOURCE, "%s: can't be waited for", name);
    }
    return status;
}

/* Sockets belong to the namespace that they were made in, a thread can be in another one. */
struct opening {
    struct plab_capture *capture;
    const struct plab_capture_interface *interface;
    struct plab_error *err;
    enum plab_status status;
};

static void *open_in_namespace(void *cookie) {
    struct opening *opening = cookie;
    opening->status = setns(opening->interface->netns, CLONE_NEWNET) == 0
                          ? open_port(opening->capture, opening->interface->name, opening->err)
                          : plab_fail(opening->err, PLAB_E_RESOURCE,
                                      "cannot enter the network namespace: %s", strerror(errno));
    return NULL;
}

static enum plab_status open_there(struct plab_capture *capture,
                                   const struct plab_capture_interface *interface,
                                   struct plab_error *err) {
    struct opening opening = {.capture = capture, .interface = interface, .err = err};
    pthread_t thread;
    if (interface->netns < 0) {
        return open_port(capture, interface->name, err);
    }
    int code = pthread_create(&thread, NULL, open_in_namespace, &opening);
    if (code != 0) {
        return plab_fail(err, PLAB_E_RESOURCE, "cannot start a thread: %s", strerror(code));
    }
    pthread_join(thread, NULL);
    return opening.status;
}

static enum plab_status open_all(struct plab_capture *capture, struct plab_error *err) {
    enum plab_status status = PLAB_OK;
    for (uint32_t i = 0; status == PLAB_OK && i < capture->config.interface_count; i++) {
        status = open_there(capture, &capture->config.interfaces[i], err);
    }
    return status;
}

static enum plab_status open_file(struct plab_capture *capture, struct plab_error *err) {
    const struct plab_capture_config *config = &capture->config;
    enum plab_status status = plab_pcapng_create(&capture->writer, config->path, err);
    if (status == PLAB_OK) {
        status = plab_pcapng_add_section(capture->writer, config->comment, err);
    }
    for (uint32_t i = 0; status == PLAB_OK && i < capture->port_count; i++) {
        status = plab_pcapng_add_interface(capture->writer, config->interfaces[i].name,
                                           (unsigned)pcap_datalink(capture->ports[i].pcap),
                                           SNAP_BYTES, config->filter, err);
    }
    return status == PLAB_OK ? plab_pcapng_flush(capture->writer, err) : status;
}

/* ---- the thread ---- */

/* Only the first reason is kept: the others follow from it. */
static void note_failure(struct plab_capture *capture, const char *what, const char *why) {
    if (capture->result.failure[0] == '\0') {
        snprintf(capture->result.failure, sizeof capture->result.failure, "%.50s%s%.140s", what,
                 what[0] != '\0' ? ": " : "", why);
        capture->result.end_ns = plab_clock_ns();
    }
}

struct taking {
    struct plab_capture *capture;
    struct port *port;
};

static void take_packet(u_char *cookie, const struct pcap_pkthdr *header, const u_char *bytes) {
    struct taking taking;
    struct plab_error err;
    memcpy(&taking, cookie, sizeof taking);
    struct plab_capture *capture = taking.capture;
    if (capture->failed) {
        return;
    }
    uint64_t kernel_ns =
        (uint64_t)header->ts.tv_sec * 1000000000 + (uint64_t)header->ts.tv_usec; /* nanoseconds */
    const struct plab_pcapng_packet packet = {
        .interface = taking.port->number,
        .wall_ns = plab_capture_clock_on_run(&capture->clock, kernel_ns),
        .bytes = bytes,
        .len = header->caplen,
        .wire_len = header->len,
    };
    if (plab_pcapng_add_packet(capture->writer, &packet, &err) != PLAB_OK) {
        capture->failed = true;
        note_failure(capture, "", err.text);
        return;
    }
    taking.port->written++;
    capture->result.packets++;
    capture->result.bytes += header->len;
}

/* Readings that something came between are no pair. */
static void look_at_clocks(struct plab_capture_clock *clock) {
    uint64_t before_ns = plab_clock_ns(), wall_ns = plab_clock_wall_ns();
    if (plab_clock_ns() - before_ns < CLOCKS_TOGETHER_NS) {
        plab_capture_clock_look(clock, before_ns, wall_ns);
    }
}

/* Takes what an interface has; false when there was nothing. */
static bool take_all(struct plab_capture *capture, struct port *port) {
    struct taking taking = {capture, port};
    u_char cookie[sizeof taking];
    memcpy(cookie, &taking, sizeof taking);
    look_at_clocks(&capture->clock);
    int n = pcap_dispatch(port->pcap, -1, take_packet, cookie);
    if (n < 0) {
        port->over = true;
        note_failure(capture, capture->config.interfaces[port->number].name,
                     pcap_geterr(port->pcap));
    }
    return n > 0;
}

static void flush(struct plab_capture *capture) {
    struct plab_error err;
    if (!capture->failed && plab_pcapng_flush(capture->writer, &err) != PLAB_OK) {
        capture->failed = true;
        note_failure(capture, "", err.text);
    }
}

static void answer(struct plab_capture *capture) {
    eventfd_t ignored;
    (void)eventfd_read(capture->wake_fd, &ignored);
    pthread_mutex_lock(&capture->lock);
    if (capture->filter != NULL) {
        capture->status = PLAB_OK;
        for (uint32_t i = 0; capture->status == PLAB_OK && i < capture->port_count; i++) {
            struct port *port = &capture->ports[i];
            capture->status =
                port->over ? PLAB_OK : set_filter(port->pcap, capture->filter, capture->err);
        }
        capture->filter = NULL;
        pthread_cond_signal(&capture->answered);
    }
    pthread_mutex_unlock(&capture->lock);
}

/* Waits for packets or for being asked something; false: there was nothing for `timeout_ms`. */
static bool take_some(struct plab_capture *capture, bool until_stopped, int timeout_ms) {
    struct pollfd fds[PLAB_CAPTURE_INTERFACES_MAX + 1];
    nfds_t count = 0;
    bool any = false;
    if (until_stopped) {
        fds[count++] = (struct pollfd){.fd = capture->wake_fd, .events = POLLIN};
    }
    for (uint32_t i = 0; i < capture->port_count; i++) {
        int fd = capture->ports[i].over ? -1 : capture->ports[i].fd; /* poll() passes over -1 */
        fds[count++] = (struct pollfd){.fd = fd, .events = POLLIN};
    }
    int ready = poll(fds, count, timeout_ms);
    if (ready <= 0) {
        return ready < 0 && errno == EINTR;
    }
    for (uint32_t i = 0; i < capture->port_count; i++) {
        if (fds[count - capture->port_count + i].revents != 0) {
            any |= take_all(capture, &capture->ports[i]);
        }
    }
    flush(capture);
    if (until_stopped && fds[0].revents != 0) {
        answer(capture);
    }
    return until_stopped || any;
}

static bool is_stopping(struct plab_capture *capture) {
    pthread_mutex_lock(&capture->lock);
    bool stopping = capture->stopping;
    pthread_mutex_unlock(&capture->lock);
    return stopping;
}

static void *capture_until_stopped(void *cookie) {
    struct plab_capture *capture = cookie;
    while (!is_stopping(capture) && take_some(capture, true, -1)) {
    }
    while (!capture->failed && take_some(capture, false, LAST_WAIT_MS)) {
    }
    pthread_mutex_lock(&capture->lock);
    capture->over = true;
    pthread_cond_signal(&capture->answered);
    pthread_mutex_unlock(&capture->lock);
    return NULL;
}

/* ---- beginning and end ---- */

static void free_all(struct plab_capture *capture) {
    for (uint32_t i = 0; i < capture->port_count; i++) {
        pcap_close(capture->ports[i].pcap);
    }
    if (capture->wake_fd >= 0) {
        close(capture->wake_fd);
    }
    pthread_cond_destroy(&capture->answered);
    pthread_mutex_destroy(&capture->lock);
    free(capture);
}

static enum plab_status begin(struct plab_capture *capture, struct plab_error *err) {
    enum plab_status status = open_all(capture, err);
    if (status == PLAB_OK) {
        capture->wake_fd = eventfd(0, EFD_CLOEXEC);
        status = capture->wake_fd >= 0 ? open_file(capture, err)
                                       : plab_fail(err, PLAB_E_RESOURCE,
                                                   "cannot make an eventfd: %s", strerror(errno));
    }
    if (status == PLAB_OK) {
        capture->result.start_ns = plab_clock_ns();
        int code = pthread_create(&capture->thread, NULL, capture_until_stopped, capture);
        if (code != 0) {
            status = plab_fail(err, PLAB_E_RESOURCE, "cannot start a thread: %s", strerror(code));
        }
    }
    return status;
}

enum plab_status plab_capture_start(struct plab_capture **out,
                                    const struct plab_capture_config *config,
                                    struct plab_error *err) {
    struct plab_capture *capture = calloc(1, sizeof *capture);
    struct plab_error ignored;
    *out = NULL;
    if (capture == NULL) {
        return plab_fail(err, PLAB_E_NOMEM, "not enough memory to capture");
    }
    capture->config = *config;
    capture->wake_fd = -1;
    pthread_mutex_init(&capture->lock, NULL);
    pthread_cond_init(&capture->answered, NULL);
    plab_capture_clock_init(&capture->clock, config->anchor_ns, config->anchor_wall_ns);
    enum plab_status status = begin(capture, err);
    if (status != PLAB_OK) {
        if (capture->writer != NULL) {
            enum plab_status closed = plab_pcapng_close(&capture->writer, &ignored);
            (void)closed;
            unlink(config->path);
        }
        free_all(capture);
        return status;
    }
    *out = capture;
    return PLAB_OK;
}

enum plab_status plab_capture_widen(struct plab_capture *capture, const char *filter,
                                    struct plab_error *err) {
    pthread_mutex_lock(&capture->lock);
    capture->filter = filter;
    capture->err = err;
    if (eventfd_write(capture->wake_fd, 1) == 0) {
        while (capture->filter != NULL && !capture->over) {
            pthread_cond_wait(&capture->answered, &capture->lock);
        }
    }
    enum plab_status status = capture->filter == NULL
                                  ? capture->status
                                  : plab_fail(err, PLAB_E_RESOURCE, "the capture has ended");
    capture->filter = NULL;
    pthread_mutex_unlock(&capture->lock);
    return status;
}

static void write_stats(struct plab_capture *capture, const struct port *port) {
    const struct plab_capture_config *config = &capture->config;
    struct plab_capture_result *result = &capture->result;
    struct pcap_stat counts = {0};
    struct plab_error err;
    if (pcap_stats(port->pcap, &counts) != 0) {
        memset(&counts, 0, sizeof counts);
    }
    result->received += counts.ps_recv;
    result->dropped += (uint64_t)counts.ps_drop + counts.ps_ifdrop;
    const struct plab_pcapng_stats stats = {
        .start_wall_ns = config->anchor_wall_ns + (result->start_ns - config->anchor_ns),
        .end_wall_ns = config->anchor_wall_ns + (result->end_ns - config->anchor_ns),
        .received = counts.ps_recv,
        .dropped_interface = counts.ps_ifdrop,
        .dropped_buffer = counts.ps_drop,
        .written = port->written,
        .comment = result->failure,
    };
    if (!capture->failed &&
        plab_pcapng_add_stats(capture->writer, port->number, &stats, &err) != PLAB_OK) {
        capture->failed = true;
        note_failure(capture, "", err.text);
    }
}

void plab_capture_stop(struct plab_capture **capture, struct plab_capture_result *result) {
    struct plab_capture *one = *capture;
    struct plab_error err;
    if (one == NULL) {
        return;
    }
    pthread_mutex_lock(&one->lock);
    one->stopping = true;
    pthread_mutex_unlock(&one->lock);
    if (eventfd_write(one->wake_fd, 1) == 0) {
        pthread_join(one->thread, NULL);
    }
    if (one->result.end_ns == 0) {
        one->result.end_ns = plab_clock_ns();
    }
    for (uint32_t i = 0; i < one->port_count; i++) {
        write_stats(one, &one->ports[i]);
    }
    if (plab_pcapng_close(&one->writer, &err) != PLAB_OK) {
        note_failure(one, "", err.text);
    }
    *result = one->result;
    free_all(one);
    *capture = NULL;
}
