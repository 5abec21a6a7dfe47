/* SPDX-License-Identifier: BSD-3-Clause */
#include "net/httphead.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <strings.h>

#include "base/netguard.h"

/* What has been read of a head so far. */
struct parse {
    struct plab_http_head *out;
    unsigned fields, hosts, lengths, codings, authorizations;
    uint64_t content_length;
};

static bool is_token_char(char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

static bool is_token(struct plab_http_text text) {
    for (size_t i = 0; i < text.len; i++) {
        if (!is_token_char(text.at[i])) {
            return false;
        }
    }
    return text.len > 0;
}

bool plab_http_text_is(struct plab_http_text text, const char *word) {
    return text.at != NULL && text.len == strlen(word) && memcmp(text.at, word, text.len) == 0;
}

bool plab_http_word_is(struct plab_http_text text, const char *word) {
    return text.at != NULL && text.len == strlen(word) && strncasecmp(text.at, word, text.len) == 0;
}

/* ---- the request line ---- */

static enum plab_http_method method_of(struct plab_http_text token) {
    return plab_http_text_is(token, "GET")       ? PLAB_HTTP_GET
           : plab_http_text_is(token, "HEAD")    ? PLAB_HTTP_HEAD
           : plab_http_text_is(token, "OPTIONS") ? PLAB_HTTP_OPTIONS
                                                 : PLAB_HTTP_OTHER;
}

/* Origin form only: "/path" or "/path?query" of visible ASCII characters. */
static bool parse_target(struct plab_http_text target, struct plab_http_head *out) {
    if (target.len == 0 || target.at[0] != '/') {
        return false;
    }
    for (size_t i = 0; i < target.len; i++) {
        if (target.at[i] <= ' ' || target.at[i] > '~' || target.at[i] == '#') {
            return false;
        }
    }
    const char *mark = memchr(target.at, '?', target.len);
    out->path = target;
    if (mark != NULL) {
        out->path.len = (size_t)(mark - target.at);
        out->query = (struct plab_http_text){mark + 1, target.len - out->path.len - 1};
    }
    return true;
}

/* Cuts the text before the next blank off `rest`; at the last one it takes all. */
static struct plab_http_text cut_word(struct plab_http_text *rest) {
    const char *blank = memchr(rest->at, ' ', rest->len);
    struct plab_http_text word = {rest->at, blank != NULL ? (size_t)(blank - rest->at) : rest->len};
    size_t used = word.len + (blank != NULL);
    rest->at += used;
    rest->len -= used;
    return word;
}

static unsigned parse_request_line(struct plab_http_text line, struct plab_http_head *out) {
    struct plab_http_text method = cut_word(&line);
    struct plab_http_text target = cut_word(&line);
    if (!is_token(method) || line.len != strlen("HTTP/1.1") || memcmp(line.at, "HTTP/", 5) != 0 ||
        line.at[6] != '.') {
        return 400;
    }
    if (line.at[5] != '1' || (line.at[7] != '0' && line.at[7] != '1')) {
        return 505;
    }
    out->method = method_of(method);
    out->minor = (unsigned)(line.at[7] - '0');
    return parse_target(target, out) ? 0 : 400;
}

/* ---- fields ---- */

/* "ADDR" or "[ADDR]" with a lab address, or "localhost"; anything else is a name that somebody may
 * have given to our address. */
static bool is_own_name(struct plab_http_text host) {
    char text[INET6_ADDRSTRLEN] = "";
    struct sockaddr_in v4 = {.sin_family = AF_INET};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
    bool brackets = host.len > 2 && host.at[0] == '[' && host.at[host.len - 1] == ']';
    size_t len = host.len - 2 * (size_t)brackets;
    if (plab_http_word_is(host, "localhost")) {
        return true;
    }
    if (len >= sizeof text) {
        return false;
    }
    memcpy(text, host.at + brackets, len);
    if (brackets) {
        return inet_pton(AF_INET6, text, &v6.sin6_addr) == 1 &&
               plab_netguard_is_lab((const struct sockaddr *)&v6);
    }
    return inet_pton(AF_INET, text, &v4.sin_addr) == 1 &&
           plab_netguard_is_lab((const struct sockaddr *)&v4);
}

/* The port is not compared: the server may be reached through a forwarded one. */
bool plab_http_host_is_lab(struct plab_http_text value) {
    size_t digits = 0;
    while (digits < value.len && value.at[value.len - 1 - digits] >= '0' &&
           value.at[value.len - 1 - digits] <= '9') {
        digits++;
    }
    if (digits > 0 && digits <= 5 && digits < value.len &&
        value.at[value.len - 1 - digits] == ':') {
        value.len -= digits + 1;
    }
    return is_own_name(value);
}

static bool parse_length(struct plab_http_text value, uint64_t *out) {
    *out = 0;
    for (size_t i = 0; i < value.len; i++) {
        if (value.at[i] < '0' || value.at[i] > '9') {
            return false;
        }
        *out = *out * 10 + (uint64_t)(value.at[i] - '0');
    }
    return value.len > 0 && value.len <= 18; /* fits 63 bits */
}

static unsigned take_field(struct parse *parse, struct plab_http_text name,
                           struct plab_http_text value) {
    if (plab_http_word_is(name, "host")) {
        return parse->hosts++ > 0 ? 400 : plab_http_host_is_lab(value) ? 0 : 421;
    }
    if (plab_http_word_is(name, "content-length")) {
        return parse->lengths++ > 0 || !parse_length(value, &parse->content_length) ? 400 : 0;
    }
    if (plab_http_word_is(name, "transfer-encoding")) {
        parse->codings++;
    } else if (plab_http_word_is(name, "authorization")) {
        parse->out->authorization = value;
        return parse->authorizations++ > 0 ? 400 : 0;
    }
    return 0;
}

struct plab_http_text plab_http_trim(struct plab_http_text text) {
    while (text.len > 0 && (text.at[0] == ' ' || text.at[0] == '\t')) {
        text.at++;
        text.len--;
    }
    while (text.len > 0 && (text.at[text.len - 1] == ' ' || text.at[text.len - 1] == '\t')) {
        text.len--;
    }
    return text;
}

/* Takes the line at the beginning of `rest`, without its CR LF. */
static bool cut_line(struct plab_http_text *rest, struct plab_http_text *line) {
    const char *end = memchr(rest->at, '\n', rest->len);
    if (end == NULL || end == rest->at || end[-1] != '\r') {
        return false;
    }
    *line = (struct plab_http_text){rest->at, (size_t)(end - rest->at) - 1};
    rest->len -= line->len + 2;
    rest->at = end + 1;
    return true;
}

unsigned plab_http_take_field(struct plab_http_text *fields, struct plab_http_text *name,
                              struct plab_http_text *value) {
    struct plab_http_text line;
    if (!cut_line(fields, &line)) {
        return 400;
    }
    *name = *value = (struct plab_http_text){line.at, 0};
    if (line.len == 0) {
        return 0;
    }
    const char *colon = memchr(line.at, ':', line.len);
    name->len = colon != NULL ? (size_t)(colon - line.at) : 0;
    *value = (struct plab_http_text){line.at + name->len + 1, line.len - name->len - 1};
    if (!is_token(*name)) { /* no colon, a blank before it, or a folded line, too */
        return 400;
    }
    for (size_t i = 0; i < value->len; i++) {
        unsigned char c = (unsigned char)value->at[i];
        if ((c < ' ' && c != '\t') || c == 0x7f) {
            return 400;
        }
    }
    *value = plab_http_trim(*value);
    return 0;
}

/* What only all fields together tell. */
static unsigned judge(const struct parse *parse) {
    struct plab_http_head *out = parse->out;
    if (parse->hosts == 0 || (parse->codings > 0 && parse->lengths > 0)) {
        return 400;
    }
    if (parse->codings > 0) {
        return 411;
    }
    if (parse->content_length > PLAB_HTTP_BODY_MAX) {
        return 413;
    }
    out->has_body = parse->content_length > 0;
    return out->has_body && out->method != PLAB_HTTP_OTHER ? 400 : 0;
}

unsigned plab_http_head_parse(const char *bytes, size_t len, struct plab_http_head *out) {
    struct plab_http_text rest = {bytes, len}, line, name, value;
    struct parse parse = {.out = out};
    memset(out, 0, sizeof *out);
    if (!cut_line(&rest, &line)) {
        return 400;
    }
    unsigned status = parse_request_line(line, out);
    out->fields = rest;
    while (status == 0) {
        status = plab_http_take_field(&rest, &name, &value);
        if (status == 0 && name.len == 0) {
            return judge(&parse);
        }
        if (status == 0) {
            status = ++parse.fields > PLAB_HTTP_FIELDS_MAX ? 431 : take_field(&parse, name, value);
        }
    }
    return status;
}

size_t plab_http_head_length(const char *bytes, size_t len) {
    for (size_t i = 0; i < len; i++) {
        if (bytes[i] != '\n') {
            continue;
        }
        if (i + 1 < len && bytes[i + 1] == '\n') { /* a lone LF ends it too: to be refused */
            return i + 2;
        }
        if (i + 2 < len && bytes[i + 1] == '\r' && bytes[i + 2] == '\n') {
            return i + 3;
        }
    }
    return 0;
}

unsigned plab_http_head_overflow(const char *bytes, size_t len) {
    return memchr(bytes, '\n', len) == NULL ? 414 : 431;
}

bool plab_http_bearer_is(struct plab_http_text authorization, const char *token) {
    static const char scheme[] = "Bearer ";
    const size_t scheme_len = sizeof scheme - 1;
    const size_t token_len = strlen(token);
    if (authorization.at == NULL || authorization.len < scheme_len ||
        strncasecmp(authorization.at, scheme, scheme_len) != 0) {
        return false;
    }
    const char *given = authorization.at + scheme_len;
    const size_t given_len = authorization.len - scheme_len;
    /* Each byte of what was given is compared with some byte of ours: the time follows the length
     * of what the peer sent, which it knows anyway. */
    unsigned char differs = given_len != token_len;
    for (size_t i = 0; i < given_len; i++) {
        differs |= (unsigned char)(given[i] ^ token[token_len > 0 ? i % token_len : 0]);
    }
    return differs == 0 && token_len > 0;
}
