/* SPDX-License-Identifier: BSD-3-Clause */
/* A daemon's answers: the lab-only rule, templates that must agree with themselves, blocks. */
#include <stdio.h>
#include <stdlib.h>

#include "daemon/rpc_msg.h"
#include "tests/harness.h"
#include "tests/vector_file.h"

static enum plab_status info(const char *result, struct plab_rpc_info *out) {
    static char body[1000];
    struct plab_error err;
    int len =
        snprintf(body, sizeof body, "{\"id\":\"0\",\"jsonrpc\":\"2.0\",\"result\":%s}", result);
    return plab_rpc_parse_info(body, (size_t)len, out, &err);
}

TEST(daemon_msg, only_lab_networks) {
    struct plab_rpc_info out;
    CHECK(info("{\"nettype\":\"fakechain\",\"mainnet\":false,\"height\":7,"
               "\"top_block_hash\":\"ab\"}",
               &out) == PLAB_OK);
    CHECK_U64(out.height, 7);
    CHECK_STR(out.top, "ab");
    CHECK(info("{\"nettype\":\"testnet\",\"mainnet\":false,\"height\":1}", &out) == PLAB_OK);
    CHECK(info("{\"nettype\":\"stagenet\",\"mainnet\":false,\"height\":1}", &out) == PLAB_OK);
    static const char *const refused[] = {
        "{\"nettype\":\"mainnet\",\"mainnet\":true,\"height\":1}",
        "{\"nettype\":\"mainnet\",\"mainnet\":false,\"height\":1}",
        "{\"nettype\":\"fakechain\",\"mainnet\":true,\"height\":1}",
        "{\"nettype\":\"fakechain\",\"height\":1}",
        "{\"nettype\":\"fakechain\",\"mainnet\":0,\"height\":1}",
        "{\"mainnet\":false,\"height\":1}",
        "{\"nettype\":\"\",\"mainnet\":false,\"height\":1}",
        "{\"nettype\":[\"fakechain\"],\"mainnet\":false,\"height\":1}",
        "{}",
    };
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        CHECK_MSG(info(refused[i], &out) == PLAB_E_REFUSED, "%s", refused[i]);
    }
    CHECK(info("{\"nettype\":\"testnet\",\"mainnet\":false,\"height\":-1}", &out) ==
          PLAB_E_PROTOCOL);
    CHECK(info("{\"nettype\":\"testnet\",\"mainnet\":false}", &out) == PLAB_E_PROTOCOL);
    CHECK(info("null", &out) == PLAB_E_PROTOCOL);
    CHECK(info("[]", &out) == PLAB_E_PROTOCOL);
    CHECK(info("{", &out) == PLAB_E_PROTOCOL);
}

TEST(daemon_msg, deep_nesting_is_refused) {
    static char body[200001];
    struct plab_rpc_info out;
    memset(body, '[', sizeof body - 1);
    CHECK(plab_rpc_parse_info(body, sizeof body - 1, &out, NULL) == PLAB_E_PROTOCOL);
    CHECK(plab_rpc_parse_info(NULL, 0, &out, NULL) == PLAB_E_PROTOCOL);
}

struct answer {
    char hashing[1000], template[6000];
    uint64_t height, reserved;
    const char *seed, *next_seed;
};

static enum plab_status parse(const struct answer *answer, struct plab_template **out) {
    static char body[9000];
    struct plab_error err;
    int len = snprintf(body, sizeof body,
                       "{\"result\":{\"blockhashing_blob\":\"%s\",\"blocktemplate_blob\":\"%s\","
                       "\"difficulty\":100,\"difficulty_top64\":0,\"height\":%llu,"
                       "\"next_seed_hash\":\"%s\",\"reserved_offset\":%llu,\"seed_hash\":\"%s\","
                       "\"status\":\"OK\"}}",
                       answer->hashing, answer->template, (unsigned long long)answer->height,
                       answer->next_seed, (unsigned long long)answer->reserved, answer->seed);
    return plab_rpc_parse_template(body, (size_t)len, 99, out, &err);
}

static void good_answer(struct answer *answer) {
    static struct plab_vector_file file;
    plab_vector_open(&file, "tests/vectors/monero_template.txt");
    CHECK(plab_vector_next(&file) && plab_vector_next(&file));
    snprintf(answer->template, sizeof answer->template, "%s", plab_vector_text(&file, 0));
    snprintf(answer->hashing, sizeof answer->hashing, "%s", plab_vector_text(&file, 1));
    answer->height = plab_vector_u64(&file, 2);
    answer->reserved = plab_vector_u64(&file, 3);
    answer->seed = "418015bb9ae982a1975da7d79277c2705727a56894ba0fb246adaabb1f4632e3";
    answer->next_seed = "";
    plab_vector_close(&file);
}

TEST(daemon_msg, template) {
    static struct answer answer;
    struct plab_template *tmpl;
    good_answer(&answer);
    CHECK(parse(&answer, &tmpl) == PLAB_OK);
    CHECK_U64(tmpl->info.height, 91);
    CHECK_U64(tmpl->info.difficulty, 100);
    CHECK(tmpl->info.has_seed && !tmpl->info.has_next_seed);
    CHECK_U64(tmpl->info.seed[0], 0x41);
    plab_template_unref(&tmpl);
    answer.next_seed = answer.seed;
    CHECK(parse(&answer, &tmpl) == PLAB_OK);
    CHECK(tmpl->info.has_next_seed);
    plab_template_unref(&tmpl);
}

TEST(daemon_msg, templates_that_contradict_themselves) {
    static struct answer answer;
    struct plab_template *tmpl;
    good_answer(&answer);
    answer.hashing[150] ^= 1; /* the root */
    CHECK(parse(&answer, &tmpl) == PLAB_E_MISMATCH);
    CHECK(tmpl == NULL);
    good_answer(&answer);
    answer.height++;
    CHECK(parse(&answer, &tmpl) == PLAB_E_PROTOCOL);
    good_answer(&answer);
    answer.reserved = 100000;
    CHECK(parse(&answer, &tmpl) == PLAB_E_PROTOCOL);
    good_answer(&answer);
    answer.reserved -= 5;
    CHECK(parse(&answer, &tmpl) == PLAB_E_PROTOCOL);
    good_answer(&answer);
    answer.seed = "41";
    CHECK(parse(&answer, &tmpl) == PLAB_E_PROTOCOL);
    good_answer(&answer);
    answer.template[11] = 'g';
    CHECK(parse(&answer, &tmpl) == PLAB_E_PROTOCOL);
    good_answer(&answer);
    answer.template[300] = '\0';
    CHECK(parse(&answer, &tmpl) == PLAB_E_PROTOCOL);
    static const char error[] = "{\"error\":{\"code\":-9,\"message\":\"Core is busy\"}}";
    CHECK(plab_rpc_parse_template(error, sizeof error - 1, 0, &tmpl, NULL) == PLAB_E_PROTOCOL);
}

TEST(daemon_msg, submit) {
    static const struct {
        const char *body;
        enum plab_status status;
    } cases[] = {
        {"{\"result\":{\"status\":\"OK\"}}", PLAB_OK},
        {"{\"error\":{\"code\":-7,\"message\":\"Block not accepted\"}}", PLAB_E_FAILED},
        {"{\"result\":{\"status\":\"BUSY\"}}", PLAB_E_FAILED},
        {"{\"result\":{}}", PLAB_E_FAILED},
        {"{\"result\":null}", PLAB_E_PROTOCOL},
        {"nonsense", PLAB_E_PROTOCOL},
    };
    struct plab_error err;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        CHECK_MSG(plab_rpc_parse_submit(cases[i].body, strlen(cases[i].body), &err) ==
                      cases[i].status,
                  "%s", cases[i].body);
    }
    static const uint8_t block[] = {0x10, 0xff, 0x00};
    char *text = plab_rpc_build_submit(block, sizeof block);
    CHECK(strstr(text, "\"submit_block\"") != NULL && strstr(text, "[\"10ff00\"]") != NULL);
    free(text);
}

TEST(daemon_msg, wallets) {
    CHECK(plab_rpc_check_wallet(PLAB_RPC_LAB_WALLET, NULL) == PLAB_OK);
    CHECK_U64(strlen(PLAB_RPC_LAB_WALLET), 95);
    CHECK(plab_rpc_check_wallet("", NULL) == PLAB_E_USAGE);
    CHECK(plab_rpc_check_wallet("worker1", NULL) == PLAB_E_USAGE);
    char wallet[] = PLAB_RPC_LAB_WALLET;
    wallet[5] = '0'; /* not a base58 digit */
    CHECK(plab_rpc_check_wallet(wallet, NULL) == PLAB_E_USAGE);
    char *text = plab_rpc_build_get_template(PLAB_RPC_LAB_WALLET);
    CHECK(strstr(text, "\"reserve_size\":16") != NULL);
    free(text);
}
