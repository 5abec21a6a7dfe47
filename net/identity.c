/* SPDX-License-Identifier: BSD-3-Clause */
#include <arpa/inet.h>
#include <errno.h>
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/hex.h"
#include "base/log.h"
#include "net/identity_priv.h"

#define RSA_BITS 2048
#define SERIAL_BITS 127

enum plab_status plab_openssl_fail(struct plab_error *err, enum plab_status status,
                                   const char *what) {
    const char *reason = ERR_reason_error_string(ERR_peek_error());
    ERR_clear_error();
    return plab_fail(err, status, "%s: %s", what, reason != NULL ? reason : "unknown reason");
}

void plab_identity_free(struct plab_tls_identity **identity) {
    if (*identity != NULL) {
        X509_free((*identity)->certificate);
        EVP_PKEY_free((*identity)->key);
        free(*identity);
        *identity = NULL;
    }
}

void plab_identity_fingerprint(const struct plab_tls_identity *identity, char out[65]) {
    uint8_t digest[32] = {0};
    X509_digest(identity->certificate, EVP_sha256(), digest, NULL);
    plab_hex_encode(digest, sizeof digest, out);
}

/* ---- making ---- */

static EVP_PKEY *make_key(enum plab_key_type type) {
    return type == PLAB_KEY_RSA ? EVP_RSA_gen((size_t)RSA_BITS) : EVP_EC_gen("P-256");
}

static bool is_address(const char *name) {
    uint8_t bytes[16];
    return inet_pton(AF_INET, name, bytes) == 1 || inet_pton(AF_INET6, name, bytes) == 1;
}

static bool is_name(const char *name) {
    size_t len = strlen(name);
    return len > 0 && len <= 253 &&
           strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._*") ==
               len;
}

static bool add_extension(X509 *certificate, X509V3_CTX *context, int nid, const char *value) {
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, context, nid, value);
    bool good = extension != NULL && X509_add_ext(certificate, extension, -1) == 1;
    X509_EXTENSION_free(extension);
    return good;
}

static bool push_name(GENERAL_NAMES *names, const char *name) {
    bool address = is_address(name);
    GENERAL_NAME *general =
        a2i_GENERAL_NAME(NULL, NULL, NULL, address ? GEN_IPADD : GEN_DNS, name, 0);
    if (general == NULL || sk_GENERAL_NAME_push(names, general) == 0) {
        GENERAL_NAME_free(general);
        return false;
    }
    return true;
}

static bool add_names(X509 *certificate, const struct plab_certificate_wish *wish) {
    if (wish->name_count == 0) {
        return true;
    }
    GENERAL_NAMES *names = sk_GENERAL_NAME_new_null();
    bool good = names != NULL;
    for (size_t i = 0; i < wish->name_count && good; i++) {
        good = push_name(names, wish->names[i]);
    }
    good = good && X509_add1_ext_i2d(certificate, NID_subject_alt_name, names, 0, 0) == 1;
    sk_GENERAL_NAME_pop_free(names, GENERAL_NAME_free);
    return good;
}

static bool set_serial(X509 *certificate) {
    BIGNUM *number = BN_new();
    bool good = number != NULL &&
                BN_rand(number, SERIAL_BITS, BN_RAND_TOP_ANY, BN_RAND_BOTTOM_ANY) == 1 &&
                BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate)) != NULL;
    BN_free(number);
    return good;
}

static bool set_basics(X509 *certificate, EVP_PKEY *key, const struct plab_certificate_wish *wish,
                       const X509 *issuer) {
    X509_NAME *subject = X509_get_subject_name(certificate);
    return X509_set_version(certificate, X509_VERSION_3) == 1 && set_serial(certificate) &&
           X509_gmtime_adj(X509_getm_notBefore(certificate), (long)wish->from_s) != NULL &&
           X509_gmtime_adj(X509_getm_notAfter(certificate), (long)wish->to_s) != NULL &&
           X509_set_pubkey(certificate, key) == 1 &&
           X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8,
                                      (const unsigned char *)wish->common_name, -1, -1, 0) == 1 &&
           X509_set_issuer_name(certificate,
                                issuer != NULL ? X509_get_subject_name(issuer) : subject) == 1;
}

static bool set_extensions(X509 *certificate, const struct plab_certificate_wish *wish,
                           X509 *issuer) {
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer != NULL ? issuer : certificate, certificate, NULL, NULL, 0);
    return add_extension(certificate, &context, NID_basic_constraints,
                         wish->is_ca ? "critical,CA:TRUE,pathlen:0" : "critical,CA:FALSE") &&
           add_extension(certificate, &context, NID_key_usage,
                         wish->is_ca ? "critical,keyCertSign,cRLSign"
                                     : "critical,digitalSignature,keyEncipherment") &&
           (wish->is_ca || add_extension(certificate, &context, NID_ext_key_usage, "serverAuth")) &&
           add_extension(certificate, &context, NID_subject_key_identifier, "hash") &&
           add_extension(certificate, &context, NID_authority_key_identifier, "keyid") &&
           add_names(certificate, wish);
}

static bool make(struct plab_tls_identity *identity, const struct plab_certificate_wish *wish,
                 const struct plab_tls_identity *issuer) {
    X509 *above = issuer != NULL ? issuer->certificate : NULL;
    identity->key = make_key(wish->key_type);
    identity->certificate = X509_new();
    return identity->key != NULL && identity->certificate != NULL &&
           set_basics(identity->certificate, identity->key, wish, above) &&
           set_extensions(identity->certificate, wish, above) &&
           X509_sign(identity->certificate, issuer != NULL ? issuer->key : identity->key,
                     EVP_sha256()) > 0;
}

enum plab_status plab_identity_make(struct plab_tls_identity **out,
                                    const struct plab_certificate_wish *wish,
                                    const struct plab_tls_identity *issuer,
                                    struct plab_error *err) {
    *out = NULL;
    for (size_t i = 0; i < wish->name_count; i++) {
        if (!is_address(wish->names[i]) && !is_name(wish->names[i])) {
            char shown[80];
            return plab_fail(
                err, PLAB_E_USAGE,
                "\"%s\" is neither a host name nor an address, and can't stand in a "
                "certificate",
                plab_log_escape(wish->names[i], strlen(wish->names[i]), shown, sizeof shown));
        }
    }
    struct plab_tls_identity *identity = calloc(1, sizeof *identity);
    if (identity == NULL) {
        return plab_fail(err, PLAB_E_NOMEM, "not enough memory for a certificate");
    }
    if (!make(identity, wish, issuer)) {
        plab_identity_free(&identity);
        return plab_openssl_fail(err, PLAB_E_FAILED, "cannot make a certificate");
    }
    *out = identity;
    return PLAB_OK;
}

/* ---- files ---- */

static FILE *open_for_reading(const char *path, struct plab_error *err) {
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        plab_fail(err, PLAB_E_IO, "cannot read %s: %s", path, strerror(errno));
    }
    return file;
}

/* Nobody is there to type a pass phrase: a key that needs one can't be used. */
static int no_pass_phrase(char *buffer, int size, int writing, void *cookie) {
    (void)buffer, (void)size, (void)writing, (void)cookie;
    return -1;
}

enum plab_status plab_identity_load(struct plab_tls_identity **out, const char *certificate_file,
                                    const char *key_file, struct plab_error *err) {
    *out = NULL;
    FILE *certificate = open_for_reading(certificate_file, err);
    FILE *key = certificate != NULL ? open_for_reading(key_file, err) : NULL;
    struct plab_tls_identity *identity = key != NULL ? calloc(1, sizeof *identity) : NULL;
    enum plab_status status = key == NULL ? PLAB_E_IO : PLAB_E_NOMEM;
    if (identity != NULL) {
        identity->certificate = PEM_read_X509(certificate, NULL, no_pass_phrase, NULL);
        identity->key = PEM_read_PrivateKey(key, NULL, no_pass_phrase, NULL);
        status = PLAB_OK;
        if (identity->certificate == NULL || identity->key == NULL ||
            X509_check_private_key(identity->certificate, identity->key) != 1) {
            ERR_clear_error();
            plab_identity_free(&identity);
            status = plab_fail(err, PLAB_E_INPUT,
                               "%s and %s are not a PEM certificate and its key; remove both to "
                               "have new ones made",
                               certificate_file, key_file);
        }
    }
    if (certificate != NULL) {
        fclose(certificate);
    }
    if (key != NULL) {
        fclose(key);
    }
    *out = identity;
    return status;
}

static enum plab_status store(const char *path, mode_t mode,
                              const struct plab_tls_identity *identity, bool key,
                              struct plab_error *err) {
    BIO *bio = BIO_new(BIO_s_secmem());
    char *text = NULL;
    bool good = bio != NULL && (key ? PEM_write_bio_PKCS8PrivateKey(bio, identity->key, NULL, NULL,
                                                                    0, NULL, NULL) == 1
                                    : PEM_write_bio_X509(bio, identity->certificate) == 1);
    long len = good ? BIO_get_mem_data(bio, &text) : 0;
    enum plab_status status =
        good ? plab_file_write_mode(path, mode, text, (size_t)len, err)
             : plab_fail(err, PLAB_E_NOMEM, "not enough memory to write %s", path);
    BIO_free(bio);
    return status;
}

enum plab_status plab_identity_store(const struct plab_tls_identity *identity,
                                     const char *certificate_file, const char *key_file,
                                     struct plab_error *err) {
    enum plab_status status = store(key_file, 0600, identity, true, err);
    return status == PLAB_OK ? store(certificate_file, 0644, identity, false, err) : status;
}

/* ---- judging ---- */

static bool holds_for(X509 *certificate, const char *name) {
    return is_address(name) ? X509_check_ip_asc(certificate, name, 0) == 1
                            : X509_check_host(certificate, name, 0, 0, NULL) == 1;
}

bool plab_identity_serves(const struct plab_tls_identity *identity,
                          const struct plab_tls_identity *issuer,
                          const struct plab_certificate_wish *wish, int64_t left_s) {
    X509 *certificate = identity->certificate;
    int wanted = wish->key_type == PLAB_KEY_RSA ? EVP_PKEY_RSA : EVP_PKEY_EC;
    time_t then = time(NULL) + (time_t)left_s;
    if (EVP_PKEY_get_base_id(identity->key) != wanted ||
        X509_cmp_time(X509_get0_notAfter(certificate), &then) <= 0 ||
        X509_cmp_current_time(X509_get0_notBefore(certificate)) > 0 ||
        X509_verify(certificate, issuer->key) != 1) {
        ERR_clear_error();
        return false;
    }
    for (size_t i = 0; i < wish->name_count; i++) {
        if (!holds_for(certificate, wish->names[i])) {
            return false;
        }
    }
    return true;
}
