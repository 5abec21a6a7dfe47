/* SPDX-License-Identifier: BSD-3-Clause */
#include "lab/follow.h"

#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LINE_MAX_BYTES 1024

void plab_follow_init(struct plab_follow *follow, const char *path) {
    memset(follow, 0, sizeof *follow);
    snprintf(follow->path, sizeof follow->path, "%s", path);
}

static bool get_count(const json_t *object, const char *key, uint64_t *out) {
    const json_t *value = json_object_get(object, key);
    if (!json_is_integer(value) || json_integer_value(value) < 0) {
        return false;
    }
    *out = (uint64_t)json_integer_value(value);
    return true;
}

static bool parse_sample(const char *line, size_t len, struct plab_worker_sample *sample) {
    json_t *object = json_loadb(line, len, 0, NULL);
    bool good = get_count(object, "t_ns", &sample->t_ns) &&
                get_count(object, "hashes", &sample->hashes) &&
                get_count(object, "accepted", &sample->accepted) &&
                get_count(object, "rejected", &sample->rejected);
    json_decref(object);
    return good;
}

/* The file is opened anew each time: a line a second doesn't warrant an open one per worker. */
bool plab_follow_next(struct plab_follow *follow, struct plab_worker_sample *sample) {
    char text[LINE_MAX_BYTES];
    int fd = open(follow->path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return false;
    }
    bool found = false;
    while (!found) {
        ssize_t n = pread(fd, text, sizeof text, (off_t)follow->offset);
        const char *end = n > 0 ? memchr(text, '\n', (size_t)n) : NULL;
        if (end == NULL && n == (ssize_t)sizeof text) {
            /* longer than any sample: its beginning goes, its end will fail to parse */
            follow->offset += sizeof text;
            continue;
        }
        if (end == NULL) {
            break;
        }
        follow->offset += (uint64_t)(end - text) + 1;
        found = parse_sample(text, (size_t)(end - text), sample);
        follow->damaged_lines += !found;
    }
    close(fd);
    return found;
}
