/* SPDX-License-Identifier: BSD-3-Clause */
#include "lab/netns.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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
    int netns;         /* to enter; -1: a new one is made */
    int fd;            /* what came of it; -1: nothing */
    const char *doing; /* what went wrong */
    int why;
    const struct sockaddr_in *address; /* to bind a socket to */
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

static bool make_socket(struct errand *errand) {
    if (setns(errand->netns, CLONE_NEWNET) != 0) {
        return failed(errand, "enter the network namespace");
    }
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return failed(errand, "make a socket");
    }
    if (bind(fd, (const struct sockaddr *)errand->address, sizeof *errand->address) != 0) {
        failed(errand, "bind a socket");
        close(fd);
        return false;
    }
    errand->fd = fd;
    return true;
}

static void *run_errand(void *cookie) {
    struct errand *errand = cookie;
    (void)(errand->netns < 0 ? make_namespace(errand) : make_socket(errand));
    return NULL;
}

static enum plab_status send_errand(struct errand *errand, struct plab_error *err) {
    pthread_t thread;
    errand->fd = -1;
    int code = pthread_create(&thread, NULL, run_errand, errand);
    if (code != 0) {
        return plab_fail(err, PLAB_E_RESOURCE, "cannot start a thread: %s", strerror(code));
    }
    pthread_join(thread, NULL);
    return errand->fd >= 0
               ? PLAB_OK
               : plab_fail(err, PLAB_E_RESOURCE, "cannot %s: %s%s", errand->doing,
                           strerror(errand->why), errand->why == EPERM ? "; run as root" : "");
}

/* ---- both ---- */

enum plab_status plab_netns_open(struct plab_netns *netns, struct plab_error *err) {
    struct errand pool = {.netns = -1}, client = {.netns = -1};
    enum plab_status status = PLAB_OK;
    *netns = (struct plab_netns){.pool = -1, .client = -1};
    if (!may_make()) {
        netns->user_namespace = true;
        status = become_root_inside(err);
    }
    if (status == PLAB_OK) {
        status = send_errand(&pool, err);
        netns->pool = status == PLAB_OK ? pool.fd : -1;
    }
    if (status == PLAB_OK) {
        status = send_errand(&client, err);
        netns->client = status == PLAB_OK ? client.fd : -1;
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
    netns->pool = netns->client = -1;
}

const char *plab_netns_path(int fd, char out[PLAB_NETNS_PATH_LEN]) {
    snprintf(out, PLAB_NETNS_PATH_LEN, "/proc/%d/fd/%d", (int)getpid(), fd);
    return out;
}

enum plab_status plab_netns_udp(int netns, const char *address, unsigned port, int *fd,
                                struct plab_error *err) {
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    struct errand errand = {.netns = netns, .fd = -1, .address = &in};
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
