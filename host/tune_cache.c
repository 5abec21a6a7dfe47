/* SPDX-License-Identifier: BSD-3-Clause */
#include "host/tune_cache.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "pow/randomx.h"

/* Room for all entries; a longer file isn't ours. */
#define FILE_BYTES (PLAB_TUNE_CACHE_ENTRIES * PLAB_TUNE_LINE_LEN)

/* ---- keys ---- */

static void strip_controls(char *text) {
    for (; *text != '\0'; text++) {
        if ((unsigned char)*text < ' ' || *text == 0x7F) {
            *text = '?';
        }
    }
}

static unsigned count_shared(const struct plab_tune_config *config) {
    unsigned count = 0;
    for (unsigned i = 0; i < config->threads; i++) {
        count += config->slots[i].smt_shared;
    }
    return count;
}

void plab_tune_key(char out[PLAB_TUNE_KEY_LEN], const struct plab_ident *ident,
                   const struct plab_tune_config *config) {
    const struct plab_tune_setup *setup = config->setup;
    const struct plab_pages_report *memory = config->memory;
    bool huge = memory != NULL && 2 * memory->huge_bytes > memory->asked_bytes;
    snprintf(out, PLAB_TUNE_KEY_LEN,
             "powlab %s; %s; %u threads, %u share a core; %s pages; lanes %u; features %x, %s; "
             "%s %d.%d.%d, microcode %s",
             setup->version != NULL ? setup->version : "", config->algo->name, config->threads,
             count_shared(config), huge ? "huge" : "small", config->lanes,
             (unsigned)setup->features, config->kernels->isa[PLAB_KERNEL_rx_loop_make],
             ident->brand, ident->family, ident->model, ident->stepping, ident->microcode);
    strip_controls(out);
}

/* ---- lines ---- */

static bool parse_prefetch(const char *name, enum plab_prefetch *out) {
    for (int i = PLAB_PREFETCH_NTA; i <= PLAB_PREFETCH_OFF; i++) {
        if (strcmp(name, plab_prefetch_name((enum plab_prefetch)i)) == 0) {
            *out = (enum plab_prefetch)i;
            return true;
        }
    }
    return false;
}

static bool parse_choice(const char *text, struct plab_tune_entry *entry) {
    char item[8], lines[8];
    int end = 0;
    return sscanf(text, "%1u %7s %7s %15s %15lf%n", &entry->lanes, item, lines, entry->loop_isa,
                  &entry->ratio, &end) == 5 &&
           text[end] == '\0' && entry->lanes >= 1 && entry->lanes <= PLAB_RX_LANES_MAX &&
           parse_prefetch(item, &entry->item) && parse_prefetch(lines, &entry->lines) &&
           entry->ratio > 0 && entry->ratio < 1000;
}

bool plab_tune_entry_parse(const char *line, size_t len, struct plab_tune_entry *out) {
    char text[PLAB_TUNE_LINE_LEN];
    if (len >= sizeof text || memchr(line, '\0', len) != NULL) {
        return false;
    }
    memcpy(text, line, len);
    text[len] = '\0';
    char *tab = strchr(text, '\t');
    if (tab == NULL || tab == text || tab - text >= PLAB_TUNE_KEY_LEN) {
        return false;
    }
    struct plab_tune_entry entry = {.lanes = 0};
    memcpy(entry.key, text, (size_t)(tab - text));
    strip_controls(tab + 1); /* a second tab is no blank */
    if (!parse_choice(tab + 1, &entry)) {
        return false;
    }
    *out = entry;
    return true;
}

void plab_tune_entry_format(const struct plab_tune_entry *entry, char out[PLAB_TUNE_LINE_LEN]) {
    snprintf(out, PLAB_TUNE_LINE_LEN, "%s\t%u %s %s %s %.4f\n", entry->key, entry->lanes,
             plab_prefetch_name(entry->item), plab_prefetch_name(entry->lines), entry->loop_isa,
             entry->ratio);
}

/* ---- the file ---- */

bool plab_tune_cache_path(const char *xdg_cache_home, const char *home, char *out, size_t out_cap) {
    int used = -1;
    if (xdg_cache_home != NULL && xdg_cache_home[0] == '/') {
        used = snprintf(out, out_cap, "%s/powlab/tuning", xdg_cache_home);
    } else if (home != NULL && home[0] == '/') {
        used = snprintf(out, out_cap, "%s/.cache/powlab/tuning", home);
    }
    return used > 0 && (size_t)used < out_cap;
}

/* The text of the file, owned; NULL if there is none that can be read. */
static char *read_file(const char *path, size_t *len) {
    char *text = malloc(FILE_BYTES);
    if (text != NULL && plab_file_read(path, text, FILE_BYTES, len, NULL) != PLAB_OK) {
        free(text);
        return NULL;
    }
    return text;
}

/* Takes the next entry out of a text; false at its end. */
static bool next_entry(const char **at, const char *end, struct plab_tune_entry *out) {
    while (*at < end) {
        const char *line = *at;
        const char *stop = memchr(line, '\n', (size_t)(end - line));
        *at = stop != NULL ? stop + 1 : end;
        if (stop != NULL && plab_tune_entry_parse(line, (size_t)(stop - line), out)) {
            return true;
        }
    }
    return false;
}

bool plab_tune_cache_find(const char *path, const char *key, struct plab_tune_entry *out) {
    size_t len;
    struct plab_tune_entry entry;
    char *text = read_file(path, &len);
    bool found = false;
    if (text != NULL) {
        const char *at = text;
        while (!found && next_entry(&at, text + len, &entry)) {
            found = strcmp(entry.key, key) == 0;
        }
        free(text);
    }
    if (found) {
        *out = entry;
    }
    return found;
}

/* Makes "a/b" and "a/b/c" for "a/b/c/file". What can't be made is missed when writing. */
static void make_folders(const char *path) {
    char folder[PATH_MAX];
    int used = snprintf(folder, sizeof folder, "%s", path);
    char *last = used > 0 && (size_t)used < sizeof folder ? strrchr(folder, '/') : NULL;
    if (last == NULL || last == folder) {
        return;
    }
    *last = '\0';
    char *above = strrchr(folder, '/');
    if (above != NULL && above != folder) {
        *above = '\0';
        (void)mkdir(folder, 0700);
        *above = '/';
    }
    (void)mkdir(folder, 0700);
}

/* The new entry and then the others. Returns the length. */
static size_t join_entries(const struct plab_tune_entry *first, const char *old, size_t old_len,
                           char *out) {
    struct plab_tune_entry entry = *first;
    const char *at = old, *end = old + old_len;
    size_t used = 0;
    unsigned count = 0;
    do {
        if (count == 0 || strcmp(entry.key, first->key) != 0) {
            plab_tune_entry_format(&entry, out + used);
            used += strlen(out + used);
            count++;
        }
    } while (count < PLAB_TUNE_CACHE_ENTRIES && old != NULL && next_entry(&at, end, &entry));
    return used;
}

enum plab_status plab_tune_cache_store(const char *path, const struct plab_tune_entry *entry) {
    size_t old_len = 0;
    char *joined = malloc(FILE_BYTES);
    if (joined == NULL) {
        return PLAB_E_NOMEM;
    }
    char *old = read_file(path, &old_len);
    size_t len = join_entries(entry, old, old_len, joined);
    make_folders(path);
    enum plab_status status = plab_file_write(path, joined, len, NULL);
    free(old);
    free(joined);
    return status;
}
