/* SPDX-License-Identifier: BSD-3-Clause */
/* Where a ledger's URL leads: into the lab, or nowhere. */
#include <stdlib.h>
#include <string.h>

#include "pool/ledger_server_priv.h"
#include "tests/harness.h"

/* The value that libpq gets; "" without one. */
static const char *value_of(const struct plab_ledger_server *server, const char *keyword) {
    const char *value = "";
    for (size_t i = 0; server->keywords[i] != NULL; i++) {
        if (strcmp(server->keywords[i], keyword) == 0) {
            value = server->values[i];
        }
    }
    return value;
}

TEST(ledger_server, urls_of_the_lab) {
    static const struct {
        const char *url, *host, *hostaddr, *port, *name;
    } cases[] = {
        {"postgresql://u:secret@127.0.0.1:5433/powlab", "127.0.0.1", "127.0.0.1", "5433",
         "postgresql://127.0.0.1:5433/powlab"},
        {"postgres://10.1.2.3/x", "10.1.2.3", "10.1.2.3", "5432", "postgresql://10.1.2.3:5432/x"},
        {"postgresql://[::1]/x", "::1", "::1", "5432", "postgresql://::1:5432/x"},
        {"postgresql://localhost/x", "localhost", "127.0.0.1", "5432",
         "postgresql://127.0.0.1:5432/x"},
        {"postgresql:///x?host=/tmp/pg&port=6000&user=me", "/tmp/pg", "", "6000",
         "postgresql:///x?host=/tmp/pg"},
        {"postgresql://%2Ftmp%2Fpg/x", "/tmp/pg", "", "5432", "postgresql:///x?host=/tmp/pg"},
        {"postgresql:///x", "/var/run/postgresql", "", "5432",
         "postgresql:///x?host=/var/run/postgresql"},
        {"postgresql://db.lab/x?hostaddr=192.168.0.9", "db.lab", "192.168.0.9", "5432",
         "postgresql://192.168.0.9:5432/x"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct plab_ledger_server server;
        struct plab_error err = {.text = ""};
        CHECK_MSG(plab_ledger_server_parse(&server, cases[i].url, &err) == PLAB_OK, "%s: %s",
                  cases[i].url, err.text);
        CHECK_STR(value_of(&server, "host"), cases[i].host);
        CHECK_STR(value_of(&server, "hostaddr"), cases[i].hostaddr);
        CHECK_STR(value_of(&server, "port"), cases[i].port);
        CHECK_STR(server.name, cases[i].name);
        CHECK_U64(server.patience_s, 0);
        plab_ledger_server_free(&server);
    }
}

TEST(ledger_server, patience) {
    static const char *const wrong[] = {"0", "-1", "3601", "2s", "+2", "99999999999999999999"};
    struct plab_ledger_server server;
    struct plab_error err = {.text = ""};
    CHECK(plab_ledger_server_parse(&server, "postgresql:///x?connect_timeout=7", &err) == PLAB_OK);
    CHECK_U64(server.patience_s, 7);
    plab_ledger_server_free(&server);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        char url[100];
        snprintf(url, sizeof url, "postgresql:///x?connect_timeout=%s", wrong[i]);
        CHECK_MSG(plab_ledger_server_parse(&server, url, &err) == PLAB_E_USAGE, "%s", wrong[i]);
        CHECK_MSG(strstr(err.text, "connect_timeout") != NULL, "%s", err.text);
    }
}

static enum plab_status parse(const char *url, struct plab_error *err) {
    struct plab_ledger_server server;
    enum plab_status status = plab_ledger_server_parse(&server, url, err);
    if (status == PLAB_OK) {
        plab_ledger_server_free(&server);
    }
    return status;
}

TEST(ledger_server, urls_that_lead_elsewhere) {
    static const struct {
        const char *url;
        enum plab_status status;
    } cases[] = {
        {"postgresql://u:secret@8.8.8.8/x", PLAB_E_REFUSED},
        {"postgresql://0.0.0.0/x", PLAB_E_REFUSED},
        {"postgresql://[2001:4860:4860::8888]/x", PLAB_E_REFUSED},
        {"postgresql://[::ffff:8.8.8.8]/x", PLAB_E_REFUSED},
        {"postgresql://127.0.0.1/x?hostaddr=8.8.8.8", PLAB_E_REFUSED},
        {"postgresql:///x?host=/tmp&hostaddr=8.8.8.8", PLAB_E_REFUSED},
        {"postgresql://u:secret@db.example.org/x", PLAB_E_USAGE}, /* a name says nothing */
        {"postgresql://127.1/x", PLAB_E_USAGE},
        {"postgresql://0x7f000001/x", PLAB_E_USAGE},
        {"postgresql://127.0.0.1,8.8.8.8/x", PLAB_E_USAGE},
        {"postgresql://127.0.0.1/x?host=127.0.0.1,8.8.8.8", PLAB_E_USAGE},
        {"postgresql://127.0.0.1:99999/x", PLAB_E_USAGE},
        {"postgresql:///x?service=away", PLAB_E_USAGE},
        {"postgresql://u:secret@[::1/x", PLAB_E_USAGE},
        {"postgresql://u:secret@127.0.0.1/x?nonsense=1", PLAB_E_USAGE},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct plab_error err = {.text = ""};
        CHECK_MSG(parse(cases[i].url, &err) == cases[i].status, "%s: %s", cases[i].url, err.text);
        CHECK_MSG(strstr(err.text, "secret") == NULL, "%s", err.text);
        CHECK(err.text[0] != '\0' && strchr(err.text, '\n') == NULL);
    }
}

TEST(ledger_server, the_environment_has_no_say) {
    static const char *const variables[] = {"PGHOSTADDR", "PGSERVICE"};
    for (size_t i = 0; i < 2; i++) {
        struct plab_error err = {.text = ""};
        setenv(variables[i], "8.8.8.8", 1);
        CHECK(parse("postgresql:///x?host=/tmp", &err) == PLAB_E_USAGE);
        CHECK_MSG(strstr(err.text, variables[i]) != NULL, "%s", err.text);
        unsetenv(variables[i]);
    }
}
