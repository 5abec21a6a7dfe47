/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Runs a fuzz target over files, for any compiler: replay [FILE|FOLDER]... Each file goes in whole
 * and, if it is short, cut off after each of its bytes. What doesn't hold aborts; the file is named
 * before. Ends with "N passed, N failed".
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/fuzz/fuzz.h"

#define FILE_MAX (1u << 20)
#define CUT_MAX 1024 /* bytes of a file that is also cut off everywhere */

/* Copied to memory of exactly this size. */
static void run(const char *bytes, size_t len) {
    uint8_t *copy = malloc(len > 0 ? len : 1);
    FUZZ_HOLDS(copy != NULL);
    memcpy(copy, bytes, len);
    (void)LLVMFuzzerTestOneInput(copy, len);
    free(copy);
}

static bool replay_file(const char *path) {
    static char bytes[FILE_MAX];
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        fprintf(stderr, "replay: error: cannot open %s\n", path);
        return false;
    }
    size_t len = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    printf("%s\n", path); /* the last one named is the one that aborted */
    run(bytes, len);
    for (size_t cut = 0; cut < len && len <= CUT_MAX; cut++) {
        run(bytes, cut);
    }
    return true;
}

static int is_visible(const struct dirent *entry) {
    return entry->d_name[0] != '.';
}

/* The files of a folder, by name; there must be some. */
static bool replay_folder(const char *folder, int *passed) {
    struct dirent **list;
    char path[4096];
    bool good = true;
    int count = scandir(folder, &list, is_visible, alphasort);
    if (count <= 0) {
        fprintf(stderr, "replay: error: no files in %s\n", folder);
        return false;
    }
    for (int i = 0; i < count; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, list[i]->d_name);
        free(list[i]);
        bool done = replay_file(path);
        good = good && done;
        *passed += done;
    }
    free(list);
    return good;
}

int main(int argc, char **argv) {
    int passed = 0, failed = 0;
    setvbuf(stdout, NULL, _IOLBF, 0);
    for (int i = 1; i < argc; i++) {
        struct stat about;
        if (stat(argv[i], &about) == 0 && S_ISDIR(about.st_mode)) {
            failed += !replay_folder(argv[i], &passed);
        } else if (replay_file(argv[i])) {
            passed++;
        } else {
            failed++;
        }
    }
    printf("%d passed, %d failed\n", passed, failed);
    return failed == 0 && passed > 0 ? 0 : 1;
}
