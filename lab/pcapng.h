/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Captures as pcapng files: a writer and a reader of our own, since libpcap writes neither secrets
 * nor comments nor the numbers of lost packets.
 *
 * A file is one section: header (with a comment), interfaces, TLS keys if any, packets, statistics.
 * Times are nanoseconds since 1970. Only whole blocks are in a file, also after a failed write.
 *
 * Source: IETF draft-ietf-opsawg-pcapng (blocks SHB, IDB, EPB, ISB, DSB and their options).
 */
#ifndef PLAB_LAB_PCAPNG_H
#define PLAB_LAB_PCAPNG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

/* Link types, as https://www.tcpdump.org/linktypes.html numbers them. */
#define PLAB_LINK_NULL 0
#define PLAB_LINK_ETHERNET 1
#define PLAB_LINK_RAW 101
#define PLAB_LINK_LINUX_SLL 113
#define PLAB_LINK_LINUX_SLL2 276

/* One captured packet. */
struct plab_pcapng_packet {
    uint32_t interface;   /* number, counted from 0 in the order of the interfaces */
    unsigned link;        /* PLAB_LINK_...; only the reader sets it */
    uint64_t wall_ns;     /* when */
    const uint8_t *bytes; /* borrowed */
    size_t len;           /* captured */
    size_t wire_len;      /* of the packet itself */
};

/* What became of an interface's packets. */
struct plab_pcapng_stats {
    uint64_t start_wall_ns, end_wall_ns;
    uint64_t received;          /* that passed the filter */
    uint64_t dropped_interface; /* by the interface or its driver */
    uint64_t dropped_buffer;    /* because we didn't fetch them in time */
    uint64_t written;
    const char *comment; /* why it ended early; NULL: it didn't */
};

/* ---- writing ---- */

struct plab_pcapng_writer;

/* Creates an empty file. PLAB_E_IO names path and reason, here and in all that follows. */
PLAB_NODISCARD enum plab_status plab_pcapng_create(struct plab_pcapng_writer **out,
                                                   const char *path, struct plab_error *err);

/* Adds the section's header, with which a file begins. `comment`: UTF-8, may be NULL. */
PLAB_NODISCARD enum plab_status plab_pcapng_add_section(struct plab_pcapng_writer *writer,
                                                        const char *comment,
                                                        struct plab_error *err);

/* Adds the next interface; `filter` may be NULL. */
PLAB_NODISCARD enum plab_status plab_pcapng_add_interface(struct plab_pcapng_writer *writer,
                                                          const char *name, unsigned link,
                                                          uint32_t snap_len, const char *filter,
                                                          struct plab_error *err);

/* Adds TLS keys in the form of SSLKEYLOGFILE; they must come before the packets that they open. */
PLAB_NODISCARD enum plab_status plab_pcapng_add_tls_keys(struct plab_pcapng_writer *writer,
                                                         const void *keys, size_t len,
                                                         struct plab_error *err);

PLAB_NODISCARD enum plab_status plab_pcapng_add_packet(struct plab_pcapng_writer *writer,
                                                       const struct plab_pcapng_packet *packet,
                                                       struct plab_error *err);

PLAB_NODISCARD enum plab_status plab_pcapng_add_stats(struct plab_pcapng_writer *writer,
                                                      uint32_t interface,
                                                      const struct plab_pcapng_stats *stats,
                                                      struct plab_error *err);

/* Adds a block as a reader gave it. */
PLAB_NODISCARD enum plab_status plab_pcapng_add_block(struct plab_pcapng_writer *writer,
                                                      const void *block, size_t len,
                                                      struct plab_error *err);

/* Writes what is buffered. After a failed write the file ends with the last whole block. */
PLAB_NODISCARD enum plab_status plab_pcapng_flush(struct plab_pcapng_writer *writer,
                                                  struct plab_error *err);

/* Flushes and closes; sets `*writer` to NULL; NULL is fine. */
PLAB_NODISCARD enum plab_status plab_pcapng_close(struct plab_pcapng_writer **writer,
                                                  struct plab_error *err);

/* ---- reading ---- */

enum plab_pcapng_kind {
    PLAB_PCAPNG_END, /* of the file, or of what is whole in it */
    PLAB_PCAPNG_SECTION,
    PLAB_PCAPNG_INTERFACE,
    PLAB_PCAPNG_PACKET,
    PLAB_PCAPNG_TLS_KEYS,
    PLAB_PCAPNG_STATS,
    PLAB_PCAPNG_OTHER,
};

/* One block; what it points to lives until the next one is read. */
struct plab_pcapng_block {
    enum plab_pcapng_kind kind;
    const uint8_t *bytes; /* all of it */
    size_t len;
    struct plab_pcapng_packet packet; /* of a PACKET */
};

struct plab_pcapng_reader;

/* Opens a little-endian pcapng file. PLAB_E_IO; PLAB_E_INPUT when it is something else. */
PLAB_NODISCARD enum plab_status plab_pcapng_open(struct plab_pcapng_reader **out, const char *path,
                                                 struct plab_error *err);

/* Reads the next block, the section header being the first. PLAB_E_INPUT for a damaged block; one
 * that is cut off by the file's end is an END with plab_pcapng_is_cut(). */
PLAB_NODISCARD enum plab_status plab_pcapng_next(struct plab_pcapng_reader *reader,
                                                 struct plab_pcapng_block *block,
                                                 struct plab_error *err);
bool plab_pcapng_is_cut(const struct plab_pcapng_reader *reader);

void plab_pcapng_done(struct plab_pcapng_reader **reader);

#endif
