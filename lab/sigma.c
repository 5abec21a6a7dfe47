/* SPDX-License-Identifier: BSD-3-Clause */
#include "lab/sigma.h"

#include <ctype.h>
#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <yaml.h>

#include "base/attr.h"

#define TOKENS_MAX 64

enum how { EQUALS, CONTAINS, STARTS_WITH, ENDS_WITH };

struct plab_sigma {
    yaml_document_t *document; /* owned */
    yaml_node_t *detection;
    const char *title;
    char *tokens[TOKENS_MAX + 1]; /* of the condition, ended by NULL */
};

/* ---- the tree of nodes ---- */

static const char *text_of(const yaml_node_t *node) {
    return node != NULL && node->type == YAML_SCALAR_NODE ? (const char *)node->data.scalar.value
                                                          : NULL;
}

static yaml_node_t *child(yaml_document_t *document, const yaml_node_t *node, const char *key) {
    if (node == NULL || node->type != YAML_MAPPING_NODE) {
        return NULL;
    }
    for (yaml_node_pair_t *pair = node->data.mapping.pairs.start;
         pair < node->data.mapping.pairs.top; pair++) {
        const char *name = text_of(yaml_document_get_node(document, pair->key));
        if (name != NULL && strcmp(name, key) == 0) {
            return yaml_document_get_node(document, pair->value);
        }
    }
    return NULL;
}

/* ---- one field of a selection ---- */

/* Splits "FIELD|modifier|all"; false for a modifier that isn't known. */
static bool split_key(const char *key, char *field, size_t cap, enum how *how, bool *all) {
    static const struct {
        const char *word;
        enum how how;
    } modifiers[] = {{"contains", CONTAINS}, {"startswith", STARTS_WITH}, {"endswith", ENDS_WITH}};
    size_t len = strcspn(key, "|");
    *how = EQUALS;
    *all = false;
    snprintf(field, cap, "%.*s", (int)len, key);
    for (const char *at = key + len; *at == '|';) {
        size_t word_len = strcspn(++at, "|");
        bool known = word_len == 3 && strncmp(at, "all", 3) == 0;
        *all = *all || known;
        for (size_t i = 0; i < PLAB_ARRAY_LEN(modifiers); i++) {
            if (strlen(modifiers[i].word) == word_len &&
                strncmp(at, modifiers[i].word, word_len) == 0) {
                *how = modifiers[i].how;
                known = true;
            }
        }
        if (!known) {
            return false;
        }
        at += word_len;
    }
    return true;
}

static bool text_matches(enum how how, const char *value, const char *wanted) {
    size_t len = strlen(wanted), value_len = strlen(value);
    switch (how) {
    case CONTAINS:
        return strcasestr(value, wanted) != NULL;
    case STARTS_WITH:
        return strncasecmp(value, wanted, len) == 0;
    case ENDS_WITH:
        return value_len >= len && strcasecmp(value + value_len - len, wanted) == 0;
    default:
        return strcasecmp(value, wanted) == 0;
    }
}

static bool field_matches(yaml_document_t *document, const char *key, const yaml_node_t *wanted,
                          const struct plab_sigma_field *fields, size_t count) {
    char name[64];
    enum how how;
    bool all;
    const char *value = NULL;
    split_key(key, name, sizeof name, &how, &all);
    for (size_t i = 0; i < count; i++) {
        value = strcmp(fields[i].name, name) == 0 ? fields[i].value : value;
    }
    if (value == NULL) {
        return false;
    }
    if (wanted->type != YAML_SEQUENCE_NODE) {
        return text_of(wanted) != NULL && text_matches(how, value, text_of(wanted));
    }
    size_t hits = 0, items = 0;
    for (yaml_node_item_t *item = wanted->data.sequence.items.start;
         item < wanted->data.sequence.items.top; item++, items++) {
        const char *text = text_of(yaml_document_get_node(document, *item));
        hits += text != NULL && text_matches(how, value, text);
    }
    return all ? hits == items : hits > 0;
}

static bool selection_matches(yaml_document_t *document, const yaml_node_t *selection,
                              const struct plab_sigma_field *fields, size_t count) {
    if (selection == NULL || selection->type != YAML_MAPPING_NODE) {
        return false;
    }
    for (yaml_node_pair_t *pair = selection->data.mapping.pairs.start;
         pair < selection->data.mapping.pairs.top; pair++) {
        const char *key = text_of(yaml_document_get_node(document, pair->key));
        if (key == NULL ||
            !field_matches(document, key, yaml_document_get_node(document, pair->value), fields,
                           count)) {
            return false;
        }
    }
    return true;
}

/* ---- the condition: or-terms of and-terms of factors ---- */

struct judge {
    const struct plab_sigma *rule;
    const struct plab_sigma_field *fields;
    size_t count;
    char *const *at; /* next token */
    bool malformed;
};

static bool judge_or(struct judge *judge);

static bool accept(struct judge *judge, const char *word) {
    if (*judge->at == NULL || strcasecmp(*judge->at, word) != 0) {
        return false;
    }
    judge->at++;
    return true;
}

static bool is_selection(const char *name) {
    return strcmp(name, "condition") != 0 && strcmp(name, "timeframe") != 0;
}

/* "1 of them", "all of selection*" */
static bool judge_of(struct judge *judge, bool all) {
    const char *pattern = *judge->at != NULL ? *judge->at++ : "";
    const struct plab_sigma *rule = judge->rule;
    size_t hits = 0, named = 0;
    for (yaml_node_pair_t *pair = rule->detection->data.mapping.pairs.start;
         pair < rule->detection->data.mapping.pairs.top; pair++) {
        const char *name = text_of(yaml_document_get_node(rule->document, pair->key));
        if (name != NULL && is_selection(name) &&
            (strcmp(pattern, "them") == 0 || fnmatch(pattern, name, 0) == 0)) {
            named++;
            hits += selection_matches(rule->document,
                                      yaml_document_get_node(rule->document, pair->value),
                                      judge->fields, judge->count);
        }
    }
    judge->malformed = judge->malformed || named == 0;
    return all ? named > 0 && hits == named : hits > 0;
}

static bool judge_factor(struct judge *judge) {
    if (accept(judge, "not")) {
        return !judge_factor(judge);
    }
    if (accept(judge, "(")) {
        bool inner = judge_or(judge);
        judge->malformed = !accept(judge, ")") || judge->malformed;
        return inner;
    }
    bool all = accept(judge, "all");
    if (all || accept(judge, "1")) {
        judge->malformed = !accept(judge, "of") || judge->malformed;
        return judge_of(judge, all);
    }
    const char *name = *judge->at != NULL ? *judge->at++ : "";
    const yaml_node_t *selection = child(judge->rule->document, judge->rule->detection, name);
    judge->malformed = judge->malformed || selection == NULL || !is_selection(name);
    return selection_matches(judge->rule->document, selection, judge->fields, judge->count);
}

/* No short cuts: the rest has to be read in any case. */
static bool judge_and(struct judge *judge) {
    bool result = judge_factor(judge);
    while (accept(judge, "and")) {
        bool next = judge_factor(judge);
        result = result && next;
    }
    return result;
}

static bool judge_or(struct judge *judge) {
    bool result = judge_and(judge);
    while (accept(judge, "or")) {
        bool next = judge_and(judge);
        result = result || next;
    }
    return result;
}

static bool run(struct judge *judge) {
    judge->at = judge->rule->tokens;
    bool result = judge_or(judge);
    judge->malformed = judge->malformed || *judge->at != NULL;
    return result;
}

bool plab_sigma_matches(const struct plab_sigma *rule, const struct plab_sigma_field *fields,
                        size_t count) {
    struct judge judge = {.rule = rule, .fields = fields, .count = count};
    return run(&judge);
}

/* ---- reading ---- */

/* Words and parentheses. False when there are too many. */
static bool tokenize(struct plab_sigma *rule, const char *condition) {
    size_t count = 0;
    for (const char *at = condition; *at != '\0';) {
        size_t len = *at == '(' || *at == ')' ? 1 : strcspn(at, " \t\n()");
        if (isspace((unsigned char)*at)) {
            at++;
            continue;
        }
        if (count == TOKENS_MAX || (rule->tokens[count] = strndup(at, len)) == NULL) {
            return false;
        }
        count++;
        at += len;
    }
    return count > 0;
}

/* Fields with modifiers that aren't known would silently match nothing. */
static const char *bad_key(struct plab_sigma *rule, yaml_mark_t *mark) {
    char field[64];
    enum how how;
    bool all;
    for (yaml_node_pair_t *pair = rule->detection->data.mapping.pairs.start;
         pair < rule->detection->data.mapping.pairs.top; pair++) {
        const yaml_node_t *selection = yaml_document_get_node(rule->document, pair->value);
        if (selection->type != YAML_MAPPING_NODE) {
            continue;
        }
        for (yaml_node_pair_t *one = selection->data.mapping.pairs.start;
             one < selection->data.mapping.pairs.top; one++) {
            const yaml_node_t *node = yaml_document_get_node(rule->document, one->key);
            const char *key = text_of(node);
            if (key == NULL || !split_key(key, field, sizeof field, &how, &all)) {
                *mark = node->start_mark;
                return key != NULL ? key : "";
            }
        }
    }
    return NULL;
}

static enum plab_status fail_at(struct plab_error *err, const char *path, yaml_mark_t mark,
                                const char *what, const char *value) {
    return plab_fail(err, PLAB_E_INPUT, "%s:%zu:%zu: %s%s%s%s", path, mark.line + 1,
                     mark.column + 1, what, value[0] != '\0' ? " \"" : "", value,
                     value[0] != '\0' ? "\"" : "");
}

static enum plab_status understand(struct plab_sigma *rule, const char *path,
                                   struct plab_error *err) {
    yaml_node_t *root = yaml_document_get_root_node(rule->document);
    const yaml_mark_t top = {0};
    rule->detection = child(rule->document, root, "detection");
    rule->title = text_of(child(rule->document, root, "title"));
    const yaml_node_t *condition = child(rule->document, rule->detection, "condition");
    if (rule->title == NULL) {
        return fail_at(err, path, top, "a rule needs a title", "");
    }
    if (text_of(condition) == NULL) {
        return fail_at(err, path, top, "a rule needs detection.condition", "");
    }
    yaml_mark_t mark;
    const char *key = bad_key(rule, &mark);
    if (key != NULL) {
        return fail_at(err, path, mark, "a modifier that powlab doesn't know:", key);
    }
    struct judge judge = {.rule = rule};
    if (tokenize(rule, text_of(condition))) {
        run(&judge);
    } else {
        judge.malformed = true;
    }
    return judge.malformed ? fail_at(err, path, condition->start_mark,
                                     "can't make sense of the condition", text_of(condition))
                           : PLAB_OK;
}

static enum plab_status read_document(yaml_parser_t *parser, struct plab_sigma *rule,
                                      const char *path, struct plab_error *err) {
    rule->document = calloc(1, sizeof *rule->document);
    if (rule->document == NULL) {
        return plab_fail(err, PLAB_E_NOMEM, "not enough memory to read %s", path);
    }
    if (yaml_parser_load(parser, rule->document) == 0) {
        return fail_at(err, path, parser->problem_mark,
                       parser->problem != NULL ? parser->problem : "not YAML", "");
    }
    if (yaml_document_get_root_node(rule->document) == NULL) {
        return fail_at(err, path, (yaml_mark_t){0}, "the file is empty", "");
    }
    return understand(rule, path, err);
}

enum plab_status plab_sigma_load(struct plab_sigma **out, const char *path,
                                 struct plab_error *err) {
    yaml_parser_t parser;
    struct plab_sigma *rule = calloc(1, sizeof *rule);
    FILE *file = fopen(path, "re");
    *out = NULL;
    if (file == NULL || rule == NULL || yaml_parser_initialize(&parser) == 0) {
        enum plab_status status =
            file == NULL ? plab_fail(err, PLAB_E_IO, "cannot read %s: %s", path, strerror(errno))
                         : plab_fail(err, PLAB_E_NOMEM, "not enough memory to read %s", path);
        if (file != NULL) {
            fclose(file);
        }
        free(rule);
        return status;
    }
    yaml_parser_set_input_file(&parser, file);
    enum plab_status status = read_document(&parser, rule, path, err);
    yaml_parser_delete(&parser);
    fclose(file);
    if (status != PLAB_OK) {
        plab_sigma_free(&rule);
        return status;
    }
    *out = rule;
    return PLAB_OK;
}

void plab_sigma_free(struct plab_sigma **rule) {
    if (*rule != NULL) {
        for (size_t i = 0; i < TOKENS_MAX; i++) {
            free((*rule)->tokens[i]);
        }
        if ((*rule)->document != NULL) {
            yaml_document_delete((*rule)->document);
            free((*rule)->document);
        }
        free(*rule);
        *rule = NULL;
    }
}

const char *plab_sigma_title(const struct plab_sigma *rule) {
    return rule->title;
}
