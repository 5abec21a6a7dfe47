/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One hash, or with --batch a hash a line. RandomX runs in light mode unless asked; what was built
 * for a seed is kept until a line names another one.
 */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/hex.h"
#include "cli/jsonout.h"
#include "cli/memopt.h"
#include "cli/opt.h"
#include "cli/progress.h"
#include "cli/verbs.h"
#include "host/pages.h"
#include "host/seedstore.h"
#include "pow/hasher.h"
#include "pow/randomx.h"

/* One wish, decoded and checked. */
struct request {
    const struct plab_algo *algo;
    uint8_t input[PLAB_INPUT_MAX_BYTES];
    size_t input_len;
    uint8_t seed[PLAB_RX_KEY_MAX_BYTES];
    size_t seed_len;
    bool has_seed, has_height;
    uint64_t height;
};

/* What is kept between the lines of a batch. */
struct engine {
    const struct plab_cli *cli;
    const struct plab_mem_options *mem;
    enum plab_rx_mode mode;
    const struct plab_algo *algo;
    struct plab_pages scratchpad;
    struct plab_hasher *hasher;
    struct plab_progress progress;
    struct plab_seedstore *store;
    const struct plab_algo *store_algo;
};

struct result {
    uint8_t hash[PLAB_HASH_BYTES];
    uint8_t pow_value[PLAB_HASH_BYTES];
};

static void engine_close(struct engine *engine) {
    plab_hasher_destroy(&engine->hasher);
    plab_pages_unmap(&engine->scratchpad);
    plab_seedstore_destroy(&engine->store);
}

static enum plab_status use_algo(struct engine *engine, const struct plab_algo *algo,
                                 struct plab_error *err) {
    if (engine->algo == algo) {
        return PLAB_OK;
    }
    plab_hasher_destroy(&engine->hasher);
    plab_pages_unmap(&engine->scratchpad);
    engine->algo = NULL;
    enum plab_status status =
        plab_pages_map(&engine->scratchpad, algo->scratchpad_bytes,
                       (enum plab_page_policy)engine->mem->pages, PLAB_NUMA_ANY, err);
    if (status == PLAB_OK) {
        status = plab_hasher_create(&engine->hasher, algo, &engine->cli->kernels, 1,
                                    engine->scratchpad.addr);
        if (status != PLAB_OK) {
            plab_fail(err, status, "not enough memory for a hasher");
        }
    }
    if (status == PLAB_OK) {
        engine->algo = algo;
    }
    return status;
}

/* All CPUs that there are build a dataset; one builds a cache. */
static unsigned builder_threads(enum plab_rx_mode mode) {
    long cpus = mode == PLAB_RX_LIGHT ? 1 : sysconf(_SC_NPROCESSORS_ONLN);
    return cpus > 0 ? (unsigned)cpus : 1;
}

static enum plab_status open_store(struct engine *engine, const struct plab_algo *algo,
                                   struct plab_error *err) {
    const struct plab_seedstore_config config = {
        .algo = algo,
        .kernels = &engine->cli->kernels,
        .mode = engine->mode,
        .dataset_mem_bytes = engine->mem->dataset_mem,
        .pages = (enum plab_page_policy)engine->mem->pages,
        .numa = (enum plab_numa_policy)engine->mem->numa,
        .slots = 1,
        .threads = builder_threads(engine->mode),
        .progress = plab_progress_seed,
        .progress_cookie = &engine->progress,
    };
    engine->store_algo = algo;
    return plab_seedstore_create(&engine->store, &config, err);
}

static enum plab_status use_seed(struct engine *engine, const struct request *request,
                                 struct plab_error *err) {
    enum plab_status status = PLAB_OK;
    /* The store of one variant serves another with the same cache: rx/0 and rx/2. */
    if (engine->store != NULL && !plab_rx_same_dataset(engine->store_algo->rx, request->algo->rx)) {
        plab_seedstore_destroy(&engine->store);
    }
    if (engine->store == NULL) {
        status = open_store(engine, request->algo, err);
    }
    struct plab_seed_view view;
    if (status == PLAB_OK) {
        status =
            plab_seedstore_get(engine->store, request->seed, request->seed_len, NULL, &view, err);
        plab_progress_clear(&engine->progress);
    }
    if (status == PLAB_OK) {
        plab_hasher_set_seed(engine->hasher, view.cache, view.dataset, view.dataset_items);
    }
    return status;
}

/* Everything that can be refused is, before a cache is built for a second. */
static enum plab_status check_request(const struct request *request, struct plab_error *err) {
    const struct plab_algo *algo = request->algo;
    if (algo->needs_seed && !request->has_seed) {
        return plab_fail(err, PLAB_E_USAGE, "%s needs a seed: give --seed HEX (0 to %d bytes)",
                         algo->name, PLAB_RX_KEY_MAX_BYTES);
    }
    if (algo->needs_height && !request->has_height) {
        return plab_fail(err, PLAB_E_USAGE,
                         "%s needs the height of the block being mined: give --height N",
                         algo->name);
    }
    if (request->input_len < algo->min_input_bytes) {
        return plab_fail(err, PLAB_E_INPUT, "%s needs an input of at least %u bytes, not %zu",
                         algo->name, (unsigned)algo->min_input_bytes, request->input_len);
    }
    return PLAB_OK;
}

static enum plab_status hash_request(struct engine *engine, const struct request *request,
                                     struct result *result, struct plab_error *err) {
    enum plab_status status = check_request(request, err);
    if (status == PLAB_OK) {
        status = use_algo(engine, request->algo, err);
    }
    if (status == PLAB_OK && request->algo->needs_seed) {
        status = use_seed(engine, request, err);
    }
    if (status != PLAB_OK) {
        return status;
    }
    if (request->algo->needs_height) {
        plab_hasher_set_height(engine->hasher, request->height);
    }
    status = plab_hasher_check(engine->hasher, request->input_len, err);
    if (status == PLAB_OK) {
        plab_hasher_hash(engine->hasher, request->input, request->input_len, result->hash);
        plab_algo_pow_value(request->algo, request->input, request->input_len, result->hash,
                            result->pow_value);
    }
    return status;
}

static enum plab_status decode(const char *what, const char *hex, uint8_t *out, size_t cap,
                               size_t *len, struct plab_error *err) {
    struct plab_error inner = {.text = ""};
    enum plab_status status = plab_hex_decode(hex, strlen(hex), out, cap, len, &inner);
    return status == PLAB_OK ? PLAB_OK : plab_fail(err, status, "%s: %s", what, inner.text);
}

/* Fills a request from texts, each of which may be NULL; `height` NULL: none. */
static enum plab_status make_request(struct request *request, const char *algo, const char *input,
                                     const char *seed, const uint64_t *height,
                                     struct plab_error *err) {
    memset(request, 0, sizeof *request);
    enum plab_status status = plab_algo_find(algo, &request->algo, err);
    if (status == PLAB_OK) {
        status =
            decode("input", input, request->input, sizeof request->input, &request->input_len, err);
    }
    if (status == PLAB_OK && seed != NULL) {
        request->has_seed = true;
        status = decode("seed", seed, request->seed, sizeof request->seed, &request->seed_len, err);
    }
    if (height != NULL) {
        request->has_height = true;
        request->height = *height;
    }
    return status;
}

static json_t *result_json(const struct request *request, const struct result *result) {
    char hex[2 * PLAB_HASH_BYTES + 1];
    plab_hex_encode(result->hash, sizeof result->hash, hex);
    json_t *root = json_pack("{s:s, s:s}", "algo", request->algo->name, "hash", hex);
    if (root != NULL && request->algo->has_commitment) {
        plab_hex_encode(result->pow_value, sizeof result->pow_value, hex);
        json_object_set_new(root, "commitment", json_string(hex));
    }
    return root;
}

/* ---- batch ---- */

static enum plab_status request_from_json(struct request *request, const char *line,
                                          struct plab_error *err) {
    json_error_t json_err;
    json_t *root = json_loads(line, JSON_REJECT_DUPLICATES, &json_err);
    if (!json_is_object(root)) {
        json_decref(root);
        return plab_fail(err, PLAB_E_INPUT, "not a JSON object: %s", json_err.text);
    }
    const char *algo = json_string_value(json_object_get(root, "algo"));
    const char *input = json_string_value(json_object_get(root, "input"));
    const char *seed = json_string_value(json_object_get(root, "seed"));
    json_t *height_value = json_object_get(root, "height");
    uint64_t height = (uint64_t)json_integer_value(height_value);
    enum plab_status status;
    if (algo == NULL || input == NULL) {
        status = plab_fail(err, PLAB_E_INPUT, "\"algo\" and \"input\" must be strings");
    } else if (height_value != NULL &&
               (!json_is_integer(height_value) || json_integer_value(height_value) < 0)) {
        status = plab_fail(err, PLAB_E_INPUT, "\"height\" must be a non-negative integer");
    } else {
        status =
            make_request(request, algo, input, seed, height_value != NULL ? &height : NULL, err);
    }
    json_decref(root);
    return status;
}

static void print_line(json_t *object) {
    char *text = json_dumps(object, JSON_COMPACT);
    puts(text != NULL ? text : "{\"error\":\"out of memory\"}");
    free(text);
    json_decref(object);
}

/* A bad line gets an answer in its place and doesn't stop the others; the exit code tells of it. */
static enum plab_status run_batch(struct engine *engine, struct plab_error *err) {
    char *line = NULL;
    size_t cap = 0, number = 0, bad = 0;
    enum plab_status first_bad = PLAB_OK;
    while (getline(&line, &cap, stdin) >= 0) {
        struct request request;
        struct result result;
        struct plab_error line_err = {.text = ""};
        number++;
        if (line[strspn(line, " \t\r\n")] == '\0') {
            continue;
        }
        enum plab_status status = request_from_json(&request, line, &line_err);
        if (status == PLAB_OK) {
            status = hash_request(engine, &request, &result, &line_err);
        }
        if (status == PLAB_OK) {
            print_line(result_json(&request, &result));
        } else {
            print_line(json_pack("{s:I, s:s}", "line", (json_int_t)number, "error", line_err.text));
            first_bad = bad++ == 0 ? status : first_bad;
        }
        fflush(stdout);
    }
    free(line);
    if (bad > 0) {
        plab_fail(err, first_bad, "%zu of %zu lines could not be hashed; each has its reason", bad,
                  number);
    }
    return first_bad;
}

/* ---- one hash ---- */

static const struct plab_verb verb = {
    .name = "hash",
    .summary = "one hash, for scripts and cross-checks",
    .usage = "-a ALGO --input HEX [--seed HEX] [--height N] | --batch",
    .examples = "  powlab hash -a rx/0 --seed 74657374206b657920303030 --input 54686973\n"
                "  powlab hash -a cn/r --height 1806260 --input 5468697320697320612074657374\n"
                "  powlab hash --batch < requests.jsonl\n",
    .notes =
        "--batch reads {\"algo\":..,\"input\":HEX,\"seed\":HEX,\"height\":N} a line and "
        "prints a\nJSON object a line: {\"algo\":..,\"hash\":HEX} or {\"line\":N,\"error\":..}."
        "\nrx/2 has a commitment as well, which is what a pool compares with its target:\nsee "
        "--commitment and --json.\n",
    .has_json = true,
    .has_kernels = true,
};

static enum plab_status run_one(struct engine *engine, const struct request *request,
                                bool commitment, struct plab_error *err) {
    struct result result;
    enum plab_status status = hash_request(engine, request, &result, err);
    if (status != PLAB_OK) {
        return status;
    }
    if (engine->cli->json != NULL) {
        json_t *root = result_json(request, &result);
        json_object_set_new(root, "schema", json_string("powlab-hash/1"));
        json_object_set_new(root, "kernels",
                            plab_json_kernels(&engine->cli->kernels, request->algo));
        status = plab_json_emit(root, engine->cli->json, err);
    }
    if (engine->cli->json == NULL || strcmp(engine->cli->json, "-") != 0) {
        char hex[2 * PLAB_HASH_BYTES + 1];
        plab_hex_encode(commitment ? result.pow_value : result.hash, PLAB_HASH_BYTES, hex);
        puts(hex);
    }
    return status;
}

enum plab_status plab_cmd_hash(int argc, char **argv, struct plab_error *err) {
    const char *algo = "rx/0", *input = NULL, *seed = NULL, *height_text = NULL;
    bool batch = false, commitment = false, helped;
    struct plab_mem_options mem = PLAB_MEM_OPTIONS_INIT;
    enum plab_rx_mode mode = PLAB_RX_LIGHT;
    const struct plab_opt opts[] = {
        {'a', "algo", PLAB_OPT_TEXT, &algo, "NAME", "algorithm (default rx/0)", 0, 0, NULL},
        {'i', "input", PLAB_OPT_TEXT, &input, "HEX", "bytes to hash", 0, 0, NULL},
        {'s', "seed", PLAB_OPT_TEXT, &seed, "HEX", "RandomX key, 0 to 60 bytes", 0, 0, NULL},
        {0, "height", PLAB_OPT_TEXT, &height_text, "N", "block height (cn/r)", 0, 0, NULL},
        {0, "commitment", PLAB_OPT_FLAG, &commitment, NULL, "print rx/2's commitment instead", 0, 0,
         NULL},
        PLAB_MEM_OPTS(&mem, "light (default), fast or auto"),
        {0, "batch", PLAB_OPT_FLAG, &batch, NULL, "a JSON request a line from stdin", 0, 0, NULL},
    };
    struct plab_cli cli;
    size_t operands;
    uint64_t height = 0;
    enum plab_status status = plab_opt_parse(&cli, &verb, opts, PLAB_ARRAY_LEN(opts), argc, argv,
                                             NULL, 0, &operands, &helped, err);
    if (status == PLAB_OK && !helped && height_text != NULL) {
        status = plab_opt_parse_u64("--height", height_text, 0, 0, &height, err);
    }
    if (status == PLAB_OK && !helped) {
        status = plab_mem_options_mode(&mem, PLAB_RX_LIGHT, &mode, err);
    }
    if (status != PLAB_OK || helped) {
        return status;
    }
    struct engine engine = {.cli = &cli, .mem = &mem, .mode = mode};
    plab_progress_open(&engine.progress, &cli);
    struct request request;
    if (batch) {
        status = run_batch(&engine, err);
    } else if (input == NULL) {
        status = plab_fail(err, PLAB_E_USAGE, "nothing to hash: give --input HEX or --batch");
    } else {
        status =
            make_request(&request, algo, input, seed, height_text != NULL ? &height : NULL, err);
        if (status == PLAB_OK) {
            status = run_one(&engine, &request, commitment, err);
        }
    }
    engine_close(&engine);
    return status;
}
