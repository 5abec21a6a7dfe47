/* SPDX-License-Identifier: BSD-3-Clause */
#include "net/labca.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"

#define DAY_S (24 * 60 * 60)
#define FROM_S (-60 * 60) /* clocks of a lab differ a little */
#define FILE_NAME_MAX 16  /* "server-rsa.pem" */

static const char *const standard_names[] = {"localhost", "127.0.0.1", "::1", "pool.lab.test"};

struct plab_labca {
    struct plab_tls_identity *authority;
    enum plab_key_type key_type;
    const char *names[PLAB_LABCA_NAMES_MAX];
    size_t name_count;
    char dir[PATH_MAX - FILE_NAME_MAX];
    char file[PATH_MAX]; /* of the CA's certificate */
};

/* ---- the folder ---- */

static enum plab_status choose_dir(struct plab_labca *ca, const char *dir, struct plab_error *err) {
    const char *data = getenv("XDG_DATA_HOME"), *home = getenv("HOME");
    int n = -1;
    if (dir != NULL) {
        n = snprintf(ca->dir, sizeof ca->dir, "%s", dir);
    } else if (data != NULL && data[0] == '/') {
        n = snprintf(ca->dir, sizeof ca->dir, "%s/powlab/tls", data);
    } else if (home != NULL && home[0] == '/') {
        n = snprintf(ca->dir, sizeof ca->dir, "%s/.local/share/powlab/tls", home);
    }
    if (n <= 0 || (size_t)n >= sizeof ca->dir) {
        return plab_fail(
            err, PLAB_E_USAGE,
            "no folder for TLS certificates (neither XDG_DATA_HOME nor HOME is set, or "
            "the path is too long); say --tls-dir DIR");
    }
    return PLAB_OK;
}

/* Makes the folder and all above it that are missing. */
static enum plab_status make_dir(const char *dir, struct plab_error *err) {
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s", dir);
    for (char *slash = strchr(path + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        (void)mkdir(path, 0700); /* the last one tells whether it worked */
        *slash = '/';
    }
    if (mkdir(path, 0700) != 0 && errno != EEXIST) {
        return plab_fail(err, PLAB_E_IO, "cannot make the folder %s: %s", dir, strerror(errno));
    }
    return PLAB_OK;
}

/* Only one process looks and makes at a time. Returns a descriptor, or -1. */
static int lock_dir(const char *dir, struct plab_error *err) {
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || flock(fd, LOCK_EX) != 0) {
        plab_fail(err, PLAB_E_IO, "cannot use the folder %s: %s", dir, strerror(errno));
        if (fd >= 0) {
            close(fd);
        }
        return -1;
    }
    return fd;
}

struct files {
    char certificate[PATH_MAX], key[PATH_MAX];
};

static void name_files(const struct plab_labca *ca, const char *stem, struct files *out) {
    snprintf(out->certificate, sizeof out->certificate, "%s/%s.pem", ca->dir, stem);
    snprintf(out->key, sizeof out->key, "%s/%s.key", ca->dir, stem);
}

static enum plab_status make_and_store(const struct files *files,
                                       const struct plab_certificate_wish *wish,
                                       const struct plab_tls_identity *issuer,
                                       struct plab_tls_identity **out, struct plab_error *err) {
    enum plab_status status = plab_identity_make(out, wish, issuer, err);
    if (status == PLAB_OK) {
        status = plab_identity_store(*out, files->certificate, files->key, err);
    }
    if (status != PLAB_OK) {
        plab_identity_free(out);
    }
    return status;
}

static bool is_missing(const struct files *files) {
    return access(files->certificate, F_OK) != 0 && access(files->key, F_OK) != 0;
}

/* ---- the authority ---- */

static enum plab_status get_authority(struct plab_labca *ca, struct plab_error *err) {
    const struct plab_certificate_wish wish = {.key_type = PLAB_KEY_EC,
                                               .common_name = "powlab lab CA",
                                               .from_s = FROM_S,
                                               .to_s = INT64_C(3650) * DAY_S,
                                               .is_ca = true};
    struct files files;
    int lock = lock_dir(ca->dir, err);
    if (lock < 0) {
        return PLAB_E_IO;
    }
    name_files(ca, "ca", &files);
    memcpy(ca->file, files.certificate, sizeof ca->file);
    enum plab_status status =
        is_missing(&files) ? make_and_store(&files, &wish, NULL, &ca->authority, err)
                           : plab_identity_load(&ca->authority, files.certificate, files.key, err);
    close(lock);
    return status;
}

static enum plab_status take_names(struct plab_labca *ca, const struct plab_labca_config *config,
                                   struct plab_error *err) {
    size_t standard = PLAB_ARRAY_LEN(standard_names);
    if (config->name_count > PLAB_LABCA_NAMES_MAX - standard) {
        return plab_fail(err, PLAB_E_USAGE, "a certificate takes %zu more names at most",
                         PLAB_LABCA_NAMES_MAX - standard);
    }
    memcpy(ca->names, standard_names, sizeof standard_names);
    for (size_t i = 0; i < config->name_count; i++) {
        ca->names[standard + i] = config->names[i];
    }
    ca->name_count = standard + config->name_count;
    return PLAB_OK;
}

enum plab_status plab_labca_open(struct plab_labca **out, const struct plab_labca_config *config,
                                 struct plab_error *err) {
    struct plab_labca *ca = calloc(1, sizeof *ca);
    *out = NULL;
    if (ca == NULL) {
        return plab_fail(err, PLAB_E_NOMEM, "not enough memory for certificates");
    }
    ca->key_type = config->key_type;
    enum plab_status status = take_names(ca, config, err);
    if (status == PLAB_OK) {
        status = choose_dir(ca, config->dir, err);
    }
    if (status == PLAB_OK) {
        status = make_dir(ca->dir, err);
    }
    if (status == PLAB_OK) {
        status = get_authority(ca, err);
    }
    if (status != PLAB_OK) {
        plab_labca_close(&ca);
    }
    *out = ca;
    return status;
}

void plab_labca_close(struct plab_labca **ca) {
    if (*ca != NULL) {
        plab_identity_free(&(*ca)->authority);
        free(*ca);
        *ca = NULL;
    }
}

const char *plab_labca_file(const struct plab_labca *ca) {
    return ca->file;
}

/* ---- servers ---- */

static struct plab_certificate_wish server_wish(const struct plab_labca *ca) {
    return (struct plab_certificate_wish){.key_type = ca->key_type,
                                          .common_name = "localhost",
                                          .names = ca->names,
                                          .name_count = ca->name_count,
                                          .from_s = FROM_S,
                                          .to_s = INT64_C(365) * DAY_S};
}

enum plab_status plab_labca_server(struct plab_labca *ca, struct plab_tls_identity **out,
                                   struct plab_error *err) {
    const struct plab_certificate_wish wish = server_wish(ca);
    enum plab_status status = PLAB_OK;
    struct files files;
    int lock = lock_dir(ca->dir, err);
    *out = NULL;
    if (lock < 0) {
        return PLAB_E_IO;
    }
    name_files(ca, ca->key_type == PLAB_KEY_RSA ? "server-rsa" : "server-ec", &files);
    if (!is_missing(&files)) {
        status = plab_identity_load(out, files.certificate, files.key, err);
    }
    if (*out != NULL && !plab_identity_serves(*out, ca->authority, &wish, INT64_C(7) * DAY_S)) {
        plab_identity_free(out);
    }
    if (status == PLAB_OK && *out == NULL) {
        status = make_and_store(&files, &wish, ca->authority, out, err);
    }
    close(lock);
    return status;
}

enum plab_status plab_labca_issue(struct plab_labca *ca, enum plab_labca_flaw flaw,
                                  struct plab_tls_identity **out, struct plab_error *err) {
    static const char *const other[] = {"other.lab.test"};
    struct plab_certificate_wish wish = server_wish(ca);
    if (flaw == PLAB_LABCA_EXPIRED) {
        wish.from_s = INT64_C(-30) * DAY_S;
        wish.to_s = -DAY_S;
    } else if (flaw == PLAB_LABCA_WRONG_NAME) {
        wish.common_name = other[0];
        wish.names = other;
        wish.name_count = 1;
    }
    return plab_identity_make(out, &wish, flaw == PLAB_LABCA_SELF_SIGNED ? NULL : ca->authority,
                              err);
}
