/* SPDX-License-Identifier: BSD-3-Clause */
#include "arch/cpu.h"
#include "cli/opt.h"
#include "tests/harness.h"

struct values {
    bool flag;
    const char *text;
    struct plab_opt_list list;
    uint64_t number, bytes, duration_ms;
    int choice;
};

static const char *const choices[] = {"auto", "fast", "light", NULL};

static const struct plab_verb verb = {
    .name = "test",
    .summary = "s",
    .usage = "u",
    .has_json = true,
    .has_kernels = true,
};

struct parsed {
    struct values v;
    struct plab_cli cli;
    struct plab_error err;
    const char *operands[2];
    size_t operand_count;
    bool helped;
    enum plab_status status;
};

static void parse(struct parsed *p, int argc, char **argv) {
    memset(p, 0, sizeof *p);
    const struct plab_opt opts[] = {
        {'f', "flag", PLAB_OPT_FLAG, &p->v.flag, NULL, "h", 0, 0, NULL},
        {'o', "text", PLAB_OPT_TEXT, &p->v.text, "T", "h", 0, 0, NULL},
        {'l', "list", PLAB_OPT_LIST, &p->v.list, "L", "h", 0, 0, NULL},
        {'t', "threads", PLAB_OPT_U64, &p->v.number, "N", "h", 1, 64, NULL},
        {0, "memory", PLAB_OPT_BYTES, &p->v.bytes, "SIZE", "h", 0, 0, NULL},
        {0, "duration", PLAB_OPT_DURATION, &p->v.duration_ms, "TIME", "h", 0, 3600000, NULL},
        {0, "mode", PLAB_OPT_CHOICE, &p->v.choice, "MODE", "h", 0, 0, choices},
    };
    p->status = plab_opt_parse(&p->cli, &verb, opts, PLAB_ARRAY_LEN(opts), argc, argv, p->operands,
                               2, &p->operand_count, &p->helped, &p->err);
}

#define PARSE(p, ...)                                           \
    do {                                                        \
        static char words[][32] = {"test", __VA_ARGS__};        \
        char *argv_[PLAB_ARRAY_LEN(words)];                     \
        for (size_t i_ = 0; i_ < PLAB_ARRAY_LEN(words); i_++) { \
            argv_[i_] = words[i_];                              \
        }                                                       \
        parse((p), (int)PLAB_ARRAY_LEN(words), argv_);          \
    } while (0)

TEST(opt, every_form_of_every_type) {
    struct parsed p;
    PARSE(&p, "-f", "-o", "x", "-l1", "--list=2", "--threads", "3", "--memory=2GiB", "--duration",
          "2m", "--mode", "light", "operand");
    CHECK_MSG(p.status == PLAB_OK, "%s", p.err.text);
    CHECK(p.v.flag);
    CHECK_STR(p.v.text, "x");
    CHECK_U64(p.v.list.count, 2);
    CHECK_STR(p.v.list.items[1], "2");
    CHECK_U64(p.v.number, 3);
    CHECK_U64(p.v.bytes, UINT64_C(2) << 30);
    CHECK_U64(p.v.duration_ms, 120000);
    CHECK_U64(p.v.choice, 2);
    CHECK_U64(p.operand_count, 1);
    CHECK_STR(p.operands[0], "operand");
}

TEST(opt, two_dashes_end_the_options) {
    struct parsed p;
    PARSE(&p, "--", "--threads", "-");
    CHECK(p.status == PLAB_OK);
    CHECK_U64(p.operand_count, 2);
    CHECK_STR(p.operands[0], "--threads");
}

static void refused(const struct parsed *p, const char *part) {
    CHECK(p->status == PLAB_E_USAGE);
    CHECK_MSG(strstr(p->err.text, part) != NULL, "\"%s\" lacks \"%s\"", p->err.text, part);
}

TEST(opt, errors_name_thing_value_and_remedy) {
    struct parsed p;
    PARSE(&p, "--thread", "3");
    refused(&p, "did you mean --threads");
    PARSE(&p, "-x");
    refused(&p, "unknown option -x");
    PARSE(&p, "--threads");
    refused(&p, "needs a value");
    PARSE(&p, "--threads", "0");
    refused(&p, "--threads 0 is outside 1..64");
    PARSE(&p, "--threads", "-1");
    refused(&p, "\"-1\" is not a decimal number");
    PARSE(&p, "--threads", "18446744073709551616");
    refused(&p, "not a decimal number");
    PARSE(&p, "--memory", "2GB");
    refused(&p, "2GiB");
    PARSE(&p, "--memory", "18446744073709551615GiB");
    refused(&p, "is not a size");
    PARSE(&p, "--duration", "1d");
    refused(&p, "is not a duration");
    PARSE(&p, "--duration", "2h");
    refused(&p, "outside");
    PARSE(&p, "--mode", "quick");
    refused(&p, "not one of auto, fast, light");
    PARSE(&p, "--flag=1");
    refused(&p, "takes no value");
    PARSE(&p, "a", "b", "c");
    refused(&p, "unexpected argument \"c\"");
    PARSE(&p, "--cpu-mask", "sse9");
    refused(&p, "sse9");
}

TEST(opt, a_mask_of_nothing_leaves_portable_kernels) {
    struct parsed p;
    PARSE(&p, "--cpu-mask", "none");
    CHECK(p.status == PLAB_OK);
    CHECK_U64(p.cli.features, 0);
    for (int i = 0; i < PLAB_KERNEL_COUNT; i++) {
        CHECK_STR(p.cli.kernels.isa[i], "c");
    }
    PARSE(&p, "-q");
    CHECK_U64(p.cli.features, plab_cpu_detect());
}
