/* SPDX-License-Identifier: BSD-3-Clause */
/* How much memory may be touched: /proc/meminfo, the limits of the process's cgroups, and what the
 * NUMA nodes have. */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "host/pages.h"
#include "host/pinplan.h"

#define PATH_LEN 1024
#define NODES_DIR "/sys/devices/system/node"

static bool read_u64(const char *path, uint64_t *value) {
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        return false;
    }
    bool good = fscanf(file, "%" SCNu64, value) == 1; /* "max" is no number: no limit */
    fclose(file);
    return good;
}

/* Value of the line "key value" or "key: value" of a file. */
static bool read_key(const char *path, const char *key, uint64_t *value) {
    char line[256];
    size_t length = strlen(key);
    FILE *file = fopen(path, "re");
    bool found = false;
    while (file != NULL && !found && fgets(line, sizeof line, file) != NULL) {
        found = strncmp(line, key, length) == 0 && (line[length] == ':' || line[length] == ' ') &&
                sscanf(line + length + 1, "%" SCNu64, value) == 1;
    }
    if (file != NULL) {
        fclose(file);
    }
    return found;
}

struct cgroup_files {
    const char *limit, *usage, *reclaimable;
};
static const struct cgroup_files cgroup_v1 = {"memory.limit_in_bytes", "memory.usage_in_bytes",
                                              "total_inactive_file"};
static const struct cgroup_files cgroup_v2 = {"memory.max", "memory.current", "inactive_file"};

/* Room below the limit of one cgroup folder; UINT64_MAX without a limit. */
static uint64_t room_of(const char *folder, const struct cgroup_files *files) {
    char path[PATH_LEN + 64];
    uint64_t limit, usage, cached = 0;
    snprintf(path, sizeof path, "%s/%s", folder, files->limit);
    if (!read_u64(path, &limit)) {
        return UINT64_MAX;
    }
    snprintf(path, sizeof path, "%s/%s", folder, files->usage);
    if (!read_u64(path, &usage)) {
        return UINT64_MAX;
    }
    snprintf(path, sizeof path, "%s/memory.stat", folder);
    if (read_key(path, files->reclaimable, &cached) && cached < usage) {
        usage -= cached; /* file cache gives way before anything is killed */
    }
    return limit > usage ? limit - usage : 0;
}

/* Smallest room of a cgroup and its parents. In a container the path may not exist under the mount;
 * its own group is then the mount itself, which the walk ends with. */
static uint64_t room_of_branch(const char *mount, const char *group,
                               const struct cgroup_files *files) {
    char folder[PATH_LEN];
    size_t mount_len = strlen(mount);
    uint64_t least = UINT64_MAX;
    int length = snprintf(folder, sizeof folder, "%s%s", mount, group);
    if (length < 0 || (size_t)length >= sizeof folder) {
        return least;
    }
    for (;;) {
        uint64_t room = room_of(folder, files);
        least = room < least ? room : least;
        char *slash = strrchr(folder, '/');
        if (slash == NULL || (size_t)(slash - folder) < mount_len) {
            return least;
        }
        *slash = '\0';
    }
}

/* Room that one line of /proc/self/cgroup ("4:memory:/a/b" or "0::/a/b") leaves. */
static uint64_t room_of_line(char *line) {
    line[strcspn(line, "\n")] = '\0';
    char *controllers = strchr(line, ':');
    char *group = controllers != NULL ? strchr(controllers + 1, ':') : NULL;
    if (group == NULL) {
        return UINT64_MAX;
    }
    *group++ = '\0';
    controllers++;
    if (controllers[0] == '\0') {
        return room_of_branch("/sys/fs/cgroup", group, &cgroup_v2);
    }
    return strcmp(controllers, "memory") == 0
               ? room_of_branch("/sys/fs/cgroup/memory", group, &cgroup_v1)
               : UINT64_MAX;
}

static uint64_t cgroup_room(void) {
    char line[PATH_LEN];
    uint64_t least = UINT64_MAX;
    FILE *file = fopen("/proc/self/cgroup", "re");
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        uint64_t room = room_of_line(line);
        least = room < least ? room : least;
    }
    if (file != NULL) {
        fclose(file);
    }
    return least;
}

uint64_t plab_memory_available_bytes(void) {
    uint64_t available_kib, room = cgroup_room();
    if (!read_key("/proc/meminfo", "MemAvailable", &available_kib)) {
        return room != UINT64_MAX ? room : 0;
    }
    uint64_t available = available_kib * 1024;
    return room < available ? room : available;
}

/* ---- NUMA nodes ---- */

/* Value of a line such as "Node 0 MemFree:  1234 kB", in bytes; 0 if there is none. */
static uint64_t node_value(const char *path, int node, const char *name) {
    char key[64];
    uint64_t kib = 0;
    snprintf(key, sizeof key, "Node %d %s", node, name);
    return read_key(path, key, &kib) ? kib * 1024 : 0;
}

static uint64_t node_huge_bytes(int node, unsigned page_kib) {
    char path[128];
    uint64_t pages = 0;
    snprintf(path, sizeof path, NODES_DIR "/node%d/hugepages/hugepages-%ukB/free_hugepages", node,
             page_kib);
    return read_u64(path, &pages) ? pages * page_kib * 1024 : 0;
}

static uint64_t node_free_bytes(int node) {
    char path[128];
    snprintf(path, sizeof path, NODES_DIR "/node%d/meminfo", node);
    uint64_t best = node_value(path, node, "MemFree") + node_value(path, node, "Inactive(file)");
    static const unsigned page_kib[] = {2048, 1048576};
    for (size_t i = 0; i < PLAB_ARRAY_LEN(page_kib); i++) {
        uint64_t huge = node_huge_bytes(node, page_kib[i]);
        best = huge > best ? huge : best;
    }
    return best;
}

size_t plab_memory_nodes(struct plab_memory_node *out, size_t cap) {
    char line[256] = "";
    unsigned nodes[PLAB_MEMORY_NODES_MAX];
    size_t count = 0;
    FILE *file = fopen(NODES_DIR "/has_memory", "re");
    if (file == NULL) {
        return 0;
    }
    bool good = fgets(line, sizeof line, file) != NULL;
    fclose(file);
    line[strcspn(line, "\n")] = '\0';
    if (!good || plab_cpu_list_parse(line, nodes, PLAB_ARRAY_LEN(nodes), &count, NULL) != PLAB_OK) {
        return 0;
    }
    count = count < cap ? count : cap;
    for (size_t i = 0; i < count; i++) {
        out[i] = (struct plab_memory_node){(int)nodes[i], node_free_bytes((int)nodes[i])};
    }
    return count;
}
