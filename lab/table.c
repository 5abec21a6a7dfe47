/* SPDX-License-Identifier: BSD-3-Clause */
#include "lab/table.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the file ---- */

static enum plab_status slurp(const char *path, char **out, struct plab_error *err) {
    FILE *file = fopen(path, "re");
    size_t cap = 65536, len = 0;
    char *text = file != NULL ? malloc(cap + 1) : NULL;
    while (text != NULL) {
        size_t n = fread(text + len, 1, cap - len, file);
        len += n;
        if (n == 0) {
            break;
        }
        if (len == cap) {
            char *larger = realloc(text, 2 * cap + 1);
            if (larger == NULL) {
                free(text);
            }
            text = larger;
            cap *= 2;
        }
    }
    int reason = file == NULL ? errno : ferror(file) ? EIO : 0;
    if (file != NULL) {
        fclose(file);
    }
    if (reason != 0) {
        free(text);
        return plab_fail(err, PLAB_E_IO, "cannot read %s: %s", path, strerror(reason));
    }
    if (text == NULL) {
        return plab_fail(err, PLAB_E_NOMEM, "not enough memory to read %s", path);
    }
    text[len] = '\0';
    *out = text;
    return PLAB_OK;
}

/* ---- its fields ---- */

struct parser {
    char *read, *write; /* fields are unquoted in place, so what is written never overtakes */
    char **fields;
    size_t count, cap;
};

static bool keep(struct parser *parser, char *field) {
    if (parser->count == parser->cap) {
        size_t cap = parser->cap != 0 ? 2 * parser->cap : 256;
        char **larger = realloc(parser->fields, cap * sizeof *larger);
        if (larger == NULL) {
            return false;
        }
        parser->fields = larger;
        parser->cap = cap;
    }
    parser->fields[parser->count++] = field;
    return true;
}

/* Reads one field; `*end` is the character that ended it. */
static char *next_field(struct parser *parser, char *end) {
    char *begin = parser->write;
    bool quoted = *parser->read == '"';
    parser->read += quoted;
    while (*parser->read != '\0') {
        char c = *parser->read;
        if (quoted && c == '"' && parser->read[1] == '"') {
            parser->read++;
        } else if (quoted && c == '"') {
            quoted = false;
            parser->read++;
            continue;
        } else if (!quoted && (c == ',' || c == '\n')) {
            break;
        }
        if (quoted || c != '\r') {
            *parser->write++ = c;
        }
        parser->read++;
    }
    *end = *parser->read;
    parser->read += *end != '\0';
    *parser->write++ = '\0';
    return begin;
}

/* Fields of the next row; false without memory. `*whole` tells whether it ended in a line end. */
static bool next_row(struct parser *parser, size_t *count, bool *whole) {
    size_t before = parser->count;
    char end;
    do {
        if (!keep(parser, next_field(parser, &end))) {
            return false;
        }
    } while (end == ',');
    *count = parser->count - before;
    *whole = end == '\n';
    return true;
}

static enum plab_status parse(struct plab_table *out, struct parser *parser, const char *path,
                              struct plab_error *err) {
    for (size_t line = 1; *parser->read != '\0'; line++) {
        size_t count;
        bool whole;
        if (!next_row(parser, &count, &whole)) {
            return plab_fail(err, PLAB_E_NOMEM, "not enough memory for %s", path);
        }
        if (!whole) {
            return PLAB_OK;
        }
        if (line == 1) {
            out->column_count = count;
        } else if (count != out->column_count) {
            return plab_fail(err, PLAB_E_INPUT, "%s:%zu: %zu fields, the first line has %zu", path,
                             line, count, out->column_count);
        } else {
            out->row_count++;
        }
    }
    return PLAB_OK;
}

enum plab_status plab_table_parse(struct plab_table *out, char *text, const char *path,
                                  struct plab_error *err) {
    struct parser parser = {.read = text, .write = text};
    memset(out, 0, sizeof *out);
    out->text = text;
    enum plab_status status = parse(out, &parser, path, err);
    out->fields = parser.fields;
    if (status != PLAB_OK) {
        plab_table_free(out);
    }
    return status;
}

enum plab_status plab_table_read(struct plab_table *out, const char *path, struct plab_error *err) {
    char *text = NULL;
    memset(out, 0, sizeof *out);
    enum plab_status status = slurp(path, &text, err);
    return text != NULL ? plab_table_parse(out, text, path, err) : status;
}

void plab_table_free(struct plab_table *table) {
    free(table->text);
    free(table->fields);
    memset(table, 0, sizeof *table);
}

size_t plab_table_column(const struct plab_table *table, const char *name) {
    for (size_t i = 0; i < table->column_count; i++) {
        if (strcmp(table->fields[i], name) == 0) {
            return i;
        }
    }
    return PLAB_TABLE_NO_COLUMN;
}

const char *plab_table_text(const struct plab_table *table, size_t row, size_t column) {
    return column != PLAB_TABLE_NO_COLUMN ? table->fields[(row + 1) * table->column_count + column]
                                          : "";
}

double plab_table_number(const struct plab_table *table, size_t row, size_t column) {
    const char *text = plab_table_text(table, row, column);
    char *end;
    double value = strtod(text, &end);
    return end != text && *end == '\0' ? value : NAN;
}
