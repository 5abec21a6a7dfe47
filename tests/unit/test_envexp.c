/* SPDX-License-Identifier: BSD-3-Clause */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/attr.h"
#include "cli/envexp.h"
#include "tests/harness.h"

TEST(envexp, references_are_replaced_once) {
    static const char *const cases[][2] = {
        {"", ""},
        {"plain", "plain"},
        {"${PLAB_A}", "one"},
        {"x${PLAB_A}y${PLAB_A}", "xoneyone"},
        {"${PLAB_A}${PLAB_B}", "one${PLAB_A}"}, /* a value isn't looked into */
        {"${PLAB_NONE}", "${PLAB_NONE}"},       /* what isn't set stays */
        {"${PLAB_EMPTY}", ""},
        {"${}", "${}"},
        {"$PLAB_A", "$PLAB_A"},
        {"${PLAB_A", "${PLAB_A"},
        {"$${PLAB_A}}", "$one}"},
        {"${XMRIG_KIND}", "miner"},
    };
    char out[100];
    setenv("PLAB_A", "one", 1);
    setenv("PLAB_B", "${PLAB_A}", 1);
    setenv("PLAB_EMPTY", "", 1);
    unsetenv("PLAB_NONE");
    for (size_t i = 0; i < PLAB_ARRAY_LEN(cases); i++) {
        CHECK_MSG(plab_env_expand(cases[i][0], out, sizeof out), "%s", cases[i][0]);
        CHECK_STR(out, cases[i][1]);
    }
}

TEST(envexp, the_host_has_a_name) {
    char host[HOST_NAME_MAX + 1] = "", want[HOST_NAME_MAX + 10], out[HOST_NAME_MAX + 10];
    CHECK(gethostname(host, HOST_NAME_MAX) == 0);
    snprintf(want, sizeof want, "rig-%s", host);
    unsetenv("HOSTNAME");
    CHECK(plab_env_expand("rig-${HOSTNAME}", out, sizeof out));
    CHECK_STR(out, want);
    setenv("HOSTNAME", "other", 1);
    CHECK(plab_env_expand("${HOSTNAME}/${XMRIG_HOSTNAME}", out, sizeof out));
    CHECK(strncmp(out, "other/", 6) == 0 && strcmp(out + 6, host) == 0);
}

TEST(envexp, what_does_not_fit_is_refused) {
    char out[8], name[400];
    setenv("PLAB_A", "12345", 1);
    CHECK(plab_env_expand("ab${PLAB_A}", out, sizeof out));
    CHECK_STR(out, "ab12345");
    CHECK(!plab_env_expand("abc${PLAB_A}", out, sizeof out));
    CHECK_STR(out, "");
    CHECK(!plab_env_expand("12345678", out, sizeof out));
    memset(name, 'x', sizeof name);
    memcpy(name, "${", 2);
    memcpy(name + sizeof name - 2, "}", 2);
    char large[500];
    CHECK(plab_env_expand(name, large, sizeof large)); /* no variable has such a name */
    CHECK_STR(large, name);
}
