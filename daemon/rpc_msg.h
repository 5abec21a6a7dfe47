/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A Monero daemon's JSON-RPC as bytes: three requests and what their answers say. No I/O.
 * Source: monero@0aa9c51b:src/rpc/core_rpc_server_commands_defs.h.
 */
#ifndef PLAB_DAEMON_RPC_MSG_H
#define PLAB_DAEMON_RPC_MSG_H

#include "daemon/template.h"

/* An address for lab chains: its public spend and view keys are both the curve's base point, so the
 * secret keys are the number 1 and anybody may spend what it owns. */
#define PLAB_RPC_LAB_WALLET                                                                        \
    "44yQXfkWZNmJ8QgRfFWTzmJ8QgRfFWTzmJ8QgRfFWTzmJ7suhUXwdrDJ8QgRfFWTzmJ8QgRfFWTzmJ8QgRfFWTzmCYrS" \
    "gjJ"

/* Longest wallet address that is passed on; sub-addresses and integrated ones fit. */
#define PLAB_RPC_WALLET_MAX 128

struct plab_rpc_info {
    char nettype[16]; /* "mainnet", "testnet", "stagenet", "fakechain" (regtest) */
    uint64_t height;  /* of the next block */
    char top[65];     /* id of the tip, hex; empty when the daemon doesn't say */
};

/* Builders return owned text (free()), NULL without memory. */
char *plab_rpc_build_get_info(void);
char *plab_rpc_build_get_template(const char *wallet);
char *plab_rpc_build_submit(const uint8_t *block, size_t len);

/* PLAB_OK when `wallet` has the form of an address: base58 digits, at most PLAB_RPC_WALLET_MAX. The
 * daemon checks the rest. */
PLAB_NODISCARD enum plab_status plab_rpc_check_wallet(const char *wallet, struct plab_error *err);

/* Reads a get_info answer. PLAB_E_REFUSED when the daemon is on the main network, or doesn't
 * clearly say that it isn't. PLAB_E_PROTOCOL for an error answer or one that makes no sense. */
PLAB_NODISCARD enum plab_status plab_rpc_parse_info(const char *body, size_t len,
                                                    struct plab_rpc_info *out,
                                                    struct plab_error *err);

/* Reads a get_block_template answer into a template of the pool `instance`, and checks that the
 * hashing blob that follows from the template is the daemon's (PLAB_E_MISMATCH). Returns owned. */
PLAB_NODISCARD enum plab_status plab_rpc_parse_template(const char *body, size_t len,
                                                        uint64_t instance,
                                                        struct plab_template **out,
                                                        struct plab_error *err);

/* Reads a submit_block answer: PLAB_OK when the block was taken, PLAB_E_FAILED with the daemon's
 * words when not, PLAB_E_PROTOCOL when that can't be told. */
PLAB_NODISCARD enum plab_status plab_rpc_parse_submit(const char *body, size_t len,
                                                      struct plab_error *err);

#endif
