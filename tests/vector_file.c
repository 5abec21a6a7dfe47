/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/vector_file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/hex.h"
#include "tests/harness.h"

void plab_vector_open(struct plab_vector_file *file, const char *path) {
    file->stream = fopen(path, "r");
    CHECK_MSG(file->stream != NULL, "%s: %s (run the tests from the repository's root)", path,
              strerror(errno));
    file->path = path;
    file->line = 0;
    file->count = 0;
    file->field_count = 0;
}

static void split_fields(struct plab_vector_file *file) {
    char *rest = NULL;
    file->field_count = 0;
    for (char *word = strtok_r(file->text, " \t\r\n", &rest); word != NULL;
         word = strtok_r(NULL, " \t\r\n", &rest)) {
        CHECK_MSG(file->field_count < PLAB_VECTOR_FIELDS_MAX, "%s:%d: too many fields", file->path,
                  file->line);
        file->field[file->field_count++] = word;
    }
}

int plab_vector_next(struct plab_vector_file *file) {
    while (fgets(file->text, sizeof file->text, file->stream) != NULL) {
        file->line++;
        CHECK_MSG(strchr(file->text, '\n') != NULL, "%s:%d: line too long or not ended", file->path,
                  file->line);
        if (file->text[0] == '#') {
            continue;
        }
        split_fields(file);
        if (file->field_count > 0) {
            file->count++;
            return 1;
        }
    }
    return 0;
}

const char *plab_vector_text(const struct plab_vector_file *file, int index) {
    CHECK_MSG(index < file->field_count, "%s:%d: has no field %d", file->path, file->line, index);
    return file->field[index];
}

size_t plab_vector_hex(const struct plab_vector_file *file, int index, uint8_t *out,
                       size_t out_cap) {
    const char *hex = plab_vector_text(file, index);
    struct plab_error err = {""};
    size_t len = 0;
    if (strcmp(hex, "-") == 0) {
        return 0;
    }
    enum plab_status status = plab_hex_decode(hex, strlen(hex), out, out_cap, &len, &err);
    CHECK_MSG(status == PLAB_OK, "%s:%d: field %d: %s", file->path, file->line, index, err.text);
    return len;
}

uint64_t plab_vector_u64(const struct plab_vector_file *file, int index) {
    const char *text = plab_vector_text(file, index);
    char *end = NULL;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 0);
    CHECK_MSG(errno == 0 && *end == '\0', "%s:%d: field %d is not a number: %s", file->path,
              file->line, index, text);
    return value;
}

int plab_vector_close(struct plab_vector_file *file) {
    fclose(file->stream);
    file->stream = NULL;
    return file->count;
}

void *plab_test_alloc(size_t bytes) {
    size_t rounded = (bytes + 63) / 64 * 64;
    void *memory = aligned_alloc(64, rounded);
    CHECK_MSG(memory != NULL, "no memory for %zu bytes", rounded);
    memset(memory, 0, rounded);
    return memory;
}
