/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"

#define READER_PATIENCE_NS UINT64_C(1000000000)

static bool write_all(int fd, const char *bytes, size_t len) {
    while (len > 0) {
        ssize_t n = write(fd, bytes, len);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return false;
        }
        bytes += n;
        len -= (size_t)n;
    }
    return true;
}

/* A named pipe can't be opened before somebody reads it. That is waited for, but not for ever:
 * whoever waits here answers neither peers nor signals. */
static int open_pipe(const char *path) {
    uint64_t began_ns = plab_clock_ns();
    int fd = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
    while (fd < 0 && errno == ENXIO && plab_clock_ns() - began_ns < READER_PATIENCE_NS) {
        plab_clock_sleep_ns(READER_PATIENCE_NS / 100);
        fd = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
    }
    if (fd >= 0) {
        (void)fcntl(fd, F_SETFL, 0);
    }
    return fd;
}

/* A device or a pipe ("/dev/stderr", "/dev/full") can't be replaced by a rename. */
static enum plab_status write_in_place(const char *path, bool is_pipe, const void *bytes,
                                       size_t len, struct plab_error *err) {
    int fd = is_pipe ? open_pipe(path) : open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENXIO) {
        return plab_fail(err, PLAB_E_IO, "cannot write %s: nobody reads it", path);
    }
    if (fd < 0 || !write_all(fd, bytes, len)) {
        enum plab_status status =
            plab_fail(err, PLAB_E_IO, "cannot write %s: %s", path, strerror(errno));
        if (fd >= 0) {
            close(fd);
        }
        return status;
    }
    close(fd);
    return PLAB_OK;
}

enum plab_status plab_file_write_mode(const char *path, mode_t mode, const void *bytes, size_t len,
                                      struct plab_error *err) {
    struct stat info;
    if (stat(path, &info) == 0 && !S_ISREG(info.st_mode)) {
        return write_in_place(path, S_ISFIFO(info.st_mode), bytes, len, err);
    }
    char temporary[PATH_MAX];
    int n = snprintf(temporary, sizeof temporary, "%s.XXXXXX", path);
    if (n < 0 || (size_t)n >= sizeof temporary) {
        return plab_fail(err, PLAB_E_IO, "cannot write %s: the path is too long", path);
    }
    int fd = mkostemp(temporary, O_CLOEXEC);
    if (fd < 0) {
        return plab_fail(err, PLAB_E_IO, "cannot write %s: %s", path, strerror(errno));
    }
    bool good = fchmod(fd, mode) == 0 && write_all(fd, bytes, len) && fsync(fd) == 0;
    int saved = errno;
    if (close(fd) != 0 && good) {
        good = false;
        saved = errno;
    }
    if (good && rename(temporary, path) == 0) {
        return PLAB_OK;
    }
    saved = good ? errno : saved;
    unlink(temporary);
    return plab_fail(err, PLAB_E_IO, "cannot write %s: %s", path, strerror(saved));
}

enum plab_status plab_file_write(const char *path, const void *bytes, size_t len,
                                 struct plab_error *err) {
    mode_t mask = umask(0);
    umask(mask);
    return plab_file_write_mode(path, 0666 & ~mask, bytes, len, err);
}

enum plab_status plab_file_read(const char *path, void *out, size_t cap, size_t *out_len,
                                struct plab_error *err) {
    *out_len = 0;
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        return plab_fail(err, PLAB_E_IO, "cannot read %s: %s", path, strerror(errno));
    }
    size_t len = fread(out, 1, cap, file);
    bool more = len == cap && fgetc(file) != EOF;
    bool bad = ferror(file) != 0;
    fclose(file);
    if (bad) {
        return plab_fail(err, PLAB_E_IO, "cannot read %s", path);
    }
    if (more) {
        return plab_fail(err, PLAB_E_INPUT, "%s is longer than %zu bytes", path, cap);
    }
    *out_len = len;
    return PLAB_OK;
}
