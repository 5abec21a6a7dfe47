/* SPDX-License-Identifier: BSD-3-Clause */
/* The lab's certificates: made once, kept, readable for nobody else, made anew when they must. */
#include "net/labca.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/harness.h"

static char dir[64];

static void make_place(void) {
    strcpy(dir, "/tmp/powlab-test-labca-XXXXXX");
    CHECK(mkdtemp(dir) != NULL);
    strcat(dir, "/a/b");
}

static void remove_place(void) {
    char command[128];
    *strstr(dir, "/a/b") = '\0';
    snprintf(command, sizeof command, "rm -r '%s'", dir);
    CHECK(system(command) == 0);
}

static unsigned mode_of(const char *name) {
    char path[128];
    struct stat info;
    snprintf(path, sizeof path, "%s/%s", dir, name);
    CHECK_MSG(stat(path, &info) == 0, "%s", path);
    return info.st_mode & 0777;
}

/* The fingerprint of the server's certificate of the folder. */
static void fingerprint_of(const struct plab_labca_config *config, char out[65]) {
    struct plab_labca *ca;
    struct plab_tls_identity *identity;
    struct plab_error err = {.text = ""};
    CHECK_MSG(plab_labca_open(&ca, config, &err) == PLAB_OK, "%s", err.text);
    CHECK_MSG(plab_labca_server(ca, &identity, &err) == PLAB_OK, "%s", err.text);
    plab_identity_fingerprint(identity, out);
    plab_identity_free(&identity);
    plab_labca_close(&ca);
}

TEST(labca, is_made_once_and_kept) {
    char first[65], second[65];
    make_place();
    const struct plab_labca_config config = {.dir = dir};
    fingerprint_of(&config, first);
    fingerprint_of(&config, second);
    CHECK_STR(second, first);
    CHECK_U64(mode_of(""), 0700);
    CHECK_U64(mode_of("ca.key"), 0600);
    CHECK_U64(mode_of("server-ec.key"), 0600);
    CHECK_U64(mode_of("ca.pem"), 0644);
    remove_place();
}

TEST(labca, a_name_more_or_another_key_needs_another_certificate) {
    static const char *const names[] = {"miner.lab.test", "10.0.0.7", "fd00::7"};
    char first[65], named[65], again[65], rsa[65];
    make_place();
    struct plab_labca_config config = {.dir = dir};
    fingerprint_of(&config, first);
    config.names = names;
    config.name_count = 3;
    fingerprint_of(&config, named);
    CHECK(strcmp(first, named) != 0);
    config.name_count = 1; /* the one that is there holds for more */
    fingerprint_of(&config, again);
    CHECK_STR(again, named);
    config.key_type = PLAB_KEY_RSA;
    fingerprint_of(&config, rsa);
    CHECK(strcmp(rsa, named) != 0);
    config.key_type = PLAB_KEY_EC; /* both are kept */
    fingerprint_of(&config, again);
    CHECK_STR(again, named);
    remove_place();
}

TEST(labca, issues_flawed_ones_and_keeps_none_of_them) {
    static const enum plab_labca_flaw flaws[] = {PLAB_LABCA_GOOD, PLAB_LABCA_EXPIRED,
                                                 PLAB_LABCA_WRONG_NAME, PLAB_LABCA_SELF_SIGNED};
    static const char *const names[] = {"localhost", "127.0.0.1", "::1", "pool.lab.test"};
    const struct plab_certificate_wish wish = {.names = names, .name_count = 4};
    char first[65], again[65];
    struct plab_labca *ca;
    struct plab_tls_identity *authority, *identity;
    make_place();
    const struct plab_labca_config config = {.dir = dir};
    fingerprint_of(&config, first);
    CHECK(plab_labca_open(&ca, &config, NULL) == PLAB_OK);
    char key[128];
    snprintf(key, sizeof key, "%s/ca.key", dir);
    CHECK(plab_identity_load(&authority, plab_labca_file(ca), key, NULL) == PLAB_OK);
    for (size_t i = 0; i < 4; i++) {
        CHECK(plab_labca_issue(ca, flaws[i], &identity, NULL) == PLAB_OK);
        CHECK(plab_identity_serves(identity, authority, &wish, 60) == (i == 0));
        plab_identity_fingerprint(identity, again);
        CHECK(strcmp(again, first) != 0);
        plab_identity_free(&identity);
    }
    plab_identity_free(&authority);
    plab_labca_close(&ca);
    fingerprint_of(&config, again);
    CHECK_STR(again, first);
    remove_place();
}

static enum plab_status try_open(const struct plab_labca_config *config, char *text) {
    struct plab_labca *ca;
    struct plab_error err = {.text = ""};
    enum plab_status status = plab_labca_open(&ca, config, &err);
    CHECK(status == PLAB_OK || ca == NULL);
    strcpy(text, err.text);
    plab_labca_close(&ca);
    return status;
}

TEST(labca, says_what_is_wrong) {
    static const char *const bad_name[] = {"not a name\n"};
    char text[512], path[128];
    struct plab_labca *ca;
    struct plab_tls_identity *identity;
    struct plab_error err;
    make_place();
    struct plab_labca_config config = {.dir = dir};
    CHECK(try_open(&config, text) == PLAB_OK);
    config.names = bad_name;
    config.name_count = 1;
    CHECK(plab_labca_open(&ca, &config, NULL) == PLAB_OK);
    CHECK(plab_labca_server(ca, &identity, &err) == PLAB_E_USAGE && identity == NULL);
    CHECK_STR(err.text,
              "\"not a name\\x0a\" is neither a host name nor an address, and can't stand "
              "in a certificate");
    plab_labca_close(&ca);
    config.name_count = 0;
    snprintf(path, sizeof path, "%s/ca.key", dir);
    CHECK(truncate(path, 10) == 0);
    CHECK(try_open(&config, text) == PLAB_E_INPUT && strstr(text, path) != NULL);
    CHECK(unlink(path) == 0); /* half of it there: nothing is overwritten */
    CHECK(try_open(&config, text) == PLAB_E_IO && strstr(text, path) != NULL);
    config.dir = "/dev/null/x";
    CHECK(try_open(&config, text) == PLAB_E_IO);
    remove_place();
}

/* Puts a variable back as it was; NULL: unset. */
static void restore(const char *name, char *value) {
    if (value != NULL) {
        setenv(name, value, 1);
        free(value);
    }
}

static char *copy_of(const char *name) {
    const char *value = getenv(name);
    return value != NULL ? strdup(value) : NULL;
}

TEST(labca, has_a_place_of_its_own) {
    char text[512];
    char *home = copy_of("HOME"), *data = copy_of("XDG_DATA_HOME");
    make_place();
    const struct plab_labca_config config = {.dir = NULL};
    struct plab_labca *ca;
    setenv("XDG_DATA_HOME", dir, 1);
    CHECK(plab_labca_open(&ca, &config, NULL) == PLAB_OK);
    snprintf(text, sizeof text, "%s/powlab/tls/ca.pem", dir);
    CHECK_STR(plab_labca_file(ca), text);
    plab_labca_close(&ca);
    unsetenv("XDG_DATA_HOME");
    setenv("HOME", dir, 1);
    CHECK(plab_labca_open(&ca, &config, NULL) == PLAB_OK);
    snprintf(text, sizeof text, "%s/.local/share/powlab/tls/ca.pem", dir);
    CHECK_STR(plab_labca_file(ca), text);
    plab_labca_close(&ca);
    unsetenv("HOME");
    CHECK(try_open(&config, text) == PLAB_E_USAGE && strstr(text, "--tls-dir") != NULL);
    restore("HOME", home);
    restore("XDG_DATA_HOME", data);
    remove_place();
}
