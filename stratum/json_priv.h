/* SPDX-License-Identifier: BSD-3-Clause */
/* Reads JSON that a peer wrote: one object, and members of the types that they must have. Private
 * to stratum/. */
#ifndef PLAB_STRATUM_JSON_PRIV_H
#define PLAB_STRATUM_JSON_PRIV_H

#include <jansson.h>

#include "stratum/msg.h"

/* Characters of a peer's value that an error text repeats. */
#define PLAB_JSON_SHOWN_MAX 48

/* Loads one object; the caller owns `*out`. PLAB_E_PROTOCOL for anything else. */
enum plab_status plab_json_load(const char *line, size_t len, json_t **out, struct plab_error *err);

/* What a value is, for texts: its type, or its escaped beginning. Returns `out` or a constant. */
const char *plab_json_describe(const json_t *value, char out[PLAB_JSON_SHOWN_MAX]);

/* PLAB_E_INPUT with a text that names field, value and rule. */
enum plab_status plab_json_bad_field(struct plab_error *err, const char *field, const json_t *value,
                                     const char *rule);

/* Copies a string, cut at `cap` - 1 bytes, never inside a UTF-8 sequence. */
void plab_json_copy_cut(char *out, size_t cap, const char *text, size_t len);

/* An optional text: cut when too long, "" when it is anything but a string. */
void plab_json_text(const json_t *object, const char *key, char *out, size_t cap);

/* A name or id: a string that fits whole and has no control characters; else "" and false. */
bool plab_json_plain(const json_t *value, char *out, size_t cap);

/* A string of exactly 2 * `len` hex digits. */
bool plab_json_hex(const json_t *value, uint8_t *out, size_t len);

/* A request's id. */
bool plab_json_id(const json_t *value, struct plab_stratum_id *out);

/* A job as most of the dialects describe it, in one object (msg_parse.c). */
enum plab_status plab_json_job(const json_t *params, struct plab_stratum_job *out,
                               struct plab_error *err);

/* A hashing blob in hex (msg_parse.c). */
enum plab_status plab_json_blob(const json_t *value, struct plab_stratum_job *out,
                                struct plab_error *err);

/* seed_hash and next_seed_hash, each of which may be missing (msg_parse.c). */
enum plab_status plab_json_seeds(const json_t *params, struct plab_stratum_job *out,
                                 struct plab_error *err);

/* The text of an "error" member that isn't null, into `out->error` (msg_parse.c). */
void plab_json_error(const json_t *error, struct plab_stratum_reply *out);

/* The share in a submit, but for the session (msg_request.c). */
enum plab_status plab_json_share(const json_t *params, struct plab_stratum_submit *out,
                                 struct plab_error *err);

/* A name to log in with (msg_request.c); false with a text when it is none. */
bool plab_json_login(const json_t *name, struct plab_stratum_login *out, struct plab_error *err);

#endif
