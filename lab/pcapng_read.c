/* SPDX-License-Identifier: BSD-3-Clause */
/* The reader: nothing in a file is taken for granted. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lab/pcapng.h"
#include "lab/pcapng_priv.h"

#define BLOCK_MIN 12
#define BLOCK_MAX ((size_t)64 * 1024 * 1024)
#define INTERFACES_MAX 64

struct interface {
    unsigned link;
    uint8_t resolution; /* as if_tsresol has it */
};

struct plab_pcapng_reader {
    FILE *file;
    char *path;
    size_t interfaces, cap;
    struct interface interface[INTERFACES_MAX];
    uint64_t offset;
    bool cut;
    uint8_t *block;
};

static enum plab_status damaged(const struct plab_pcapng_reader *reader, const char *what,
                                struct plab_error *err) {
    return plab_fail(err, PLAB_E_INPUT, "%s: %s at byte %llu", reader->path, what,
                     (unsigned long long)reader->offset);
}

enum plab_status plab_pcapng_open(struct plab_pcapng_reader **out, const char *path,
                                  struct plab_error *err) {
    struct plab_pcapng_reader *reader = calloc(1, sizeof *reader);
    uint8_t head[BLOCK_MIN];
    *out = NULL;
    if (reader == NULL || (reader->path = strdup(path)) == NULL) {
        free(reader);
        return plab_fail(err, PLAB_E_NOMEM, "not enough memory to read %s", path);
    }
    reader->file = fopen(path, "re");
    enum plab_status status = PLAB_OK;
    if (reader->file == NULL) {
        status = plab_fail(err, PLAB_E_IO, "cannot read %s: %s", path, strerror(errno));
    } else if (fread(head, 1, sizeof head, reader->file) != sizeof head ||
               plab_load32_le(head) != PLAB_BLOCK_SECTION ||
               plab_load32_le(head + 8) != PLAB_SECTION_MAGIC) {
        status = plab_fail(err, PLAB_E_INPUT, "%s is no little-endian pcapng file", path);
    } else {
        rewind(reader->file);
    }
    if (status != PLAB_OK) {
        plab_pcapng_done(&reader);
        return status;
    }
    *out = reader;
    return PLAB_OK;
}

void plab_pcapng_done(struct plab_pcapng_reader **reader) {
    if (*reader != NULL) {
        if ((*reader)->file != NULL) {
            fclose((*reader)->file);
        }
        free((*reader)->path);
        free((*reader)->block);
        free(*reader);
        *reader = NULL;
    }
}

bool plab_pcapng_is_cut(const struct plab_pcapng_reader *reader) {
    return reader->cut;
}

/* ---- blocks ---- */

/* Reads a whole block into reader->block; `*len` 0: there is none any more. */
static enum plab_status read_block(struct plab_pcapng_reader *reader, size_t *len,
                                   struct plab_error *err) {
    uint8_t head[8];
    size_t n = fread(head, 1, sizeof head, reader->file);
    *len = 0;
    if (n < sizeof head) {
        reader->cut = n > 0;
        return PLAB_OK;
    }
    size_t total = plab_load32_le(head + 4);
    if (total < BLOCK_MIN || total > BLOCK_MAX || total % 4 != 0) {
        return damaged(reader, "a block of impossible length", err);
    }
    if (total > reader->cap) {
        uint8_t *larger = realloc(reader->block, total);
        if (larger == NULL) {
            return plab_fail(err, PLAB_E_NOMEM, "not enough memory to read %s", reader->path);
        }
        reader->block = larger;
        reader->cap = total;
    }
    memcpy(reader->block, head, sizeof head);
    if (fread(reader->block + 8, 1, total - 8, reader->file) != total - 8) {
        reader->cut = true;
        return PLAB_OK;
    }
    if (plab_load32_le(reader->block + total - 4) != total) {
        return damaged(reader, "a block whose two lengths differ", err);
    }
    *len = total;
    return PLAB_OK;
}

/* The resolution among the options of an interface; microseconds unless it says otherwise. */
static uint8_t resolution_of(const uint8_t *options, size_t len) {
    size_t at = 0;
    while (at + 4 <= len) {
        unsigned head = plab_load32_le(options + at);
        size_t code = head & 0xffff, value_len = head >> 16;
        if (code == 0 || plab_pcapng_pad(value_len) > len - at - 4) {
            break;
        }
        if (code == PLAB_OPT_IF_TSRESOL && value_len == 1) {
            return options[at + 4];
        }
        at += 4 + plab_pcapng_pad(value_len);
    }
    return 6;
}

static enum plab_status take_interface(struct plab_pcapng_reader *reader, size_t len,
                                       struct plab_error *err) {
    if (len < 20 || reader->interfaces == INTERFACES_MAX) {
        return damaged(reader, len < 20 ? "a short interface" : "too many interfaces", err);
    }
    struct interface *interface = &reader->interface[reader->interfaces++];
    interface->link = plab_load32_le(reader->block + 8) & 0xffff;
    interface->resolution = resolution_of(reader->block + 16, len - 20);
    return interface->resolution <= 9
               ? PLAB_OK
               : damaged(reader, "times that are finer than nanoseconds or binary", err);
}

static enum plab_status take_packet(struct plab_pcapng_reader *reader, size_t len,
                                    struct plab_pcapng_packet *packet, struct plab_error *err) {
    const uint8_t *block = reader->block;
    if (len < 32) {
        return damaged(reader, "a short packet", err);
    }
    packet->interface = plab_load32_le(block + 8);
    packet->len = plab_load32_le(block + 20);
    packet->wire_len = plab_load32_le(block + 24);
    packet->bytes = block + 28;
    if (packet->len > len - 32 || packet->interface >= reader->interfaces) {
        return damaged(reader, "a packet that contradicts itself", err);
    }
    const struct interface *interface = &reader->interface[packet->interface];
    packet->link = interface->link;
    packet->wall_ns = (uint64_t)plab_load32_le(block + 12) << 32 | plab_load32_le(block + 16);
    for (unsigned i = interface->resolution; i < 9; i++) {
        packet->wall_ns *= 10;
    }
    return PLAB_OK;
}

enum plab_status plab_pcapng_next(struct plab_pcapng_reader *reader,
                                  struct plab_pcapng_block *block, struct plab_error *err) {
    size_t len;
    memset(block, 0, sizeof *block);
    enum plab_status status = read_block(reader, &len, err);
    if (status != PLAB_OK || len == 0) {
        return status;
    }
    block->bytes = reader->block;
    block->len = len;
    switch (plab_load32_le(reader->block)) {
    case PLAB_BLOCK_SECTION:
        block->kind = PLAB_PCAPNG_SECTION;
        reader->interfaces = 0;
        if (plab_load32_le(reader->block + 8) != PLAB_SECTION_MAGIC) {
            status = damaged(reader, "a section of another byte order", err);
        }
        break;
    case PLAB_BLOCK_INTERFACE:
        block->kind = PLAB_PCAPNG_INTERFACE;
        status = take_interface(reader, len, err);
        break;
    case PLAB_BLOCK_PACKET:
        block->kind = PLAB_PCAPNG_PACKET;
        status = take_packet(reader, len, &block->packet, err);
        break;
    case PLAB_BLOCK_SECRETS:
        block->kind = PLAB_PCAPNG_TLS_KEYS;
        break;
    case PLAB_BLOCK_STATS:
        block->kind = PLAB_PCAPNG_STATS;
        break;
    default:
        block->kind = PLAB_PCAPNG_OTHER;
    }
    reader->offset += len;
    return status;
}
