/* SPDX-License-Identifier: BSD-3-Clause */
#include "host/ident.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/attr.h"

#if defined(__x86_64__)
#include <libcpuid.h>
#endif

static void copy_text(char *out, size_t out_cap, const char *text) {
    snprintf(out, out_cap, "%s", text);
}

/* ---- /proc/cpuinfo ---- */

/* Finds the first line "key<blanks>: value" and copies the value; false if there is none. */
static bool find_value(const char *text, const char *key, char *out, size_t out_cap) {
    size_t key_len = strlen(key);
    for (const char *line = text; line != NULL && *line != '\0'; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, key, key_len) != 0) {
            continue;
        }
        const char *at = line + key_len + strspn(line + key_len, " \t");
        if (*at != ':') {
            continue;
        }
        at++;
        at += strspn(at, " \t");
        snprintf(out, out_cap, "%.*s", (int)strcspn(at, "\n"), at);
        return true;
    }
    return false;
}

static int find_number(const char *text, const char *key) {
    char value[32];
    return find_value(text, key, value, sizeof value) ? (int)strtol(value, NULL, 0) : -1;
}

/* Cores by implementer and part number of MIDR_EL1. Source: linux,
 * arch/arm64/include/asm/cputype.h. */
static const struct {
    int implementer, part;
    const char *vendor, *core;
} arm_cores[] = {
    {0x41, 0xD03, "Arm", "Cortex-A53"},    {0x41, 0xD05, "Arm", "Cortex-A55"},
    {0x41, 0xD07, "Arm", "Cortex-A57"},    {0x41, 0xD08, "Arm", "Cortex-A72"},
    {0x41, 0xD09, "Arm", "Cortex-A73"},    {0x41, 0xD0A, "Arm", "Cortex-A75"},
    {0x41, 0xD0B, "Arm", "Cortex-A76"},    {0x41, 0xD0C, "Arm", "Neoverse N1"},
    {0x41, 0xD40, "Arm", "Neoverse V1"},   {0x41, 0xD41, "Arm", "Cortex-A78"},
    {0x41, 0xD44, "Arm", "Cortex-X1"},     {0x41, 0xD49, "Arm", "Neoverse N2"},
    {0x41, 0xD4F, "Arm", "Neoverse V2"},   {0xC0, 0xAC3, "Ampere", "Ampere-1"},
    {0x43, 0x0AF, "Cavium", "ThunderX2"},  {0x48, 0xD01, "HiSilicon", "TSV110"},
    {0x61, 0x022, "Apple", "M1 Icestorm"}, {0x61, 0x023, "Apple", "M1 Firestorm"},
};

static void identify_arm(struct plab_ident *ident, int implementer, int part) {
    for (size_t i = 0; i < PLAB_ARRAY_LEN(arm_cores); i++) {
        if (arm_cores[i].implementer == implementer && arm_cores[i].part == part) {
            copy_text(ident->vendor, sizeof ident->vendor, arm_cores[i].vendor);
            copy_text(ident->codename, sizeof ident->codename, arm_cores[i].core);
        }
    }
}

static bool has_word(const char *text, const char *word) {
    size_t length = strlen(word);
    for (const char *at = strstr(text, word); at != NULL; at = strstr(at + 1, word)) {
        bool starts = at == text || at[-1] == ' ';
        if (starts && (at[length] == ' ' || at[length] == '\0')) {
            return true;
        }
    }
    return false;
}

void plab_ident_from_cpuinfo(struct plab_ident *ident, const char *text) {
    char flags[4096];
    *ident = (struct plab_ident){.family = -1, .model = -1, .stepping = -1};
    find_value(text, "model name", ident->brand, sizeof ident->brand);
    find_value(text, "vendor_id", ident->vendor, sizeof ident->vendor);
    find_value(text, "microcode", ident->microcode, sizeof ident->microcode);
    int implementer = find_number(text, "CPU implementer");
    if (implementer >= 0) {
        ident->family = find_number(text, "CPU architecture");
        ident->model = find_number(text, "CPU part");
        ident->stepping = find_number(text, "CPU revision");
        identify_arm(ident, implementer, ident->model);
    } else {
        ident->family = find_number(text, "cpu family");
        ident->model = find_number(text, "model");
        ident->stepping = find_number(text, "stepping");
    }
    if (find_value(text, "flags", flags, sizeof flags) && has_word(flags, "hypervisor")) {
        copy_text(ident->hypervisor, sizeof ident->hypervisor, "unknown");
    }
}

static bool read_text(const char *path, char *out, size_t out_cap) {
    FILE *file = fopen(path, "re");
    size_t length = file != NULL ? fread(out, 1, out_cap - 1, file) : 0;
    out[length] = '\0';
    if (file != NULL) {
        fclose(file);
    }
    return length > 0;
}

/* ---- caches of CPU 0, from sysfs ---- */

static uint64_t parse_size(const char *text) {
    char unit = '\0';
    uint64_t value = 0;
    if (sscanf(text, "%" SCNu64 "%c", &value, &unit) < 1) {
        return 0;
    }
    return unit == 'K' ? value << 10 : unit == 'M' ? value << 20 : value;
}

static bool read_cache_file(unsigned index, const char *name, char *out, size_t out_cap) {
    char path[96];
    snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu0/cache/index%u/%s", index, name);
    return read_text(path, out, out_cap);
}

static void read_caches(struct plab_ident *ident) {
    char level[16], type[16], size[32];
    for (unsigned index = 0; read_cache_file(index, "level", level, sizeof level); index++) {
        if (!read_cache_file(index, "type", type, sizeof type) ||
            !read_cache_file(index, "size", size, sizeof size) ||
            strncmp(type, "Instruction", 11) == 0) {
            continue;
        }
        uint64_t *field = level[0] == '1'   ? &ident->l1d_bytes
                          : level[0] == '2' ? &ident->l2_bytes
                          : level[0] == '3' ? &ident->l3_bytes
                                            : NULL;
        if (field != NULL && *field == 0) {
            *field = parse_size(size);
        }
    }
}

/* ---- libcpuid ---- */

#if defined(__x86_64__)
static const char *hypervisor_name(hypervisor_vendor_t vendor) {
    switch (vendor) {
    case HYPERVISOR_BHYVE:
        return "bhyve";
    case HYPERVISOR_HYPERV:
        return "Hyper-V";
    case HYPERVISOR_KVM:
        return "KVM";
    case HYPERVISOR_PARALLELS:
        return "Parallels";
    case HYPERVISOR_QEMU:
        return "QEMU";
    case HYPERVISOR_VIRTUALBOX:
        return "VirtualBox";
    case HYPERVISOR_VMWARE:
        return "VMware";
    case HYPERVISOR_XEN:
        return "Xen";
    default:
        return "";
    }
}

static uint64_t from_kib(int32_t kib) {
    return kib > 0 ? (uint64_t)kib * 1024 : 0;
}

static void silent(const char *message PLAB_UNUSED) {
}

/* Overwrites what libcpuid knows better; false if it doesn't know the processor. */
static bool read_libcpuid(struct plab_ident *ident) {
    struct cpu_raw_data_t raw;
    struct cpu_id_t id;
    libcpuid_warn_fn_t before = cpuid_set_warn_function(silent);
    bool known = cpuid_present() && cpuid_get_raw_data(&raw) == 0 && cpu_identify(&raw, &id) == 0;
    const char *hypervisor = known ? hypervisor_name(cpuid_get_hypervisor(&raw, &id)) : "";
    cpuid_set_warn_function(before);
    if (!known) {
        return false;
    }
    copy_text(ident->brand, sizeof ident->brand, id.brand_str);
    copy_text(ident->codename, sizeof ident->codename, id.cpu_codename);
    copy_text(ident->vendor, sizeof ident->vendor, id.vendor_str);
    ident->family = id.ext_family;
    ident->model = id.ext_model;
    ident->stepping = id.stepping;
    ident->l1d_bytes = from_kib(id.l1_data_cache);
    ident->l2_bytes = from_kib(id.l2_cache);
    ident->l3_bytes = from_kib(id.l3_cache);
    if (hypervisor[0] != '\0') {
        copy_text(ident->hypervisor, sizeof ident->hypervisor, hypervisor);
    }
    return true;
}
#else
static bool read_libcpuid(struct plab_ident *ident PLAB_UNUSED) {
    return false;
}
#endif

void plab_ident_read(struct plab_ident *ident) {
    char text[8192]; /* the first CPU's paragraph is enough */
    read_text("/proc/cpuinfo", text, sizeof text);
    plab_ident_from_cpuinfo(ident, text);
    ident->libcpuid = read_libcpuid(ident);
    if (ident->l1d_bytes == 0 && ident->l2_bytes == 0) {
        read_caches(ident);
    }
}
