/* SPDX-License-Identifier: BSD-3-Clause */
#include "daemon/template.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "pow/algo.h"

static enum plab_status check(const struct plab_block *block, const struct plab_template_info *info,
                              struct plab_error *err) {
    if (block->nonce_at != PLAB_NONCE_OFFSET) {
        return plab_fail(err, PLAB_E_INPUT,
                         "block template has its nonce at offset %zu; miners expect it at %d",
                         block->nonce_at, PLAB_NONCE_OFFSET);
    }
    if (block->height != info->height) {
        return plab_fail(err, PLAB_E_INPUT,
                         "block template is for height %llu, but was announced for %llu",
                         (unsigned long long)block->height, (unsigned long long)info->height);
    }
    return plab_block_check_reserved(block, info->reserved_at, PLAB_TEMPLATE_RESERVE_BYTES, err);
}

enum plab_status plab_template_create(struct plab_template **out, const uint8_t *blob, size_t len,
                                      const struct plab_template_info *info,
                                      struct plab_error *err) {
    struct plab_block block;
    *out = NULL;
    enum plab_status status = plab_block_parse(blob, len, &block, err);
    if (status == PLAB_OK) {
        status = check(&block, info, err);
    }
    if (status != PLAB_OK) {
        return status;
    }
    struct plab_template *tmpl = calloc(1, sizeof *tmpl);
    if (tmpl == NULL || (tmpl->blob = malloc(len)) == NULL ||
        plab_block_branch_make(&block, blob, &tmpl->branch) != PLAB_OK) {
        if (tmpl != NULL) {
            free(tmpl->blob);
        }
        free(tmpl);
        return plab_fail(err, PLAB_E_NOMEM, "no memory for a block template of %zu bytes", len);
    }
    memcpy(tmpl->blob, blob, len);
    tmpl->refs = 1;
    tmpl->info = *info;
    tmpl->block = block;
    *out = tmpl;
    return PLAB_OK;
}

enum plab_status plab_template_create_fixed(struct plab_template **out, const uint8_t *blob,
                                            size_t len, const struct plab_template_info *info,
                                            struct plab_error *err) {
    *out = NULL;
    if (len < PLAB_NONCE_OFFSET + PLAB_BLOCK_NONCE_BYTES || len > PLAB_BLOCK_HASHING_MAX) {
        return plab_fail(err, PLAB_E_INPUT, "a job's blob of %zu bytes can't be handed on", len);
    }
    struct plab_template *tmpl = calloc(1, sizeof *tmpl);
    if (tmpl == NULL || (tmpl->blob = malloc(len)) == NULL) {
        free(tmpl);
        return plab_fail(err, PLAB_E_NOMEM, "no memory for a job of %zu bytes", len);
    }
    memcpy(tmpl->blob, blob, len);
    tmpl->refs = 1;
    tmpl->info = *info;
    tmpl->fixed = true;
    tmpl->block.len = len;
    tmpl->block.nonce_at = PLAB_NONCE_OFFSET;
    tmpl->block.prev_id_at = PLAB_NONCE_OFFSET - PLAB_BLOCK_ID_BYTES;
    *out = tmpl;
    return PLAB_OK;
}

struct plab_template *plab_template_ref(struct plab_template *tmpl) {
    tmpl->refs++;
    return tmpl;
}

void plab_template_unref(struct plab_template **tmpl) {
    struct plab_template *last = *tmpl;
    *tmpl = NULL;
    if (last != NULL && --last->refs == 0) {
        free(last->blob);
        free(last);
    }
}

static void set_extra_nonce(struct plab_template *tmpl, uint64_t extra_nonce) {
    uint8_t *reserved = tmpl->blob + tmpl->info.reserved_at;
    plab_store64_le(reserved, tmpl->info.instance);
    plab_store64_le(reserved + 8, extra_nonce);
}

size_t plab_template_hashing_blob(struct plab_template *tmpl, uint64_t extra_nonce,
                                  uint8_t out[PLAB_BLOCK_HASHING_MAX]) {
    if (tmpl->fixed) {
        memcpy(out, tmpl->blob, tmpl->block.len);
        plab_store32_le(out + tmpl->block.nonce_at, (uint32_t)extra_nonce << 24);
        return tmpl->block.len;
    }
    set_extra_nonce(tmpl, extra_nonce);
    memset(tmpl->blob + tmpl->block.nonce_at, 0, PLAB_BLOCK_NONCE_BYTES);
    return plab_block_hashing_blob(&tmpl->block, tmpl->blob, &tmpl->branch, out);
}

uint8_t *plab_template_block(struct plab_template *tmpl, uint64_t extra_nonce,
                             const uint8_t nonce[PLAB_BLOCK_NONCE_BYTES]) {
    uint8_t *block = malloc(tmpl->block.len);
    if (block != NULL) {
        set_extra_nonce(tmpl, extra_nonce);
        memcpy(block, tmpl->blob, tmpl->block.len);
        memcpy(block + tmpl->block.nonce_at, nonce, PLAB_BLOCK_NONCE_BYTES);
    }
    return block;
}
