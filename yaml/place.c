/* SPDX-License-Identifier: BSD-3-Clause */
#include "yaml/place.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

static struct plab_yaml_mark from_libyaml(yaml_mark_t mark) {
    return (struct plab_yaml_mark){.line = mark.line + 1, .column = mark.column + 1};
}

/* Loads the next document; a text that is used up gives one without a root. */
static bool load_next(yaml_parser_t *parser, yaml_document_t *document, bool *empty) {
    if (yaml_parser_load(parser, document) == 0) {
        return false;
    }
    *empty = yaml_document_get_root_node(document) == NULL;
    return true;
}

static enum plab_status syntax_error(const yaml_parser_t *parser, struct plab_yaml_mark *mark,
                                     struct plab_error *err) {
    *mark = from_libyaml(parser->problem_mark);
    return plab_fail(err, PLAB_E_INPUT, "%s",
                     parser->problem != NULL ? parser->problem : "this is no YAML");
}

enum plab_status plab_yaml_check(const char *text, size_t len, struct plab_yaml_mark *mark,
                                 struct plab_error *err) {
    yaml_parser_t parser;
    yaml_document_t first, second;
    bool empty;
    enum plab_status status = PLAB_OK;
    *mark = (struct plab_yaml_mark){.line = 1, .column = 1};
    if (yaml_parser_initialize(&parser) == 0) {
        return plab_fail(err, PLAB_E_NOMEM, "not enough memory to read YAML");
    }
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, len);
    if (!load_next(&parser, &first, &empty)) {
        status = syntax_error(&parser, mark, err);
    } else {
        if (empty) {
            status = plab_fail(err, PLAB_E_INPUT, "the file is empty");
        } else if (!load_next(&parser, &second, &empty)) {
            status = syntax_error(&parser, mark, err);
        } else {
            if (!empty) {
                *mark = from_libyaml(second.start_mark);
                status = plab_fail(err, PLAB_E_INPUT, "a second document begins here");
            }
            yaml_document_delete(&second);
        }
        yaml_document_delete(&first);
    }
    yaml_parser_delete(&parser);
    return status;
}

/* The value of `key` (not terminated) in a mapping, its key's place in `*mark`; 0: there is none.
 */
static int find_key(yaml_document_t *document, const yaml_node_t *mapping, const char *key,
                    size_t key_len, struct plab_yaml_mark *mark) {
    if (mapping->type != YAML_MAPPING_NODE) {
        return 0;
    }
    for (const yaml_node_pair_t *pair = mapping->data.mapping.pairs.start;
         pair < mapping->data.mapping.pairs.top; pair++) {
        const yaml_node_t *name = yaml_document_get_node(document, pair->key);
        if (name->type == YAML_SCALAR_NODE && name->data.scalar.length == key_len &&
            memcmp(name->data.scalar.value, key, key_len) == 0) {
            *mark = from_libyaml(name->start_mark);
            return pair->value;
        }
    }
    return 0;
}

static int find_element(yaml_document_t *document, const yaml_node_t *sequence, size_t index,
                        struct plab_yaml_mark *mark) {
    if (sequence->type != YAML_SEQUENCE_NODE ||
        index >=
            (size_t)(sequence->data.sequence.items.top - sequence->data.sequence.items.start)) {
        return 0;
    }
    int item = sequence->data.sequence.items.start[index];
    *mark = from_libyaml(yaml_document_get_node(document, item)->start_mark);
    return item;
}

static bool walk(yaml_document_t *document, const char *path, struct plab_yaml_mark *mark) {
    const yaml_node_t *node = yaml_document_get_root_node(document);
    while (node != NULL && *path != '\0') {
        int next;
        if (*path == '[') {
            char *end;
            next = find_element(document, node, strtoul(path + 1, &end, 10), mark);
            path = *end == ']' ? end + 1 : end;
        } else {
            path += *path == '.';
            size_t len = strcspn(path, ".[");
            next = find_key(document, node, path, len, mark);
            path += len;
        }
        node = yaml_document_get_node(document, next);
    }
    return node != NULL;
}

bool plab_yaml_locate(const char *text, size_t len, const char *path, struct plab_yaml_mark *mark) {
    yaml_parser_t parser;
    yaml_document_t document;
    bool found = false;
    *mark = (struct plab_yaml_mark){.line = 1, .column = 1};
    if (yaml_parser_initialize(&parser) == 0) {
        return false;
    }
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, len);
    if (yaml_parser_load(&parser, &document) != 0) {
        found = walk(&document, path, mark);
        yaml_document_delete(&document);
    }
    yaml_parser_delete(&parser);
    return found;
}

enum plab_status plab_yaml_bad(const struct plab_yaml_source *source, enum plab_status status,
                               const char *key, const char *fmt, ...) {
    char what[320];
    struct plab_yaml_mark mark;
    va_list args;
    va_start(args, fmt);
    vsnprintf(what, sizeof what, fmt, args);
    va_end(args);
    plab_yaml_locate(source->text, source->len, key, &mark);
    return plab_fail(source->err, status, "%s:%zu:%zu: %s: %s", source->path, mark.line,
                     mark.column, key, what);
}
