/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Captures of loopback, each in a network namespace of its own, which needs no right but that to
 * make one; where that is refused, nothing is tested. All in child processes, since a namespace
 * can't be left again.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "lab/capture.h"
#include "lab/flow_frame.h"
#include "lab/pcapng.h"
#include "tests/harness.h"

#define REFUSED 77 /* exit code of a child that could get no namespace */

/* In a child there is no CHECK: the line is the exit code. */
#define EXPECT(cond)                                                   \
    do {                                                               \
        if (!(cond)) {                                                 \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #cond); \
            return 1;                                                  \
        }                                                              \
    } while (0)

static void in_child(int (*body)(const char *path)) {
    char path[] = "/tmp/powlab-capture.XXXXXX";
    int fd = mkstemp(path), status = 0;
    CHECK(fd >= 0 && close(fd) == 0);
    fflush(NULL);
    pid_t pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        _exit(body(path));
    }
    CHECK(waitpid(pid, &status, 0) == pid);
    unlink(path);
    CHECK_MSG(WIFEXITED(status) && (WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == REFUSED),
              "child: status %d", status);
}

static bool set_lo(bool up) {
    struct ifreq request = {.ifr_name = "lo"};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    request.ifr_flags = up ? IFF_UP : 0;
    bool good = fd >= 0 && ioctl(fd, SIOCSIFFLAGS, &request) == 0;
    close(fd);
    return good;
}

static bool enter_namespace(void) {
    return (unshare(CLONE_NEWNET) == 0 || unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0) &&
           set_lo(true);
}

/* Sends a datagram, which nobody receives, from a socket of whatever namespace. */
static bool send_to(int fd, uint16_t port, const char *text) {
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    return sendto(fd, text, strlen(text), 0, (const struct sockaddr *)&to, sizeof to) ==
           (ssize_t)strlen(text);
}

static enum plab_status start(struct plab_capture **capture, const char *path, int netns,
                              struct plab_error *err) {
    static const uint16_t ports[] = {4001, 4002};
    struct plab_capture_config config = {.path = path,
                                         .interfaces = {{"lo", netns}},
                                         .interface_count = 1,
                                         .comment = "a test",
                                         .anchor_ns = plab_clock_ns(),
                                         .anchor_wall_ns = plab_clock_wall_ns()};
    enum plab_status status = plab_capture_filter(config.filter, "127.0.0.1", ports, 2, err);
    return status == PLAB_OK ? plab_capture_start(capture, &config, err) : status;
}

/* The file's datagrams, their texts one after the other; NULL when it is damaged. */
static const char *read_texts(const char *path) {
    static char texts[256];
    struct plab_pcapng_reader *reader;
    struct plab_pcapng_block block = {.kind = PLAB_PCAPNG_SECTION};
    struct plab_error err;
    enum plab_status status = plab_pcapng_open(&reader, path, &err);
    size_t used = 0;
    bool has_stats = false;
    while (status == PLAB_OK && block.kind != PLAB_PCAPNG_END) {
        struct plab_frame frame;
        status = plab_pcapng_next(reader, &block, &err);
        has_stats |= block.kind == PLAB_PCAPNG_STATS;
        if (status == PLAB_OK && block.kind == PLAB_PCAPNG_PACKET &&
            plab_frame_parse(&frame, block.packet.link, block.packet.bytes, block.packet.len)) {
            used += (size_t)snprintf(texts + used, sizeof texts - used, "%.*s", (int)frame.captured,
                                     (const char *)frame.payload);
        }
    }
    texts[used] = '\0';
    bool good = status == PLAB_OK && has_stats && !plab_pcapng_is_cut(reader);
    plab_pcapng_done(&reader);
    return good ? texts : NULL;
}

static int sees_what_the_filter_lets_through(const char *path) {
    struct plab_capture *capture;
    struct plab_capture_result result;
    struct plab_error err = {.text = ""};
    if (!enter_namespace()) {
        return REFUSED;
    }
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    EXPECT(start(&capture, path, -1, &err) == PLAB_OK);
    uint64_t before_ns = plab_clock_ns();
    EXPECT(send_to(fd, 4001, "one,") && send_to(fd, 5000, "no,") && send_to(fd, 4002, "two"));
    plab_capture_stop(&capture, &result);
    EXPECT(capture == NULL && result.failure[0] == '\0' && result.dropped == 0);
    EXPECT(result.packets == 2 && result.start_ns <= before_ns && result.end_ns > before_ns);
    const char *texts = read_texts(path);
    EXPECT(texts != NULL && strcmp(texts, "one,two") == 0);
    return 0;
}

TEST(capture, sees_what_the_filter_lets_through) {
    in_child(sees_what_the_filter_lets_through);
}

static int lets_more_through(const char *path) {
    static const char wider[] = "udp port 4001 or udp port 4002 or udp port 5000";
    struct plab_capture *capture;
    struct plab_capture_result result;
    struct plab_error err = {.text = ""};
    if (!enter_namespace()) {
        return REFUSED;
    }
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    EXPECT(start(&capture, path, -1, &err) == PLAB_OK);
    EXPECT(send_to(fd, 4001, "one,") && send_to(fd, 5000, "no,"));
    EXPECT(plab_capture_widen(capture, wider, &err) == PLAB_OK);
    EXPECT(send_to(fd, 5000, "two,") && send_to(fd, 6000, "no,"));
    EXPECT(plab_capture_widen(capture, "no such thing", &err) == PLAB_E_INPUT);
    EXPECT(strstr(err.text, "filter \"no such thing\"") != NULL);
    EXPECT(send_to(fd, 5000, "three")); /* the last good one stays */
    plab_capture_stop(&capture, &result);
    EXPECT(result.failure[0] == '\0' && result.dropped == 0 && result.packets == 3);
    const char *texts = read_texts(path);
    EXPECT(texts != NULL && strcmp(texts, "one,two,three") == 0);
    return 0;
}

TEST(capture, lets_more_through) {
    in_child(lets_more_through);
}

static int captures_in_another_namespace(const char *path) {
    struct plab_capture *capture;
    struct plab_capture_result result;
    struct plab_error err = {.text = ""};
    if (!enter_namespace()) {
        return REFUSED;
    }
    int sender = socket(AF_INET, SOCK_DGRAM, 0), netns = open("/proc/self/ns/net", O_RDONLY);
    EXPECT(netns >= 0 && unshare(CLONE_NEWNET) == 0 && set_lo(true));
    int here = socket(AF_INET, SOCK_DGRAM, 0);
    EXPECT(start(&capture, path, netns, &err) == PLAB_OK);
    EXPECT(send_to(here, 4001, "here") && send_to(sender, 4001, "there"));
    plab_capture_stop(&capture, &result);
    const char *texts = read_texts(path);
    EXPECT(texts != NULL && strcmp(texts, "there") == 0);
    return 0;
}

TEST(capture, in_another_namespace) {
    in_child(captures_in_another_namespace);
}

/* Down isn't gone: the capture goes on when it is up again. */
static int interface_goes(const char *path) {
    struct plab_capture *capture;
    struct plab_capture_result result;
    struct plab_error err = {.text = ""};
    struct plab_capture_config config = {
        .path = path, .interfaces = {{"lo", -1}, {"v0", -1}}, .interface_count = 2};
    if (!enter_namespace() ||
        system("ip link add v0 type veth peer name v1 2>/dev/null && ip link set v0 up") != 0) {
        return REFUSED;
    }
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    strcpy(config.filter, "udp port 4001");
    EXPECT(plab_capture_start(&capture, &config, &err) == PLAB_OK);
    EXPECT(set_lo(false) && set_lo(true));
    EXPECT(system("ip link delete v0") == 0);
    EXPECT(send_to(fd, 4001, "after"));
    plab_capture_stop(&capture, &result);
    EXPECT(strncmp(result.failure, "v0: ", 4) == 0 && result.packets == 1);
    const char *texts = read_texts(path);
    EXPECT(texts != NULL && strcmp(texts, "after") == 0);
    return 0;
}

TEST(capture, an_interface_that_goes_is_told_and_the_others_go_on) {
    in_child(interface_goes);
}

static int nobody_may_not(const char *path) {
    struct plab_capture *capture;
    struct plab_error err = {.text = ""};
    if (geteuid() == 0 && setresuid(65534, 65534, 65534) != 0) {
        return REFUSED;
    }
    EXPECT(start(&capture, path, -1, &err) == PLAB_E_RESOURCE && capture == NULL);
    EXPECT(strcmp(err.text, "lo: no right to capture (root, CAP_NET_RAW, or unshare -Urn)") == 0);
    return 0;
}

TEST(capture, without_the_right_it_says_so) {
    in_child(nobody_may_not);
}

TEST(capture, filters) {
    char text[PLAB_CAPTURE_FILTER_MAX];
    uint16_t ports[100] = {1, 65535};
    struct plab_error err;
    CHECK(plab_capture_filter(text, "::", ports, 2, &err) == PLAB_OK);
    CHECK_STR(text, "(tcp or udp) and (port 1 or port 65535)");
    CHECK(plab_capture_filter(text, "::1", ports, 1, &err) == PLAB_OK);
    CHECK_STR(text, "(tcp or udp) and host ::1 and (port 1)");
    CHECK(plab_capture_filter(text, NULL, ports, 100, &err) == PLAB_E_INPUT);
}
