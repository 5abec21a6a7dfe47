/* SPDX-License-Identifier: BSD-3-Clause */
/* Processor identity: recorded texts, and this machine's. */
#include "host/ident.h"
#include "tests/harness.h"

TEST(ident, x86_text) {
    static const char text[] = "processor\t: 0\n"
                               "vendor_id\t: AuthenticAMD\n"
                               "cpu family\t: 25\n"
                               "model\t\t: 97\n"
                               "model name\t: AMD Ryzen 9 7950X3D 16-Core Processor\n"
                               "stepping\t: 2\n"
                               "flags\t\t: fpu vme hypervisor lahf_lm\n"
                               "\n"
                               "processor\t: 1\n"
                               "model\t\t: 98\n";
    struct plab_ident ident;
    plab_ident_from_cpuinfo(&ident, text);
    CHECK_STR(ident.brand, "AMD Ryzen 9 7950X3D 16-Core Processor");
    CHECK_STR(ident.vendor, "AuthenticAMD");
    CHECK(ident.family == 25 && ident.model == 97 && ident.stepping == 2);
    CHECK_STR(ident.hypervisor, "unknown");
    CHECK(!ident.libcpuid);
}

TEST(ident, arm_text) {
    static const char text[] = "processor\t: 0\n"
                               "BogoMIPS\t: 50.00\n"
                               "Features\t: fp asimd aes pmull sha1 sha2 crc32\n"
                               "CPU implementer\t: 0x41\n"
                               "CPU architecture: 8\n"
                               "CPU variant\t: 0x3\n"
                               "CPU part\t: 0xd0c\n"
                               "CPU revision\t: 1\n";
    struct plab_ident ident;
    plab_ident_from_cpuinfo(&ident, text);
    CHECK_STR(ident.vendor, "Arm");
    CHECK_STR(ident.codename, "Neoverse N1");
    CHECK(ident.family == 8 && ident.model == 0xD0C && ident.stepping == 1);
    CHECK_STR(ident.hypervisor, "");
}

TEST(ident, unknown_text_leaves_fields_empty) {
    struct plab_ident ident;
    plab_ident_from_cpuinfo(&ident, "flags : hypervisors\nmodel name without colon\n");
    CHECK_STR(ident.brand, "");
    CHECK_STR(ident.hypervisor, "");
    CHECK(ident.family == -1 && ident.model == -1 && ident.stepping == -1);
    plab_ident_from_cpuinfo(&ident, "");
    CHECK_STR(ident.vendor, "");
}

TEST(ident, this_machine) {
    struct plab_ident ident;
    plab_ident_read(&ident);
    CHECK(ident.brand[0] != '\0' || ident.codename[0] != '\0' || ident.vendor[0] != '\0' ||
          ident.family >= 0);
#if !defined(__x86_64__)
    CHECK(!ident.libcpuid);
#endif
}
