/* SPDX-License-Identifier: BSD-3-Clause */
#include "daemon/http.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/log.h"

static bool parse_port(const char *text, size_t len, uint16_t *port) {
    unsigned value = 0;
    if (len == 0 || len > 5) {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        if (text[i] < '0' || text[i] > '9') {
            return false;
        }
        value = value * 10 + (unsigned)(text[i] - '0');
    }
    *port = (uint16_t)value;
    return value >= 1 && value <= 65535;
}

/* Splits "host:port" or "[host]:port" of `len` bytes. */
static bool parse_authority(const char *text, size_t len, struct plab_http_url *out) {
    const char *host = text, *after;
    size_t host_len;
    if (len > 0 && text[0] == '[') {
        const char *close = memchr(text, ']', len);
        if (close == NULL) {
            return false;
        }
        host = text + 1;
        host_len = (size_t)(close - host);
        after = close + 1;
    } else {
        const char *colon = memchr(text, ':', len);
        host_len = colon != NULL ? (size_t)(colon - text) : len;
        after = text + host_len;
    }
    size_t rest = len - (size_t)(after - text);
    if (host_len == 0 || host_len > PLAB_HTTP_HOST_MAX) {
        return false;
    }
    memcpy(out->host, host, host_len);
    out->host[host_len] = '\0';
    return rest == 0 || (after[0] == ':' && parse_port(after + 1, rest - 1, &out->port));
}

enum plab_status plab_http_url_parse(const char *text, uint16_t default_port,
                                     struct plab_http_url *out, struct plab_error *err) {
    static const char scheme[] = "http://";
    memset(out, 0, sizeof *out);
    out->port = default_port;
    bool good = strncasecmp(text, scheme, sizeof scheme - 1) == 0;
    const char *authority = text + sizeof scheme - 1;
    if (good) {
        size_t len = strcspn(authority, "/?#");
        const char *path = authority + len;
        good = memchr(authority, '@', len) == NULL && (path[0] == '\0' || strcmp(path, "/") == 0) &&
               parse_authority(authority, len, out);
    }
    if (!good) {
        char shown[100];
        memset(out, 0, sizeof *out);
        return plab_fail(err, PLAB_E_USAGE,
                         "\"%s\" is not a daemon's address; expected http://HOST:PORT without user "
                         "name and path",
                         plab_log_escape(text, strlen(text), shown, sizeof shown));
    }
    return PLAB_OK;
}

char *plab_http_build(const struct plab_http_url *url, const struct plab_http_request *request,
                      size_t *len) {
    char length[80] = "", port[16] = "";
    char *text = NULL;
    const bool brackets = strchr(url->host, ':') != NULL;
    const char *body = request->body != NULL ? request->body : "";
    const char *agent = request->agent, *difficulty = request->difficulty;
    if (request->body != NULL) {
        snprintf(length, sizeof length, "Content-Length: %zu\r\nContent-Type: application/json\r\n",
                 strlen(body));
    }
    if (!request->bare_host) {
        snprintf(port, sizeof port, ":%u", (unsigned)url->port);
    }
    int written = asprintf(
        &text, "%s %s HTTP/1.1\r\nConnection: close\r\n%sHost: %s%s%s%s\r\n%s%s%s%s%s%s\r\n%s",
        request->body != NULL ? "POST" : "GET", request->path, length, brackets ? "[" : "",
        url->host, brackets ? "]" : "", port, agent != NULL ? "User-Agent: " : "",
        agent != NULL ? agent : "", agent != NULL ? "\r\n" : "",
        difficulty != NULL ? "X-Hash-Difficulty: " : "", difficulty != NULL ? difficulty : "",
        difficulty != NULL ? "\r\n" : "", body);
    if (written < 0) {
        return NULL;
    }
    *len = (size_t)written;
    return text;
}

/* Header names and values of one line; true when the name is `name`. `*value` is without blanks at
 * both ends. */
static bool header_is(char *line, const char *name, char **value) {
    size_t len = strlen(name);
    if (strncasecmp(line, name, len) != 0 || line[len] != ':') {
        return false;
    }
    *value = line + len + 1 + strspn(line + len + 1, " \t");
    size_t end = strlen(*value);
    while (end > 0 && strchr(" \t\r", (*value)[end - 1]) != NULL) {
        (*value)[--end] = '\0';
    }
    return true;
}

static bool parse_length(const char *text, int base, uint64_t *out) {
    uint64_t value = 0;
    size_t digits = 0;
    for (; text[digits] != '\0'; digits++) {
        char c = text[digits];
        unsigned digit = c >= '0' && c <= '9'   ? (unsigned)(c - '0')
                         : c >= 'a' && c <= 'f' ? (unsigned)(c - 'a' + 10)
                         : c >= 'A' && c <= 'F' ? (unsigned)(c - 'A' + 10)
                                                : 99;
        if (digit >= (unsigned)base || digits >= 15) {
            return false;
        }
        value = value * (unsigned)base + digit;
    }
    *out = value;
    return digits > 0;
}

/* The head stands in `line`, NUL-terminated, without the empty line. */
static enum plab_status parse_head(struct plab_http_response *response, struct plab_error *err) {
    char *save = NULL, *value;
    char *line = strtok_r(response->line, "\n", &save);
    bool counted = false, chunked = false;
    if (line == NULL || strncmp(line, "HTTP/1.", 7) != 0 || strlen(line) < 12 || line[8] != ' ' ||
        (response->status = atoi(line + 9)) < 100) {
        return plab_fail(err, PLAB_E_PROTOCOL, "the daemon's answer is not HTTP");
    }
    while ((line = strtok_r(NULL, "\n", &save)) != NULL) {
        if (header_is(line, "Content-Length", &value)) {
            if (counted || !parse_length(value, 10, &response->left)) {
                return plab_fail(err, PLAB_E_PROTOCOL, "the daemon's answer has a bad length");
            }
            counted = true;
        } else if (header_is(line, "Transfer-Encoding", &value)) {
            chunked = strcasecmp(value, "chunked") == 0;
            if (!chunked) {
                return plab_fail(err, PLAB_E_PROTOCOL, "the daemon's answer is encoded");
            }
        }
    }
    if (counted && chunked) {
        return plab_fail(err, PLAB_E_PROTOCOL, "the daemon's answer has two lengths");
    }
    response->until_close = !counted && !chunked;
    response->part = chunked ? PLAB_HTTP_CHUNK_SIZE : PLAB_HTTP_BODY;
    if (counted && response->left == 0) {
        response->part = PLAB_HTTP_DONE;
    }
    return PLAB_OK;
}

/* Collects bytes up to and including LF; `*line_done` when there is one. */
static enum plab_status take_line(struct plab_http_response *response, const char *data, size_t len,
                                  size_t *used, bool *line_done, struct plab_error *err) {
    const char *end = memchr(data, '\n', len);
    size_t count = end != NULL ? (size_t)(end - data) + 1 : len;
    *line_done = end != NULL;
    *used = count;
    if (response->line_len + count > PLAB_HTTP_HEAD_MAX) {
        return plab_fail(err, PLAB_E_PROTOCOL, "the head of the daemon's answer is above %d bytes",
                         PLAB_HTTP_HEAD_MAX);
    }
    if (response->line == NULL && (response->line = malloc(PLAB_HTTP_HEAD_MAX + 1)) == NULL) {
        return plab_fail(err, PLAB_E_NOMEM, "no memory for the daemon's answer");
    }
    memcpy(response->line + response->line_len, data, count);
    response->line_len += count;
    response->line[response->line_len] = '\0';
    return PLAB_OK;
}

/* True when what was collected ends in an empty line. */
static bool head_complete(const struct plab_http_response *response) {
    const char *end = response->line + response->line_len;
    return (response->line_len >= 2 && memcmp(end - 2, "\n\n", 2) == 0) ||
           (response->line_len >= 3 && memcmp(end - 3, "\n\r\n", 3) == 0);
}

static enum plab_status feed_head(struct plab_http_response *response, const char *data, size_t len,
                                  size_t *used, struct plab_error *err) {
    bool line_done;
    enum plab_status status = take_line(response, data, len, used, &line_done, err);
    if (status == PLAB_OK && line_done && head_complete(response)) {
        status = memchr(response->line, '\0', response->line_len) != NULL
                     ? plab_fail(err, PLAB_E_PROTOCOL, "the daemon's answer is not HTTP")
                     : parse_head(response, err);
        response->line_len = 0;
    }
    return status;
}

static enum plab_status feed_chunk_line(struct plab_http_response *response, const char *data,
                                        size_t len, size_t *used, struct plab_error *err) {
    bool line_done;
    enum plab_status status = take_line(response, data, len, used, &line_done, err);
    if (status != PLAB_OK || !line_done) {
        return status;
    }
    size_t text_len = strcspn(response->line, "\r\n; \t");
    bool empty = text_len == 0;
    response->line[text_len] = '\0';
    response->line_len = 0;
    if (response->part == PLAB_HTTP_CHUNK_SIZE) {
        if (!parse_length(response->line, 16, &response->left)) {
            return plab_fail(err, PLAB_E_PROTOCOL, "the daemon's answer has a bad chunk length");
        }
        response->part = response->left > 0 ? PLAB_HTTP_CHUNK : PLAB_HTTP_TRAILER;
    } else if (response->part == PLAB_HTTP_CHUNK_END) {
        if (!empty) {
            return plab_fail(err, PLAB_E_PROTOCOL, "the daemon's answer has a bad chunk end");
        }
        response->part = PLAB_HTTP_CHUNK_SIZE;
    } else if (empty) {
        response->part = PLAB_HTTP_DONE;
    }
    return PLAB_OK;
}

static enum plab_status append_body(struct plab_http_response *response, const char *data,
                                    size_t len, struct plab_error *err) {
    if (len > PLAB_HTTP_BODY_MAX - response->body_len) {
        return plab_fail(err, PLAB_E_PROTOCOL, "the daemon's answer is above %u bytes",
                         PLAB_HTTP_BODY_MAX);
    }
    if (response->body_len + len + 1 > response->body_cap) {
        size_t cap = 2 * response->body_cap + len + 4096;
        char *grown = realloc(response->body, cap);
        if (grown == NULL) {
            return plab_fail(err, PLAB_E_NOMEM, "no memory for the daemon's answer");
        }
        response->body = grown;
        response->body_cap = cap;
    }
    memcpy(response->body + response->body_len, data, len);
    response->body_len += len;
    response->body[response->body_len] = '\0';
    return PLAB_OK;
}

static enum plab_status feed_body(struct plab_http_response *response, const char *data, size_t len,
                                  size_t *used, struct plab_error *err) {
    *used = response->until_close || len < response->left ? len : (size_t)response->left;
    enum plab_status status = append_body(response, data, *used, err);
    if (status != PLAB_OK || response->until_close) {
        return status;
    }
    response->left -= *used;
    if (response->left == 0) {
        response->part = response->part == PLAB_HTTP_CHUNK ? PLAB_HTTP_CHUNK_END : PLAB_HTTP_DONE;
    }
    return PLAB_OK;
}

enum plab_status plab_http_response_feed(struct plab_http_response *response, const char *data,
                                         size_t len, struct plab_error *err) {
    enum plab_status status = PLAB_OK;
    while (len > 0 && status == PLAB_OK && response->part != PLAB_HTTP_DONE) {
        size_t used = 0;
        switch (response->part) {
        case PLAB_HTTP_HEAD:
            status = feed_head(response, data, len, &used, err);
            break;
        case PLAB_HTTP_BODY:
        case PLAB_HTTP_CHUNK:
            status = feed_body(response, data, len, &used, err);
            break;
        default:
            status = feed_chunk_line(response, data, len, &used, err);
            break;
        }
        data += used;
        len -= used;
    }
    return status;
}

enum plab_status plab_http_response_end(struct plab_http_response *response,
                                        struct plab_error *err) {
    if (response->part == PLAB_HTTP_BODY && response->until_close) {
        response->part = PLAB_HTTP_DONE;
    }
    if (response->part != PLAB_HTTP_DONE) {
        return plab_fail(err, PLAB_E_PROTOCOL, "the daemon closed the connection in mid-answer");
    }
    return PLAB_OK;
}

void plab_http_response_free(struct plab_http_response *response) {
    free(response->line);
    free(response->body);
    memset(response, 0, sizeof *response);
}
