/* SPDX-License-Identifier: BSD-3-Clause */
/* Reading a daemon's JSON: what rpc_msg.c and solo_msg.c share. */
#ifndef PLAB_DAEMON_RPC_JSON_PRIV_H
#define PLAB_DAEMON_RPC_JSON_PRIV_H

#include <jansson.h>

#include "daemon/rpc_msg.h"

/* The document, returned owned; NULL when it is no JSON, or nested too deeply. */
json_t *plab_rpc_load(const char *body, size_t len);

/* The "result" of an answer. On success `*root` is owned and holds it. PLAB_E_FAILED with the
 * daemon's words for an error answer; PLAB_E_PROTOCOL. */
enum plab_status plab_rpc_open_result(const char *method, const char *body, size_t len,
                                      json_t **root, json_t **result, struct plab_error *err);

/* The same where a refusal is a fault of the peer, not an outcome: PLAB_E_PROTOCOL. */
enum plab_status plab_rpc_open_answer(const char *method, const char *body, size_t len,
                                      json_t **root, json_t **result, struct plab_error *err);

/* Members of an object; false when they are missing or not of that kind. */
bool plab_rpc_get_u64(const json_t *object, const char *key, uint64_t *out);
bool plab_rpc_get_hash(const json_t *object, const char *key, uint8_t out[PLAB_BLOCK_ID_BYTES]);

/* Copies a text, escaped; leaves `out` as it is without one. */
void plab_rpc_copy_text(const json_t *object, const char *key, char *out, size_t cap);

/* PLAB_E_REFUSED unless a get_info result says plainly that its network is a lab's. */
enum plab_status plab_rpc_judge_network(const json_t *result, const struct plab_rpc_info *info,
                                        struct plab_error *err);

#endif
