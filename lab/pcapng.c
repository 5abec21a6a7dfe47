/* SPDX-License-Identifier: BSD-3-Clause */
/* The writer. */
#include "lab/pcapng.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lab/pcapng_priv.h"

#define BUFFER_BYTES ((size_t)256 * 1024)
/* Behind a block's last option, and its own length a second time. */
#define TAIL_BYTES 4

struct plab_pcapng_writer {
    int fd;
    char *path;
    off_t whole; /* size of the file up to its last whole block */
    size_t used, cap, begun;
    bool failed, no_memory;
    uint8_t *buffer;
};

static enum plab_status cannot_write(struct plab_pcapng_writer *writer, int reason,
                                     struct plab_error *err) {
    writer->failed = true;
    return plab_fail(err, PLAB_E_IO, "cannot write %s: %s", writer->path, strerror(reason));
}

/* ---- blocks ---- */

static uint8_t *room(struct plab_pcapng_writer *writer, size_t len) {
    if (writer->cap - writer->used < len) {
        size_t cap = 2 * writer->cap > writer->used + len ? 2 * writer->cap : writer->used + len;
        uint8_t *larger = realloc(writer->buffer, cap);
        if (larger == NULL) {
            writer->no_memory = true;
            return NULL;
        }
        writer->buffer = larger;
        writer->cap = cap;
    }
    writer->used += len;
    return writer->buffer + writer->used - len;
}

static void put_u32(struct plab_pcapng_writer *writer, uint32_t value) {
    uint8_t *at = room(writer, 4);
    if (at != NULL) {
        plab_store32_le(at, value);
    }
}

static void put_padded(struct plab_pcapng_writer *writer, const void *bytes, size_t len) {
    size_t padded = plab_pcapng_pad(len);
    uint8_t *at = padded > 0 ? room(writer, padded) : NULL;
    if (at != NULL) {
        memcpy(at, bytes, len);
        memset(at + len, 0, padded - len);
    }
}

static void put_option(struct plab_pcapng_writer *writer, uint16_t code, const void *value,
                       size_t len) {
    size_t cut = len < UINT16_MAX ? len : UINT16_MAX - 3;
    put_u32(writer, (uint32_t)cut << 16 | code);
    put_padded(writer, value, cut);
}

static void put_text(struct plab_pcapng_writer *writer, uint16_t code, const char *text) {
    if (text != NULL && text[0] != '\0') {
        put_option(writer, code, text, strlen(text));
    }
}

/* A time as an option has it: the high half first, each half little-endian. */
static void put_time_option(struct plab_pcapng_writer *writer, uint16_t code, uint64_t wall_ns) {
    uint8_t halves[8];
    plab_store32_le(halves, (uint32_t)(wall_ns >> 32));
    plab_store32_le(halves + 4, (uint32_t)wall_ns);
    put_option(writer, code, halves, sizeof halves);
}

static void put_count_option(struct plab_pcapng_writer *writer, uint16_t code, uint64_t count) {
    uint8_t bytes[8];
    plab_store64_le(bytes, count);
    put_option(writer, code, bytes, sizeof bytes);
}

static void begin(struct plab_pcapng_writer *writer, uint32_t type) {
    writer->begun = writer->used;
    put_u32(writer, type);
    put_u32(writer, 0); /* the length, when it is known */
}

static enum plab_status end(struct plab_pcapng_writer *writer, struct plab_error *err) {
    size_t len = writer->used + TAIL_BYTES - writer->begun;
    put_u32(writer, (uint32_t)len);
    if (writer->no_memory) {
        writer->no_memory = false;
        writer->used = writer->begun;
        return plab_fail(err, PLAB_E_NOMEM, "not enough memory for %s", writer->path);
    }
    plab_store32_le(writer->buffer + writer->begun + 4, (uint32_t)len);
    return writer->used >= BUFFER_BYTES ? plab_pcapng_flush(writer, err) : PLAB_OK;
}

/* ---- the file ---- */

/* How many of the buffer's first `len` bytes are whole blocks. */
static size_t whole_blocks(const struct plab_pcapng_writer *writer, size_t len) {
    size_t at = 0;
    while (at + 8 <= len) {
        size_t next = at + plab_load32_le(writer->buffer + at + 4);
        if (next > len) {
            break;
        }
        at = next;
    }
    return at;
}

enum plab_status plab_pcapng_flush(struct plab_pcapng_writer *writer, struct plab_error *err) {
    size_t done = 0;
    if (writer->failed) {
        return cannot_write(writer, EIO, err);
    }
    while (done < writer->used) {
        ssize_t n = write(writer->fd, writer->buffer + done, writer->used - done);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            int reason = n < 0 ? errno : ENOSPC;
            off_t end_of_whole = writer->whole + (off_t)whole_blocks(writer, done);
            if (ftruncate(writer->fd, end_of_whole) != 0) {
                errno = 0; /* what can't be cut, such as a device, holds no half block either */
            }
            return cannot_write(writer, reason, err);
        }
        done += (size_t)n;
    }
    writer->whole += (off_t)writer->used;
    writer->used = 0;
    return PLAB_OK;
}

static void discard(struct plab_pcapng_writer *writer) {
    if (writer != NULL) {
        if (writer->fd >= 0) {
            close(writer->fd);
        }
        free(writer->path);
        free(writer->buffer);
        free(writer);
    }
}

enum plab_status plab_pcapng_create(struct plab_pcapng_writer **out, const char *path,
                                    struct plab_error *err) {
    struct plab_pcapng_writer *writer = calloc(1, sizeof *writer);
    *out = NULL;
    if (writer != NULL) {
        writer->path = strdup(path);
        writer->buffer = malloc(BUFFER_BYTES);
        writer->cap = BUFFER_BYTES;
        writer->fd = -1;
    }
    if (writer == NULL || writer->path == NULL || writer->buffer == NULL) {
        discard(writer);
        return plab_fail(err, PLAB_E_NOMEM, "not enough memory for %s", path);
    }
    writer->fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (writer->fd < 0) {
        enum plab_status status = cannot_write(writer, errno, err);
        discard(writer);
        return status;
    }
    *out = writer;
    return PLAB_OK;
}

enum plab_status plab_pcapng_close(struct plab_pcapng_writer **writer, struct plab_error *err) {
    if (*writer == NULL) {
        return PLAB_OK;
    }
    enum plab_status status = (*writer)->failed ? PLAB_OK : plab_pcapng_flush(*writer, err);
    if (close((*writer)->fd) != 0 && status == PLAB_OK) {
        status = cannot_write(*writer, errno, err);
    }
    (*writer)->fd = -1;
    discard(*writer);
    *writer = NULL;
    return status;
}

/* ---- what is in it ---- */

enum plab_status plab_pcapng_add_section(struct plab_pcapng_writer *writer, const char *comment,
                                         struct plab_error *err) {
    begin(writer, PLAB_BLOCK_SECTION);
    put_u32(writer, PLAB_SECTION_MAGIC);
    put_u32(writer, 1);          /* version 1.0 */
    put_u32(writer, UINT32_MAX); /* the section's length isn't known beforehand */
    put_u32(writer, UINT32_MAX);
    put_text(writer, PLAB_OPT_COMMENT, comment);
    put_text(writer, PLAB_OPT_SHB_APPLICATION, "powlab");
    put_u32(writer, 0);
    return end(writer, err);
}

enum plab_status plab_pcapng_add_interface(struct plab_pcapng_writer *writer, const char *name,
                                           unsigned link, uint32_t snap_len, const char *filter,
                                           struct plab_error *err) {
    static const uint8_t nanoseconds = 9; /* 10^-9 s */
    begin(writer, PLAB_BLOCK_INTERFACE);
    put_u32(writer, link);
    put_u32(writer, snap_len);
    put_text(writer, PLAB_OPT_IF_NAME, name);
    put_option(writer, PLAB_OPT_IF_TSRESOL, &nanoseconds, 1);
    if (filter != NULL && filter[0] != '\0') {
        char value[600] = {0}; /* a leading zero: the filter is a text */
        size_t len = strnlen(filter, sizeof value - 1);
        memcpy(value + 1, filter, len);
        put_option(writer, PLAB_OPT_IF_FILTER, value, len + 1);
    }
    put_u32(writer, 0);
    return end(writer, err);
}

enum plab_status plab_pcapng_add_tls_keys(struct plab_pcapng_writer *writer, const void *keys,
                                          size_t len, struct plab_error *err) {
    begin(writer, PLAB_BLOCK_SECRETS);
    put_u32(writer, PLAB_SECRETS_TLS);
    put_u32(writer, (uint32_t)len);
    put_padded(writer, keys, len);
    return end(writer, err);
}

enum plab_status plab_pcapng_add_packet(struct plab_pcapng_writer *writer,
                                        const struct plab_pcapng_packet *packet,
                                        struct plab_error *err) {
    begin(writer, PLAB_BLOCK_PACKET);
    put_u32(writer, packet->interface);
    put_u32(writer, (uint32_t)(packet->wall_ns >> 32));
    put_u32(writer, (uint32_t)packet->wall_ns);
    put_u32(writer, (uint32_t)packet->len);
    put_u32(writer, (uint32_t)packet->wire_len);
    put_padded(writer, packet->bytes, packet->len);
    return end(writer, err);
}

enum plab_status plab_pcapng_add_stats(struct plab_pcapng_writer *writer, uint32_t interface,
                                       const struct plab_pcapng_stats *stats,
                                       struct plab_error *err) {
    begin(writer, PLAB_BLOCK_STATS);
    put_u32(writer, interface);
    put_u32(writer, (uint32_t)(stats->end_wall_ns >> 32));
    put_u32(writer, (uint32_t)stats->end_wall_ns);
    put_text(writer, PLAB_OPT_COMMENT, stats->comment);
    put_time_option(writer, PLAB_OPT_ISB_START, stats->start_wall_ns);
    put_time_option(writer, PLAB_OPT_ISB_END, stats->end_wall_ns);
    put_count_option(writer, PLAB_OPT_ISB_RECEIVED, stats->received);
    put_count_option(writer, PLAB_OPT_ISB_DROPPED, stats->dropped_interface);
    put_count_option(writer, PLAB_OPT_ISB_OS_DROPPED, stats->dropped_buffer);
    put_count_option(writer, PLAB_OPT_ISB_DELIVERED, stats->written);
    put_u32(writer, 0);
    return end(writer, err);
}

enum plab_status plab_pcapng_add_block(struct plab_pcapng_writer *writer, const void *block,
                                       size_t len, struct plab_error *err) {
    writer->begun = writer->used;
    uint8_t *at = room(writer, len);
    if (at == NULL) {
        writer->no_memory = false;
        return plab_fail(err, PLAB_E_NOMEM, "not enough memory for %s", writer->path);
    }
    memcpy(at, block, len);
    return writer->used >= BUFFER_BYTES ? plab_pcapng_flush(writer, err) : PLAB_OK;
}
