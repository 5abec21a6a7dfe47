/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli/opt.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "arch/cpu.h"
#include "arch/dispatch.h"
#include "base/suggest.h"

#define MAX_OPTS 64

static const char *const color_choices[] = {"auto", "always", "never", NULL};

struct opt_set {
    struct plab_opt items[MAX_OPTS];
    size_t count;
    bool help_short, help_full;
};

static void add(struct opt_set *set, struct plab_opt opt) {
    set->items[set->count++] = opt;
}

static void collect(struct opt_set *set, struct plab_cli *cli, const struct plab_verb *verb,
                    const struct plab_opt *opts, size_t count) {
    for (size_t i = 0; i < count && set->count < MAX_OPTS - 8; i++) {
        add(set, opts[i]);
    }
    if (verb->has_kernels) {
        add(set, (struct plab_opt){0, "cpu-mask", PLAB_OPT_TEXT, &cli->cpu_mask, "LIST",
                                   "use only these CPU features (\"none\": portable code only)", 0,
                                   0, NULL});
    }
    if (verb->has_json) {
        add(set, (struct plab_opt){0, "json", PLAB_OPT_TEXT, &cli->json, "FILE|-",
                                   "write the result as JSON to a file or to stdout", 0, 0, NULL});
    }
    add(set, (struct plab_opt){0, "color", PLAB_OPT_CHOICE, &cli->color, "WHEN",
                               "auto (default), always or never; NO_COLOR is honoured", 0, 0,
                               color_choices});
    add(set, (struct plab_opt){'q', "quiet", PLAB_OPT_FLAG, &cli->quiet, NULL,
                               "errors only on stderr", 0, 0, NULL});
    add(set, (struct plab_opt){'v', "verbose", PLAB_OPT_FLAG, &cli->verbose, NULL, "more on stderr",
                               0, 0, NULL});
    add(set, (struct plab_opt){'h', NULL, PLAB_OPT_FLAG, &set->help_short, NULL, "options in brief",
                               0, 0, NULL});
    add(set, (struct plab_opt){0, "help", PLAB_OPT_FLAG, &set->help_full, NULL,
                               "examples, options, exit codes", 0, 0, NULL});
}

static void print_option(const struct plab_opt *opt) {
    char left[64];
    char letter[8] = "    ";
    if (opt->letter != 0) {
        snprintf(letter, sizeof letter, "-%c%s", opt->letter, opt->name != NULL ? ", " : "");
    }
    snprintf(left, sizeof left, "%s%s%s%s%s", letter, opt->name != NULL ? "--" : "",
             opt->name != NULL ? opt->name : "", opt->arg != NULL ? " " : "",
             opt->arg != NULL ? opt->arg : "");
    if (strlen(left) <= 24) {
        printf("  %-24s %s\n", left, opt->help);
    } else {
        printf("  %s\n  %-24s %s\n", left, "", opt->help);
    }
}

static const char *program_of(const struct plab_verb *verb) {
    return verb->standalone ? "" : "powlab ";
}

static void print_help(const struct opt_set *set, const struct plab_verb *verb) {
    printf("%s%s: %s\n\n", program_of(verb), verb->name, verb->summary);
    if (set->help_full && verb->examples != NULL) {
        printf("Examples:\n%s\n", verb->examples);
    }
    printf("Usage: %s%s %s\n\nOptions:\n", program_of(verb), verb->name, verb->usage);
    for (size_t i = 0; i < set->count; i++) {
        print_option(&set->items[i]);
    }
    if (!set->help_full) {
        printf("\n--help has examples and exit codes.\n");
        return;
    }
    if (verb->notes != NULL) {
        printf("\n%s", verb->notes);
    }
    printf("\nExit codes:\n"
           "  0  success, result verified      5  not supported here\n"
           "  1  the thing itself failed       6  network or peer\n"
           "  2  usage or configuration        7  measured, not to be trusted (--strict)\n"
           "  3  a resource is missing         8  refused by the lab-only rule\n"
           "  4  wrong result                  130/143  interrupted/terminated\n");
}

/* Splits a leading decimal number from its unit. False when there is no number or it overflows. */
static bool split_number(const char *text, uint64_t *number, const char **unit) {
    if (text[0] < '0' || text[0] > '9') {
        return false;
    }
    uint64_t value = 0;
    const char *p = text;
    for (; *p >= '0' && *p <= '9'; p++) {
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, (uint64_t)(*p - '0'), &value)) {
            return false;
        }
    }
    *number = value;
    *unit = p;
    return true;
}

static enum plab_status check_range(const char *what, const char *text, uint64_t value,
                                    uint64_t min, uint64_t max, struct plab_error *err) {
    if (value < min || (max != 0 && value > max)) {
        return max != 0 ? plab_fail(err, PLAB_E_USAGE, "%s %s is outside %llu..%llu", what, text,
                                    (unsigned long long)min, (unsigned long long)max)
                        : plab_fail(err, PLAB_E_USAGE, "%s %s is below the minimum of %llu", what,
                                    text, (unsigned long long)min);
    }
    return PLAB_OK;
}

enum plab_status plab_opt_parse_u64(const char *what, const char *text, uint64_t min, uint64_t max,
                                    uint64_t *out, struct plab_error *err) {
    const char *unit;
    uint64_t value;
    if (!split_number(text, &value, &unit) || *unit != '\0') {
        return plab_fail(err, PLAB_E_USAGE, "%s \"%s\" is not a decimal number", what, text);
    }
    enum plab_status status = check_range(what, text, value, min, max, err);
    if (status == PLAB_OK) {
        *out = value;
    }
    return status;
}

struct unit {
    const char *name;
    uint64_t factor;
};

static enum plab_status parse_with_unit(const char *what, const char *text,
                                        const struct unit *units, const char *accepted,
                                        uint64_t *out, struct plab_error *err) {
    const char *name;
    uint64_t value;
    if (split_number(text, &value, &name)) {
        for (const struct unit *unit = units; unit->name != NULL; unit++) {
            if (strcmp(name, unit->name) == 0 &&
                !__builtin_mul_overflow(value, unit->factor, &value)) {
                *out = value;
                return PLAB_OK;
            }
        }
    }
    return plab_fail(err, PLAB_E_USAGE, "%s \"%s\" is not %s", what, text, accepted);
}

enum plab_status plab_opt_parse_duration(const char *what, const char *text, uint64_t *out_ms,
                                         struct plab_error *err) {
    static const struct unit units[] = {{"", 1000},   {"ms", 1},          {"s", 1000},
                                        {"m", 60000}, {"h", 3600 * 1000}, {NULL, 0}};
    return parse_with_unit(what, text, units, "a duration such as 500ms, 60s, 2m or 1h", out_ms,
                           err);
}

static enum plab_status parse_bytes(const char *what, const char *text, uint64_t *out,
                                    struct plab_error *err) {
    static const struct unit units[] = {{"", 1},
                                        {"KiB", UINT64_C(1) << 10},
                                        {"MiB", UINT64_C(1) << 20},
                                        {"GiB", UINT64_C(1) << 30},
                                        {NULL, 0}};
    return parse_with_unit(what, text, units, "a size such as 4096, 512KiB, 64MiB or 2GiB", out,
                           err);
}

static enum plab_status parse_choice(const char *what, const struct plab_opt *opt, const char *text,
                                     struct plab_error *err) {
    char all[200] = "";
    for (int i = 0; opt->choices[i] != NULL; i++) {
        if (strcmp(text, opt->choices[i]) == 0) {
            *(int *)opt->value = i;
            return PLAB_OK;
        }
        size_t used = strlen(all);
        snprintf(all + used, sizeof all - used, "%s%s", i > 0 ? ", " : "", opt->choices[i]);
    }
    return plab_fail(err, PLAB_E_USAGE, "%s \"%s\" is not one of %s", what, text, all);
}

static enum plab_status parse_limited(const char *what, const struct plab_opt *opt,
                                      const char *text, struct plab_error *err) {
    uint64_t value;
    enum plab_status status = opt->type == PLAB_OPT_BYTES
                                  ? parse_bytes(what, text, &value, err)
                                  : plab_opt_parse_duration(what, text, &value, err);
    if (status == PLAB_OK) {
        status = check_range(what, text, value, opt->min, opt->max, err);
    }
    if (status == PLAB_OK) {
        *(uint64_t *)opt->value = value;
    }
    return status;
}

static enum plab_status append(const char *what, struct plab_opt_list *list, const char *text,
                               struct plab_error *err) {
    if (list->count == PLAB_OPT_LIST_MAX) {
        return plab_fail(err, PLAB_E_USAGE, "%s was given more than %d times", what,
                         PLAB_OPT_LIST_MAX);
    }
    list->items[list->count++] = text;
    return PLAB_OK;
}

static enum plab_status store(const struct plab_opt *opt, const char *text,
                              struct plab_error *err) {
    char what[64];
    if (opt->name != NULL) {
        snprintf(what, sizeof what, "--%s", opt->name);
    } else {
        snprintf(what, sizeof what, "-%c", opt->letter);
    }
    switch (opt->type) {
    case PLAB_OPT_FLAG:
        *(bool *)opt->value = true;
        return PLAB_OK;
    case PLAB_OPT_TEXT:
        *(const char **)opt->value = text;
        return PLAB_OK;
    case PLAB_OPT_LIST:
        return append(what, opt->value, text, err);
    case PLAB_OPT_U64:
        return plab_opt_parse_u64(what, text, opt->min, opt->max, opt->value, err);
    case PLAB_OPT_BYTES:
    case PLAB_OPT_DURATION:
        return parse_limited(what, opt, text, err);
    case PLAB_OPT_CHOICE:
        return parse_choice(what, opt, text, err);
    }
    return PLAB_E_USAGE;
}

static const struct plab_opt *find_long(const struct opt_set *set, const char *name, size_t len) {
    for (size_t i = 0; i < set->count; i++) {
        const char *candidate = set->items[i].name;
        if (candidate != NULL && strlen(candidate) == len && memcmp(candidate, name, len) == 0) {
            return &set->items[i];
        }
    }
    return NULL;
}

static const struct plab_opt *find_letter(const struct opt_set *set, char letter) {
    for (size_t i = 0; i < set->count; i++) {
        if (set->items[i].letter == letter) {
            return &set->items[i];
        }
    }
    return NULL;
}

static enum plab_status unknown_option(const struct opt_set *set, const struct plab_verb *verb,
                                       const char *arg, struct plab_error *err) {
    const char *names[MAX_OPTS];
    size_t count = 0;
    for (size_t i = 0; i < set->count; i++) {
        if (set->items[i].name != NULL) {
            names[count++] = set->items[i].name;
        }
    }
    const char *near = strncmp(arg, "--", 2) == 0 ? plab_suggest(arg + 2, names, count) : NULL;
    if (near != NULL) {
        return plab_fail(err, PLAB_E_USAGE, "unknown option %s; did you mean --%s?", arg, near);
    }
    return plab_fail(err, PLAB_E_USAGE, "unknown option %s; see %s%s -h", arg, program_of(verb),
                     verb->name);
}

/* Handles argv[*at], an option; moves *at over a value that stands apart. */
static enum plab_status parse_option(const struct opt_set *set, const struct plab_verb *verb,
                                     int argc, char **argv, int *at, struct plab_error *err) {
    const char *arg = argv[*at];
    const struct plab_opt *opt;
    const char *value = NULL;
    if (arg[1] == '-') {
        const char *equals = strchr(arg, '=');
        size_t len = equals != NULL ? (size_t)(equals - arg) - 2 : strlen(arg) - 2;
        opt = find_long(set, arg + 2, len);
        value = equals != NULL ? equals + 1 : NULL;
    } else {
        opt = find_letter(set, arg[1]);
        value = arg[2] != '\0' ? arg + 2 : NULL;
    }
    if (opt == NULL) {
        return unknown_option(set, verb, arg, err);
    }
    if (opt->type == PLAB_OPT_FLAG) {
        if (value != NULL) {
            return plab_fail(err, PLAB_E_USAGE, "option %s takes no value", arg);
        }
        return store(opt, NULL, err);
    }
    if (value == NULL) {
        if (*at + 1 >= argc) {
            return plab_fail(err, PLAB_E_USAGE, "option %s needs a value (%s)", arg, opt->arg);
        }
        value = argv[++*at];
    }
    return store(opt, value, err);
}

static bool paint(int color, int fd) {
    const char *no_color = getenv("NO_COLOR");
    const char *term = getenv("TERM");
    if (color != 0) {
        return color == 1;
    }
    return isatty(fd) != 0 && (no_color == NULL || no_color[0] == '\0') &&
           !(term != NULL && strcmp(term, "dumb") == 0);
}

static enum plab_status finish(struct plab_cli *cli, struct plab_error *err) {
    uint32_t mask = UINT32_MAX;
    if (cli->cpu_mask != NULL) {
        enum plab_status status = plab_cpu_parse_mask(cli->cpu_mask, &mask, err);
        if (status != PLAB_OK) {
            return status;
        }
    }
    cli->features = plab_cpu_detect() & mask;
    plab_kernels_select(&cli->kernels, cli->features);
    cli->color_out = paint(cli->color, STDOUT_FILENO);
    cli->color_err = paint(cli->color, STDERR_FILENO);
    cli->log = (struct plab_log){
        .level = cli->quiet     ? PLAB_LOG_ERROR
                 : cli->verbose ? PLAB_LOG_DEBUG
                                : PLAB_LOG_INFO,
        .colour = cli->color_err,
        .tag = cli->verb,
    };
    return PLAB_OK;
}

enum plab_status plab_opt_parse(struct plab_cli *cli, const struct plab_verb *verb,
                                const struct plab_opt *opts, size_t opt_count, int argc,
                                char **argv, const char **operands, size_t operand_cap,
                                size_t *operand_count, bool *helped, struct plab_error *err) {
    struct opt_set set = {.count = 0};
    bool only_operands = false;
    memset(cli, 0, sizeof *cli);
    cli->verb = verb->name;
    *helped = false;
    *operand_count = 0;
    collect(&set, cli, verb, opts, opt_count);
    for (int i = 1; i < argc; i++) {
        if (!only_operands && strcmp(argv[i], "--") == 0) {
            only_operands = true;
        } else if (!only_operands && argv[i][0] == '-' && argv[i][1] != '\0') {
            enum plab_status status = parse_option(&set, verb, argc, argv, &i, err);
            if (status != PLAB_OK) {
                return status;
            }
        } else if (*operand_count < operand_cap) {
            operands[(*operand_count)++] = argv[i];
        } else {
            return plab_fail(err, PLAB_E_USAGE, "unexpected argument \"%s\"; see %s%s -h", argv[i],
                             program_of(verb), verb->name);
        }
    }
    if (set.help_short || set.help_full) {
        print_help(&set, verb);
        *helped = true;
        return PLAB_OK;
    }
    return finish(cli, err);
}
