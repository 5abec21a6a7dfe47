/* SPDX-License-Identifier: BSD-3-Clause */
#include "lab/netns.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <linux/ethtool.h>
#include <linux/if_packet.h>
#include <linux/sockios.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/netguard.h"

/* ---- the right to ---- */

static bool may_make(void) {
    struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {{0}};
    const uint32_t needed = UINT32_C(1) << CAP_SYS_ADMIN | UINT32_C(1) << CAP_NET_ADMIN;
    return syscall(SYS_capget, &head, data) == 0 && (data[0].effective & needed) == needed;
}

static bool write_text(const char *path, const char *text) {
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    bool good = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
    if (fd >= 0) {
        close(fd);
    }
    return good;
}

/* Root inside is this user outside, and nobody else exists. */
static enum plab_status become_root_inside(struct plab_error *err) {
    char uids[40], gids[40];
    snprintf(uids, sizeof uids, "0 %u 1", (unsigned)geteuid());
    snprintf(gids, sizeof gids, "0 %u 1", (unsigned)getegid());
    if (unshare(CLONE_NEWUSER) != 0) {
        return plab_fail(err, PLAB_E_RESOURCE,
                         "network namespaces can't be made: no privileges, and no user namespace "
                         "either (%s); run as root, or allow unprivileged user namespaces",
                         strerror(errno));
    }
    if (!write_text("/proc/self/setgroups", "deny") || !write_text("/proc/self/uid_map", uids) ||
        !write_text("/proc/self/gid_map", gids)) {
        return plab_fail(err, PLAB_E_RESOURCE,
                         "network namespaces can't be made: users can't be mapped into a user "
                         "namespace (%s); run as root",
                         strerror(errno));
    }
    return PLAB_OK;
}

/* ---- on a thread, which alone is in another network then ---- */

struct errand {
    bool (*run)(struct errand *errand);
    int netns;         /* to enter first; -1: none */
    int fd;            /* what came of it */
    const char *doing; /* what went wrong */
    int why;
    const struct sockaddr_in *address; /* to bind a socket to */
    const char *interface;             /* whose this is about */
};

static bool failed(struct errand *errand, const char *doing) {
    errand->why = errno;
    errand->doing = doing;
    return false;
}

static bool make_namespace(struct errand *errand) {
    if (unshare(CLONE_NEWNET) != 0) {
        return failed(errand, "make a network namespace");
    }
    errand->fd = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
    return errand->fd >= 0 || failed(errand, "open a network namespace");
}

static bool keep_or_close(struct errand *errand, int fd, bool good, const char *doing) {
    if (good) {
        errand->fd = fd;
        return true;
    }
    failed(errand, doing);
    close(fd);
    return false;
}

static bool make_socket(struct errand *errand) {
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    return fd < 0 ? failed(errand, "make a socket")
                  : keep_or_close(errand, fd,
                                  bind(fd, (const struct sockaddr *)errand->address,
                                       sizeof *errand->address) == 0,
                                  "bind a socket");
}

/* A reader that is late finds what came meanwhile, if the system lets a buffer be so large. */
static void enlarge_buffer(int fd) {
    const int bytes = 8 * 1024 * 1024;
    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes) != 0) {
        (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
    }
}

/* Without a protocol nothing is received before the socket is bound to its interface. */
static bool make_packet_socket(struct errand *errand) {
    const int on = 1;
    const struct sockaddr_ll at = {.sll_family = AF_PACKET,
                                   .sll_protocol = htons(ETH_P_ALL),
                                   .sll_ifindex = (int)if_nametoindex(errand->interface)};
    int fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return failed(errand, "make a packet socket");
    }
    enlarge_buffer(fd);
    return keep_or_close(errand, fd,
                         at.sll_ifindex > 0 &&
                             setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof on) ==
                                 0 &&
                             bind(fd, (const struct sockaddr *)&at, sizeof at) == 0,
                         "bind a packet socket");
}

static bool switch_off(int fd, const char *interface, uint32_t what) {
    struct ethtool_value value = {.cmd = what, .data = 0};
    struct ifreq request = {.ifr_data = (void *)&value};
    snprintf(request.ifr_name, sizeof request.ifr_name, "%s", interface);
    return ioctl(fd, SIOCETHTOOL, &request) == 0;
}

static bool make_plain(struct errand *errand) {
    static const uint32_t tasks[] = {ETHTOOL_STSO, ETHTOOL_SGSO, ETHTOOL_SGRO, ETHTOOL_STXCSUM};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    bool good = fd >= 0;
    for (size_t i = 0; good && i < PLAB_ARRAY_LEN(tasks); i++) {
        good = switch_off(fd, errand->interface, tasks[i]);
    }
    if (!good) {
        failed(errand, "switch an interface's offloading off");
    }
    if (fd >= 0) {
        close(fd);
    }
    return good;
}

struct traveller {
    struct errand *errand;
    bool good;
};

static void *travel(void *cookie) {
    struct traveller *traveller = cookie;
    struct errand *errand = traveller->errand;
    traveller->good = errand->netns < 0 || setns(errand->netns, CLONE_NEWNET) == 0
                          ? errand->run(errand)
                          : failed(errand, "enter the network namespace");
    return NULL;
}

static enum plab_status send_errand(struct errand *errand, struct plab_error *err) {
    struct traveller traveller = {.errand = errand};
    pthread_t thread;
    errand->fd = -1;
    int code = pthread_create(&thread, NULL, travel, &traveller);
    if (code != 0) {
        return plab_fail(err, PLAB_E_RESOURCE, "cannot start a thread: %s", strerror(code));
    }
    pthread_join(thread, NULL);
    return traveller.good
               ? PLAB_OK
               : plab_fail(err, errand->why == EAFNOSUPPORT ? PLAB_E_UNSUPPORTED : PLAB_E_RESOURCE,
                           "cannot %s: %s%s", errand->doing, strerror(errand->why),
                           errand->why == EPERM ? "; run as root" : "");
}

static enum plab_status make_one(int *fd, struct plab_error *err) {
    struct errand errand = {.run = make_namespace, .netns = -1};
    enum plab_status status = send_errand(&errand, err);
    *fd = errand.fd;
    return status;
}

/* ---- all of them ---- */

enum plab_status plab_netns_open(struct plab_netns *netns, bool with_cable,
                                 struct plab_error *err) {
    enum plab_status status = PLAB_OK;
    *netns = (struct plab_netns){.pool = -1, .client = -1, .cable = -1};
    if (!may_make()) {
        netns->user_namespace = true;
        status = become_root_inside(err);
    }
    if (status == PLAB_OK) {
        status = make_one(&netns->pool, err);
    }
    if (status == PLAB_OK) {
        status = make_one(&netns->client, err);
    }
    if (status == PLAB_OK && with_cable) {
        status = make_one(&netns->cable, err);
    }
    return status;
}

/* True when the process of a number of /proc is in the namespace. */
static bool is_inside(const char *number, const struct stat *netns) {
    char path[40];
    struct stat own;
    snprintf(path, sizeof path, "/proc/%.10s/ns/net", number);
    return stat(path, &own) == 0 && own.st_dev == netns->st_dev && own.st_ino == netns->st_ino;
}

/* A program may have put processes into the background, which are nobody's children. */
static void kill_inside(int fd) {
    struct stat netns;
    DIR *proc = opendir("/proc");
    if (proc != NULL && fstat(fd, &netns) == 0) {
        for (const struct dirent *entry = readdir(proc); entry != NULL; entry = readdir(proc)) {
            if (isdigit((unsigned char)entry->d_name[0]) && is_inside(entry->d_name, &netns)) {
                kill((pid_t)strtol(entry->d_name, NULL, 10), SIGKILL);
            }
        }
    }
    if (proc != NULL) {
        closedir(proc);
    }
}

void plab_netns_close(struct plab_netns *netns) {
    if (netns->client >= 0) {
        kill_inside(netns->client);
        close(netns->client);
    }
    if (netns->pool >= 0) {
        close(netns->pool);
    }
    if (netns->cable >= 0) {
        close(netns->cable);
    }
    netns->pool = netns->client = netns->cable = -1;
}

const char *plab_netns_path(int fd, char out[PLAB_NETNS_PATH_LEN]) {
    snprintf(out, PLAB_NETNS_PATH_LEN, "/proc/%d/fd/%d", (int)getpid(), fd);
    return out;
}

enum plab_status plab_netns_udp(int netns, const char *address, unsigned port, int *fd,
                                struct plab_error *err) {
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    struct errand errand = {.run = make_socket, .netns = netns, .fd = -1, .address = &in};
    *fd = -1;
    if (inet_pton(AF_INET, address, &in.sin_addr) != 1) {
        return plab_fail(err, PLAB_E_INPUT, "\"%s\" is no IPv4 address", address);
    }
    enum plab_status status = plab_netguard_check((const struct sockaddr *)&in, err);
    if (status == PLAB_OK) {
        status = send_errand(&errand, err);
    }
    *fd = errand.fd;
    return status;
}

enum plab_status plab_netns_packets(int netns, const char *interface, int *fd,
                                    struct plab_error *err) {
    struct errand errand = {.run = make_packet_socket, .netns = netns, .interface = interface};
    enum plab_status status = send_errand(&errand, err);
    *fd = errand.fd;
    return status;
}

enum plab_status plab_netns_plain(int netns, const char *interface, struct plab_error *err) {
    struct errand errand = {.run = make_plain, .netns = netns, .interface = interface};
    return send_errand(&errand, err);
}
