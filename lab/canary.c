/* SPDX-License-Identifier: BSD-3-Clause */
#include "lab/canary.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/file.h"

/* ---- a conversation as a capture (pcap: the file format of libpcap, Ethernet) ---- */

#define SEGMENT_MAX 1400
#define HEADERS 54 /* Ethernet, IPv4, TCP without options */
#define CAPTURE_MAX 65536
#define FIN 1u
#define SYN 2u
#define PSH 8u
#define ACK 16u

struct capture {
    uint8_t bytes[CAPTURE_MAX];
    size_t len;
    uint32_t seq[2]; /* of client and server */
    uint32_t us;
    bool full;
};

static void store16(uint8_t *out, uint32_t value) {
    out[0] = (uint8_t)(value >> 8);
    out[1] = (uint8_t)value;
}

static void store32(uint8_t *out, uint32_t value) {
    store16(out, value >> 16);
    store16(out + 2, value);
}

/* RFC 1071, over what `sum` holds so far. */
static uint32_t add_words(uint32_t sum, const uint8_t *bytes, size_t len) {
    for (size_t i = 0; i < len; i++) {
        sum += i % 2 == 0 ? (uint32_t)bytes[i] << 8 : bytes[i];
    }
    return sum;
}

static uint32_t checksum(uint32_t sum) {
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    return ~sum & 0xffff;
}

static void put_ip(uint8_t *ip, bool from_client, size_t tcp_len) {
    static const uint8_t client[4] = {10, 0, 0, 2}, server[4] = {203, 0, 113, 10};
    memset(ip, 0, 20);
    ip[0] = 0x45;
    store16(ip + 2, (uint32_t)(20 + tcp_len));
    ip[8] = 64; /* hops left */
    ip[9] = 6;  /* TCP */
    memcpy(ip + 12, from_client ? client : server, 4);
    memcpy(ip + 16, from_client ? server : client, 4);
    store16(ip + 10, checksum(add_words(0, ip, 20)));
}

static void put_tcp(struct capture *capture, uint8_t *tcp, const uint8_t *ip, bool from_client,
                    unsigned flags, size_t payload_len) {
    uint8_t length[2];
    memset(tcp, 0, 20);
    store16(tcp, from_client ? PLAB_CANARY_CLIENT_PORT : PLAB_CANARY_SERVER_PORT);
    store16(tcp + 2, from_client ? PLAB_CANARY_SERVER_PORT : PLAB_CANARY_CLIENT_PORT);
    store32(tcp + 4, capture->seq[!from_client]);
    store32(tcp + 8, flags & ACK ? capture->seq[from_client] : 0);
    tcp[12] = 5 << 4;
    tcp[13] = (uint8_t)flags;
    store16(tcp + 14, 64240);
    store16(length, (uint32_t)(20 + payload_len));
    uint32_t sum = add_words(6, ip + 12, 8); /* pseudo header: addresses, protocol, length */
    sum = add_words(sum, length, 2);
    store16(tcp + 16, checksum(add_words(sum, tcp, 20 + payload_len)));
    capture->seq[!from_client] += (uint32_t)payload_len + (flags & (SYN | FIN) ? 1 : 0);
}

static void put_packet(struct capture *capture, bool from_client, unsigned flags,
                       const char *payload, size_t len) {
    size_t frame = HEADERS + len;
    if (capture->len + 16 + frame > CAPTURE_MAX) {
        capture->full = true;
        return;
    }
    uint8_t *at = capture->bytes + capture->len;
    plab_store32_le(at, 1700000000);
    plab_store32_le(at + 4, capture->us += 1000);
    plab_store32_le(at + 8, (uint32_t)frame);
    plab_store32_le(at + 12, (uint32_t)frame);
    at += 16;
    memset(at, 2, 12); /* locally administered addresses */
    at[from_client ? 11 : 5] = 3;
    store16(at + 12, 0x0800);
    put_ip(at + 14, from_client, 20 + len);
    memcpy(at + HEADERS, payload, len);
    put_tcp(capture, at + 34, at + 14, from_client, flags, len);
    capture->len += 16 + frame;
}

enum plab_status plab_canary_capture(const char *path, const char *payload,
                                     struct plab_error *err) {
    static const uint32_t header[] = {0xa1b2c3d4, 4u << 16 | 2, 0, 0, 65535, 1};
    struct capture *capture = calloc(1, sizeof *capture);
    if (capture == NULL) {
        return plab_fail(err, PLAB_E_NOMEM, "not enough memory for %s", path);
    }
    for (size_t i = 0; i < PLAB_ARRAY_LEN(header); i++) {
        plab_store32_le(capture->bytes + capture->len, header[i]);
        capture->len += 4;
    }
    capture->seq[0] = 1000;
    capture->seq[1] = 2000;
    put_packet(capture, true, SYN, "", 0);
    put_packet(capture, false, SYN | ACK, "", 0);
    put_packet(capture, true, ACK, "", 0);
    for (size_t at = 0, len = strlen(payload); at < len; at += SEGMENT_MAX) {
        size_t part = len - at < SEGMENT_MAX ? len - at : SEGMENT_MAX;
        put_packet(capture, true, PSH | ACK, payload + at, part);
        put_packet(capture, false, ACK, "", 0);
    }
    put_packet(capture, true, FIN | ACK, "", 0);
    put_packet(capture, false, FIN | ACK, "", 0);
    put_packet(capture, true, ACK, "", 0);
    enum plab_status status = capture->full
                                  ? plab_fail(err, PLAB_E_INPUT, "a canary's payload is too long")
                                  : plab_file_write(path, capture->bytes, capture->len, err);
    free(capture);
    return status;
}

/* ---- evidence ---- */

static enum plab_status take_sample(struct plab_evidence *out, const char *text,
                                    struct plab_error *err) {
    json_error_t why;
    json_t *sample = json_loads(text, 0, &why);
    if (!json_is_object(sample)) {
        json_decref(sample);
        return plab_fail(err, PLAB_E_INPUT, "a canary of samples is no JSON object: %s", why.text);
    }
    json_object_set_new(sample, "unit", json_string(out->units[0].key));
    json_object_set_new(sample, "t_s", json_real(1));
    return json_array_append_new(out->samples, sample) == 0
               ? PLAB_OK
               : plab_fail(err, PLAB_E_NOMEM, "not enough memory for a canary");
}

static enum plab_status take_table(struct plab_table *table, const char *text,
                                   struct plab_error *err) {
    char *copy = strdup(text);
    return copy != NULL ? plab_table_parse(table, copy, "canary", err)
                        : plab_fail(err, PLAB_E_NOMEM, "not enough memory for a canary");
}

/* One unit of each kind, so that any rule finds its own. */
static bool add_units(struct plab_evidence *out) {
    out->units = calloc(3, sizeof *out->units);
    if (out->units == NULL) {
        return false;
    }
    out->unit_count = out->unit_cap = 3;
    out->units[0] =
        (struct plab_unit){.kind = PLAB_UNIT_PROCESS, .key = "canary#0", .pid = 1, .to_s = 1e9};
    out->units[1] = (struct plab_unit){.kind = PLAB_UNIT_FLOW, .to_s = 1e9};
    plab_evidence_flow_key(out->units[1].key, sizeof out->units[1].key, PLAB_CANARY_CLIENT_PORT,
                           PLAB_CANARY_SERVER_PORT);
    out->units[2] = (struct plab_unit){.kind = PLAB_UNIT_HOST, .key = "host", .to_s = 1e9};
    return true;
}

enum plab_status plab_canary_evidence(struct plab_evidence *out, const char *input,
                                      const char *text, struct plab_error *err) {
    memset(out, 0, sizeof *out);
    out->cpus = 1;
    out->start_ns = out->start_wall_s = out->mining_from_s = NAN;
    out->samples = json_array();
    enum plab_status status = PLAB_OK;
    if (out->samples == NULL || !add_units(out)) {
        status = plab_fail(err, PLAB_E_NOMEM, "not enough memory for a canary");
    } else if (strcmp(input, "samples") == 0) {
        status = take_sample(out, text, err);
    } else {
        struct plab_table *table = strcmp(input, "timeline") == 0    ? &out->timeline
                                   : strcmp(input, "processes") == 0 ? &out->processes
                                                                     : &out->flows;
        status = take_table(table, text, err);
    }
    if (status != PLAB_OK) {
        plab_evidence_free(out);
    }
    return status;
}
