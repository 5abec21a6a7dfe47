/* SPDX-License-Identifier: BSD-3-Clause */
#include "lab/speech.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lab/flow_frame.h"
#include "lab/pcapng.h"

/* ---- masks ---- */

enum mask { MASK_NOT, MASK_ALL, MASK_LENGTH };

static const struct {
    const char *key;
    enum mask mask;
} masks[] = {
    {"agent", MASK_ALL},    {"id", MASK_ALL},        {"job_id", MASK_ALL},
    {"login", MASK_ALL},    {"params", MASK_ALL}, /* of Stratum 1: a list without keys */
    {"pass", MASK_ALL},     {"rigid", MASK_ALL},     {"commitment", MASK_LENGTH},
    {"nonce", MASK_LENGTH}, {"result", MASK_LENGTH},
};

static enum mask mask_of(const char *key) {
    for (size_t i = 0; i < PLAB_ARRAY_LEN(masks); i++) {
        if (strcmp(masks[i].key, key) == 0) {
            return masks[i].mask;
        }
    }
    return MASK_NOT;
}

struct copy {
    const char *at, *end; /* what is read */
    char *out;
    size_t used, cap;
    bool full;
};

static void put(struct copy *copy, const char *bytes, size_t len) {
    copy->full = copy->full || len >= copy->cap - copy->used;
    if (!copy->full) {
        memcpy(copy->out + copy->used, bytes, len);
        copy->used += len;
    }
}

static void put_text(struct copy *copy, const char *text) {
    put(copy, text, strlen(text));
}

/* The string at a quote; the copy's reader goes behind it. NULL: it has no end. */
static const char *take_string(struct copy *copy, size_t *len) {
    const char *start = ++copy->at;
    while (copy->at < copy->end && *copy->at != '"') {
        copy->at += *copy->at == '\\' && copy->end - copy->at > 1;
        copy->at++;
    }
    if (copy->at >= copy->end) {
        return NULL;
    }
    *len = (size_t)(copy->at++ - start);
    return start;
}

static void keep(char *out, size_t cap, const char *text, size_t len) {
    snprintf(out, cap, "%.*s", (int)(len < cap ? len : cap - 1), text);
}

static bool is_key(const struct copy *copy) {
    const char *at = copy->at;
    while (at < copy->end && *at == ' ') {
        at++;
    }
    return at < copy->end && *at == ':';
}

static void put_string(struct copy *copy, const char *text, size_t len, enum mask mask) {
    char length[24];
    put_text(copy, "\"");
    if (mask == MASK_LENGTH) {
        snprintf(length, sizeof length, "*%zu", len);
        put_text(copy, length);
    } else {
        put(copy, mask == MASK_ALL ? "*" : text, mask == MASK_ALL ? 1 : len);
    }
    put_text(copy, "\"");
}

bool plab_speech_mask(const char *line, size_t len, char *out, size_t cap, char method[32]) {
    struct copy copy = {.at = line, .end = line + len, .out = out, .cap = cap};
    char key[32] = "";
    int depth = 0;
    method[0] = '\0';
    if (len == 0 || cap == 0 || line[0] != '{') {
        return false;
    }
    while (copy.at < copy.end && !copy.full) {
        char c = *copy.at;
        if (c == '"') {
            size_t text_len;
            const char *text = take_string(&copy, &text_len);
            if (text == NULL) {
                return false;
            }
            if (is_key(&copy)) {
                keep(key, sizeof key, text, text_len);
                put_string(&copy, text, text_len, MASK_NOT);
                continue;
            }
            if (depth == 1 && strcmp(key, "method") == 0) {
                keep(method, 32, text, text_len);
            }
            put_string(&copy, text, text_len, mask_of(key));
        } else if ((isdigit((unsigned char)c) || c == '-') && mask_of(key) != MASK_NOT) {
            put_text(&copy, "*");
            while (copy.at < copy.end && strchr("+-.0123456789Ee", *copy.at) != NULL) {
                copy.at++;
            }
        } else {
            depth += (c == '{' || c == '[') - (c == '}' || c == ']');
            put(&copy, copy.at++, 1);
        }
    }
    out[copy.full ? 0 : copy.used] = '\0';
    return !copy.full && depth == 0;
}

/* ---- lines ---- */

/* One client's stream. */
struct stream {
    struct plab_speech_flow flow;
    bool has_seq, broken; /* broken: the rest of this line isn't all there */
    uint32_t next_seq;
    uint64_t said_ns; /* last line's time; 0: none */
    size_t len;
    char line[PLAB_SPEECH_LINE_MAX];
};

static enum plab_status add(struct plab_speech *out, const char *masked, const char *method,
                            struct plab_error *err) {
    size_t i = 0;
    while (i < out->count && strcmp(out->lines[i].masked, masked) != 0) {
        i++;
    }
    if (i == PLAB_SPEECH_MAX) {
        return PLAB_OK;
    }
    if (i == out->count) {
        char *copy = strdup(masked);
        if (copy == NULL) {
            return plab_fail(err, PLAB_E_NOMEM, "not enough memory for what clients said");
        }
        out->lines[i] = (struct plab_speech_line){.masked = copy};
        snprintf(out->lines[i].method, sizeof out->lines[i].method, "%s", method);
        out->count++;
    }
    out->lines[i].times++;
    return PLAB_OK;
}

static enum plab_status end_line(struct plab_speech *out, struct stream *stream, uint64_t wall_ns,
                                 struct plab_error *err) {
    char masked[PLAB_SPEECH_LINE_MAX + 64], method[32];
    if (stream->broken ||
        !plab_speech_mask(stream->line, stream->len, masked, sizeof masked, method)) {
        return PLAB_OK;
    }
    if (strcmp(method, "keepalived") == 0 && stream->said_ns != 0 &&
        out->pause_count < PLAB_SPEECH_PAUSES_MAX) {
        out->pauses_s[out->pause_count++] = ((double)wall_ns - (double)stream->said_ns) * 1e-9;
    }
    stream->said_ns = wall_ns;
    return add(out, masked, method, err);
}

static enum plab_status take_bytes(struct plab_speech *out, struct stream *stream,
                                   const uint8_t *bytes, size_t len, uint64_t wall_ns,
                                   struct plab_error *err) {
    enum plab_status status = PLAB_OK;
    for (size_t i = 0; i < len && status == PLAB_OK; i++) {
        if (bytes[i] == '\n') {
            status = end_line(out, stream, wall_ns, err);
            stream->len = 0;
            stream->broken = false;
        } else if (stream->len < sizeof stream->line) {
            stream->line[stream->len++] = (char)bytes[i];
        } else {
            stream->broken = true;
        }
    }
    return status;
}

/* A packet of a client. What it has twice is left out; after a hole, which may also be a packet
 * that comes late, the rest of the line is. */
static enum plab_status take_packet(struct plab_speech *out, struct stream *stream,
                                    const struct plab_frame *frame, uint64_t wall_ns,
                                    struct plab_error *err) {
    bool syn = (frame->flags & PLAB_TCP_SYN) != 0;
    if (syn || !stream->has_seq) {
        stream->next_seq = frame->seq + syn;
        stream->has_seq = true;
        stream->broken = !syn; /* perhaps it begins within a line */
        stream->len = 0;
        stream->said_ns = 0;
    }
    int32_t ahead = (int32_t)(frame->seq - stream->next_seq);
    size_t known = ahead < 0 ? (size_t) - (int64_t)ahead : 0;
    if (known >= frame->payload_len) {
        return PLAB_OK;
    }
    stream->next_seq = frame->seq + (uint32_t)frame->payload_len;
    stream->broken = stream->broken || ahead > 0;
    if (frame->captured < frame->payload_len) {
        stream->broken = true;
        return PLAB_OK;
    }
    return take_bytes(out, stream, frame->payload + known, frame->captured - known, wall_ns, err);
}

static struct stream *find(struct stream *streams, size_t count, const struct plab_frame *frame) {
    for (size_t i = 0; i < count; i++) {
        if (streams[i].flow.client_port == frame->src.port &&
            streams[i].flow.server_port == frame->dst.port) {
            return &streams[i];
        }
    }
    return NULL;
}

static enum plab_status read_packets(struct plab_speech *out, struct plab_pcapng_reader *reader,
                                     struct stream *streams, size_t count, struct plab_error *err) {
    struct plab_pcapng_block block = {.kind = PLAB_PCAPNG_OTHER};
    enum plab_status status = PLAB_OK;
    while (status == PLAB_OK) {
        struct plab_frame frame;
        status = plab_pcapng_next(reader, &block, err);
        if (status != PLAB_OK || block.kind == PLAB_PCAPNG_END) {
            break;
        }
        if (block.kind != PLAB_PCAPNG_PACKET ||
            !plab_frame_parse(&frame, block.packet.link, block.packet.bytes, block.packet.len) ||
            frame.protocol != PLAB_PROTOCOL_TCP) {
            continue;
        }
        struct stream *stream = find(streams, count, &frame);
        if (stream != NULL) {
            status = take_packet(out, stream, &frame, block.packet.wall_ns, err);
        }
    }
    return status;
}

enum plab_status plab_speech_read(struct plab_speech *out, const char *path,
                                  const struct plab_speech_flow *flows, size_t flow_count,
                                  struct plab_error *err) {
    struct plab_pcapng_reader *reader = NULL;
    struct stream *streams = calloc(flow_count + 1, sizeof *streams);
    memset(out, 0, sizeof *out);
    if (streams == NULL) {
        return plab_fail(err, PLAB_E_NOMEM, "not enough memory for what clients said");
    }
    for (size_t i = 0; i < flow_count; i++) {
        streams[i].flow = flows[i];
    }
    enum plab_status status = plab_pcapng_open(&reader, path, err);
    if (status == PLAB_OK) {
        status = read_packets(out, reader, streams, flow_count, err);
    }
    plab_pcapng_done(&reader);
    free(streams);
    return status;
}

void plab_speech_free(struct plab_speech *speech) {
    for (size_t i = 0; i < speech->count; i++) {
        free(speech->lines[i].masked);
    }
    speech->count = 0;
}

/* ---- distance ---- */

static bool has_method(const struct plab_speech *speech, const char *method) {
    for (size_t i = 0; i < speech->count; i++) {
        if (strcmp(speech->lines[i].method, method) == 0) {
            return true;
        }
    }
    return false;
}

static bool has_line(const struct plab_speech *speech, const char *masked) {
    for (size_t i = 0; i < speech->count; i++) {
        if (strcmp(speech->lines[i].masked, masked) == 0) {
            return true;
        }
    }
    return false;
}

/* Lines of methods that the other used, too; `both`: how many of them the other said. */
static size_t comparable(const struct plab_speech *speech, const struct plab_speech *other,
                         size_t *both) {
    size_t count = 0;
    *both = 0;
    for (size_t i = 0; i < speech->count; i++) {
        count += has_method(other, speech->lines[i].method);
        *both += has_line(other, speech->lines[i].masked);
    }
    return count;
}

double plab_speech_distance(const struct plab_speech *a, const struct plab_speech *b) {
    size_t both;
    size_t of_a = comparable(a, b, &both), of_b = comparable(b, a, &both);
    if (a->count == 0 || b->count == 0) {
        return NAN;
    }
    return of_a == 0 ? 1 : 1 - (double)both / (double)(of_a + of_b - both);
}
