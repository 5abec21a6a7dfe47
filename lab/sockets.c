/* SPDX-License-Identifier: BSD-3-Clause */
#include "lab/sockets.h"

#include <ctype.h>
#include <dirent.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/attr.h"

#define LISTENS 0x0a

struct inodes {
    size_t count;
    uint64_t items[PLAB_SOCKETS_MAX];
};

/* The process group of a process; 0 when it is gone. Its name, in parentheses, may hold anything.
 */
static int group_of(const char *proc_root, const char *pid) {
    char path[PATH_MAX], line[512];
    int group = 0;
    snprintf(path, sizeof path, "%s/%s/stat", proc_root, pid);
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        return 0;
    }
    const char *end = fgets(line, sizeof line, file) != NULL ? strrchr(line, ')') : NULL;
    if (end == NULL || sscanf(end, ") %*c %*d %d", &group) != 1) {
        group = 0;
    }
    fclose(file);
    return group;
}

static void add_inodes(struct inodes *inodes, const char *proc_root, const char *pid) {
    char path[PATH_MAX], target[64];
    snprintf(path, sizeof path, "%s/%s/fd", proc_root, pid);
    DIR *folder = opendir(path);
    const struct dirent *entry;
    while (folder != NULL && inodes->count < PLAB_SOCKETS_MAX &&
           (entry = readdir(folder)) != NULL) {
        ssize_t len = readlinkat(dirfd(folder), entry->d_name, target, sizeof target - 1);
        target[len > 0 ? len : 0] = '\0';
        uint64_t *inode = &inodes->items[inodes->count];
        inodes->count += sscanf(target, "socket:[%" SCNu64 "]", inode) == 1;
    }
    if (folder != NULL) {
        closedir(folder);
    }
}

/* "0100007F:1F90": words of the address as this machine has them in memory, the port as a number.
 */
static bool read_endpoint(const char *text, struct plab_endpoint *out) {
    char words[33];
    unsigned port;
    memset(out, 0, sizeof *out);
    if (sscanf(text, "%32[0-9A-Fa-f]:%4x", words, &port) != 2) {
        return false;
    }
    size_t len = strlen(words);
    if (len != 8 && len != 32) {
        return false;
    }
    for (size_t i = 0; i < len / 8; i++) {
        char word[9];
        snprintf(word, sizeof word, "%.8s", words + 8 * i);
        uint32_t value = (uint32_t)strtoul(word, NULL, 16);
        memcpy(out->address + 4 * i, &value, 4);
    }
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    bool is_mapped = len == 32 && memcmp(out->address, mapped, 12) == 0;
    if (is_mapped) {
        memmove(out->address, out->address + 12, 4);
        memset(out->address + 4, 0, 12);
    }
    out->version = len == 8 || is_mapped ? 4 : 6;
    out->port = (uint16_t)port;
    return true;
}

static bool is_among(const struct inodes *inodes, uint64_t inode) {
    for (size_t i = 0; i < inodes->count; i++) {
        if (inodes->items[i] == inode) {
            return true;
        }
    }
    return false;
}

static size_t add_from(struct plab_socket *out, size_t count, const char *path,
                       const struct inodes *inodes) {
    char line[512], local[64], remote[64];
    FILE *file = fopen(path, "re");
    while (file != NULL && count < PLAB_SOCKETS_MAX && fgets(line, sizeof line, file) != NULL) {
        unsigned state;
        struct plab_socket *socket = &out[count];
        if (sscanf(line, " %*d: %63s %63s %x %*s %*s %*s %*s %*s %" SCNu64, local, remote, &state,
                   &socket->inode) == 4 &&
            state != LISTENS && is_among(inodes, socket->inode) &&
            read_endpoint(local, &socket->local) && read_endpoint(remote, &socket->remote)) {
            count++;
        }
    }
    if (file != NULL) {
        fclose(file);
    }
    return count;
}

size_t plab_sockets_find(struct plab_socket out[PLAB_SOCKETS_MAX], const char *proc_root, int pid) {
    static const char *const tables[] = {"tcp", "tcp6"};
    struct inodes inodes = {.count = 0};
    char path[PATH_MAX];
    size_t count = 0;
    DIR *folder = opendir(proc_root);
    const struct dirent *entry;
    while (folder != NULL && (entry = readdir(folder)) != NULL) {
        if (isdigit((unsigned char)entry->d_name[0]) &&
            (atoi(entry->d_name) == pid || group_of(proc_root, entry->d_name) == pid)) {
            add_inodes(&inodes, proc_root, entry->d_name);
        }
    }
    if (folder != NULL) {
        closedir(folder);
    }
    for (size_t i = 0; inodes.count > 0 && i < PLAB_ARRAY_LEN(tables); i++) {
        snprintf(path, sizeof path, "%s/%d/net/%s", proc_root, pid, tables[i]);
        count = add_from(out, count, path, &inodes);
    }
    return count;
}
