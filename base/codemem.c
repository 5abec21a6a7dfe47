/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/codemem.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static size_t whole_pages(size_t bytes) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    return (bytes + page - 1) / page * page;
}

static enum plab_status fail(struct plab_codemem *out, struct plab_error *err) {
    *out = (struct plab_codemem){0};
    return plab_fail(err, PLAB_E_RESOURCE, "the system allows no memory for machine code: %s",
                     strerror(errno));
}

enum plab_status plab_codemem_map_flipping(struct plab_codemem *out, size_t bytes,
                                           struct plab_error *err) {
    *out = (struct plab_codemem){.bytes = whole_pages(bytes), .flips = true};
    void *at = mmap(NULL, out->bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED) {
        return fail(out, err);
    }
    out->write = at;
    out->exec = at;
    /* A system that refuses executable memory says so now, not in the middle of a hash. */
    if (!plab_codemem_close(out)) {
        int why = errno;
        munmap(at, out->bytes);
        errno = why;
        return fail(out, err);
    }
    return PLAB_OK;
}

/* Both views of one file in memory, or neither. */
static bool map_twice(struct plab_codemem *out, int file) {
    if (ftruncate(file, (off_t)out->bytes) != 0) {
        return false;
    }
    void *write = mmap(NULL, out->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (write == MAP_FAILED) {
        return false;
    }
    void *exec = mmap(NULL, out->bytes, PROT_READ | PROT_EXEC, MAP_SHARED, file, 0);
    if (exec == MAP_FAILED) {
        munmap(write, out->bytes);
        return false;
    }
    out->write = write;
    out->exec = exec;
    return true;
}

#if defined(__x86_64__)
/* Writes and calls `mov eax, value; ret`. */
static int call_returning(const struct plab_codemem *code, uint8_t value) {
    const uint8_t instructions[] = {0xB8, value, 0, 0, 0, 0xC3};
    int (*fn)(void);
    memcpy(code->write, instructions, sizeof instructions);
    memcpy(&fn, &code->exec, sizeof fn); /* C has no cast between data and function pointers */
    return fn();
}

/* A processor sees new code through the other view; an emulator may go on with its translation of
 * the old one, since x86-64 has no instruction that would tell it. */
static bool new_code_runs(const struct plab_codemem *code) {
    return call_returning(code, 1) == 1 && call_returning(code, 2) == 2;
}
#else
static bool new_code_runs(const struct plab_codemem *code) {
    (void)code;
    return true;
}
#endif

enum plab_status plab_codemem_map(struct plab_codemem *out, size_t bytes, struct plab_error *err) {
    *out = (struct plab_codemem){.bytes = whole_pages(bytes)};
    int file = memfd_create("powlab-code", MFD_CLOEXEC);
    bool mapped = file >= 0 && map_twice(out, file);
    if (file >= 0) {
        close(file);
    }
    if (mapped && !new_code_runs(out)) {
        plab_codemem_unmap(out);
        mapped = false;
    }
    return mapped ? PLAB_OK : plab_codemem_map_flipping(out, bytes, err);
}

void plab_codemem_unmap(struct plab_codemem *code) {
    if (code->bytes > 0) {
        munmap(code->write, code->bytes);
        if (!code->flips) {
            munmap((void *)(uintptr_t)code->exec, code->bytes);
        }
    }
    *code = (struct plab_codemem){0};
}

bool plab_codemem_open(struct plab_codemem *code) {
    return !code->flips || mprotect(code->write, code->bytes, PROT_READ | PROT_WRITE) == 0;
}

bool plab_codemem_close(struct plab_codemem *code) {
    if (code->flips && mprotect(code->write, code->bytes, PROT_READ | PROT_EXEC) != 0) {
        return false;
    }
    /* Nothing on x86-64; on AArch64 the instruction cache has to be told. */
    char *begin = (char *)(uintptr_t)code->exec;
    __builtin___clear_cache(begin, begin + code->bytes);
    return true;
}
