/* SPDX-License-Identifier: BSD-3-Clause */
#include "host/topology.h"

#include <errno.h>
#include <hwloc.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host/pinplan.h"

static int logical_index(hwloc_topology_t hw, hwloc_obj_t pu, hwloc_obj_type_t type) {
    hwloc_obj_t above = hwloc_get_ancestor_obj_by_type(hw, type, pu);
    return above != NULL ? (int)above->logical_index : -1;
}

static int efficiency_of(hwloc_topology_t hw, hwloc_const_cpuset_t cpuset) {
    int kind = hwloc_cpukinds_get_by_cpuset(hw, cpuset, 0);
    int efficiency = 0;
    if (kind < 0 ||
        hwloc_cpukinds_get_info(hw, (unsigned)kind, NULL, &efficiency, NULL, NULL, 0) != 0) {
        return 0;
    }
    return efficiency > 0 ? efficiency : 0; /* -1: kinds differ, but nobody knows which is faster */
}

static void fill_pu(hwloc_topology_t hw, hwloc_obj_t obj, hwloc_const_cpuset_t allowed,
                    struct plab_pu *pu) {
    hwloc_obj_t l3 = hwloc_get_ancestor_obj_by_type(hw, HWLOC_OBJ_L3CACHE, obj);
    *pu = (struct plab_pu){
        .os_index = obj->os_index,
        .core = logical_index(hw, obj, HWLOC_OBJ_CORE),
        .l2 = logical_index(hw, obj, HWLOC_OBJ_L2CACHE),
        .l3 = l3 != NULL ? (int)l3->logical_index : -1,
        .l3_bytes = l3 != NULL ? l3->attr->cache.size : 0,
        .numa_node = obj->nodeset != NULL ? hwloc_bitmap_first(obj->nodeset) : -1,
        .package = logical_index(hw, obj, HWLOC_OBJ_PACKAGE),
        .efficiency = efficiency_of(hw, obj->cpuset),
        .allowed = hwloc_bitmap_isset(allowed, obj->os_index) != 0,
    };
}

static size_t count_of(hwloc_topology_t hw, hwloc_obj_type_t type) {
    int count = hwloc_get_nbobjs_by_type(hw, type);
    return count > 0 ? (size_t)count : 0;
}

/* Size of the smallest cache of a level: plans must hold for every core. */
static uint64_t smallest_cache(hwloc_topology_t hw, hwloc_obj_type_t type) {
    uint64_t smallest = 0;
    hwloc_obj_t cache = NULL;
    while ((cache = hwloc_get_next_obj_by_type(hw, type, cache)) != NULL) {
        uint64_t bytes = cache->attr->cache.size;
        if (bytes != 0 && (smallest == 0 || bytes < smallest)) {
            smallest = bytes;
        }
    }
    return smallest;
}

/* Keeps only the PUs of a list in `allowed`. */
static enum plab_status restrict_allowed(hwloc_bitmap_t allowed, const char *cpuset,
                                         struct plab_error *err) {
    unsigned *cpus = calloc(PLAB_CPU_INDEX_LIMIT, sizeof *cpus);
    hwloc_bitmap_t wanted = hwloc_bitmap_alloc();
    enum plab_status status = PLAB_E_NOMEM;
    size_t count = 0;
    if (cpus != NULL && wanted != NULL) {
        status = plab_cpu_list_parse(cpuset, cpus, PLAB_CPU_INDEX_LIMIT, &count, err);
    }
    for (size_t i = 0; status == PLAB_OK && i < count; i++) {
        hwloc_bitmap_set(wanted, cpus[i]);
    }
    if (status == PLAB_OK) {
        hwloc_bitmap_and(allowed, allowed, wanted);
        if (hwloc_bitmap_iszero(allowed)) {
            status =
                plab_fail(err, PLAB_E_USAGE, "cpuset \"%s\" leaves no CPU of this machine", cpuset);
        }
    }
    hwloc_bitmap_free(wanted);
    free(cpus);
    return status;
}

static enum plab_status copy_pus(struct plab_topology *out, hwloc_topology_t hw,
                                 hwloc_const_cpuset_t allowed, struct plab_error *err) {
    size_t count = count_of(hw, HWLOC_OBJ_PU);
    if (count == 0 || count > PLAB_TOPOLOGY_MAX_PUS) {
        return plab_fail(err, PLAB_E_USAGE, "topology has %zu logical CPUs; 1 to %d are supported",
                         count, PLAB_TOPOLOGY_MAX_PUS);
    }
    struct plab_pu *pus = calloc(count, sizeof *pus);
    if (pus == NULL) {
        return plab_fail(err, PLAB_E_NOMEM, "no memory for a topology of %zu CPUs", count);
    }
    bool restricted = false;
    for (size_t i = 0; i < count; i++) {
        fill_pu(hw, hwloc_get_obj_by_type(hw, HWLOC_OBJ_PU, (unsigned)i), allowed, &pus[i]);
        restricted |= !pus[i].allowed;
    }
    *out = (struct plab_topology){
        .pu_count = count,
        .pus = pus,
        .core_count = count_of(hw, HWLOC_OBJ_CORE),
        .l3_count = count_of(hw, HWLOC_OBJ_L3CACHE),
        .numa_count = count_of(hw, HWLOC_OBJ_NUMANODE),
        .package_count = count_of(hw, HWLOC_OBJ_PACKAGE),
        .l1d_bytes = smallest_cache(hw, HWLOC_OBJ_L1CACHE),
        .l2_bytes = smallest_cache(hw, HWLOC_OBJ_L2CACHE),
        .l3_bytes = smallest_cache(hw, HWLOC_OBJ_L3CACHE),
        .cpuset_restricted = restricted,
        .synthetic = hwloc_topology_is_thissystem(hw) == 0,
    };
    return PLAB_OK;
}

/* hwloc's "allowed" follows cgroups only; the affinity adds what taskset took away. It is that of
 * the main thread: the caller may be a pinned one. */
static void apply_affinity(hwloc_topology_t hw, hwloc_bitmap_t allowed) {
    hwloc_bitmap_t bound = hwloc_bitmap_alloc();
    if (bound != NULL && hwloc_get_proc_cpubind(hw, getpid(), bound, HWLOC_CPUBIND_THREAD) == 0 &&
        hwloc_bitmap_intersects(bound, allowed)) {
        hwloc_bitmap_and(allowed, allowed, bound);
    }
    hwloc_bitmap_free(bound);
}

static enum plab_status read_loaded(struct plab_topology *out, hwloc_topology_t hw,
                                    const char *cpuset, struct plab_error *err) {
    hwloc_bitmap_t allowed = hwloc_bitmap_dup(hwloc_topology_get_allowed_cpuset(hw));
    if (allowed == NULL) {
        return plab_fail(err, PLAB_E_NOMEM, "no memory to read the CPU topology");
    }
    if (hwloc_topology_is_thissystem(hw)) {
        apply_affinity(hw, allowed);
    }
    enum plab_status status = cpuset != NULL ? restrict_allowed(allowed, cpuset, err) : PLAB_OK;
    if (status == PLAB_OK) {
        status = copy_pus(out, hw, allowed, err);
    }
    hwloc_bitmap_free(allowed);
    return status;
}

/* Where a topology comes from; both NULL: this machine. */
struct source {
    const char *synthetic;
    const char *xml_path;
};

static enum plab_status load_hwloc(hwloc_topology_t hw, const struct source *source,
                                   struct plab_error *err) {
    hwloc_topology_set_flags(hw, HWLOC_TOPOLOGY_FLAG_INCLUDE_DISALLOWED);
    if (source->synthetic != NULL && hwloc_topology_set_synthetic(hw, source->synthetic) != 0) {
        return plab_fail(err, PLAB_E_USAGE,
                         "synthetic topology \"%s\" is not valid; an example: "
                         "\"package:2 l3:2 core:8 pu:2\"",
                         source->synthetic);
    }
    if (source->xml_path != NULL && hwloc_topology_set_xml(hw, source->xml_path) != 0) {
        return plab_fail(err, PLAB_E_INPUT, "%s: not a topology that hwloc can read: %s",
                         source->xml_path, strerror(errno));
    }
    if (hwloc_topology_load(hw) != 0) {
        return source->xml_path != NULL
                   ? plab_fail(err, PLAB_E_INPUT, "%s: not a topology that hwloc can read",
                               source->xml_path)
                   : plab_fail(err, PLAB_E_RESOURCE, "can't read the CPU topology: %s",
                               strerror(errno));
    }
    return PLAB_OK;
}

static enum plab_status load(struct plab_topology *out, const struct source *source,
                             const char *cpuset, struct plab_error *err) {
    hwloc_topology_t hw;
    *out = (struct plab_topology){0};
    if (hwloc_topology_init(&hw) != 0) {
        return plab_fail(err, PLAB_E_NOMEM, "no memory to read the CPU topology");
    }
    enum plab_status status = load_hwloc(hw, source, err);
    if (status == PLAB_OK) {
        status = read_loaded(out, hw, cpuset, err);
    }
    hwloc_topology_destroy(hw);
    return status;
}

enum plab_status plab_topology_load(struct plab_topology *out, const char *synthetic,
                                    const char *cpuset, struct plab_error *err) {
    return load(out, &(struct source){.synthetic = synthetic}, cpuset, err);
}

enum plab_status plab_topology_load_xml(struct plab_topology *out, const char *path,
                                        const char *cpuset, struct plab_error *err) {
    return load(out, &(struct source){.xml_path = path}, cpuset, err);
}

void plab_topology_free(struct plab_topology *topology) {
    free(topology->pus);
    *topology = (struct plab_topology){0};
}

enum plab_status plab_topology_bind_thread(unsigned os_index, struct plab_error *err) {
    size_t size = CPU_ALLOC_SIZE(os_index + 1);
    cpu_set_t *set = CPU_ALLOC(os_index + 1);
    if (set == NULL) {
        return plab_fail(err, PLAB_E_NOMEM, "no memory to bind a thread");
    }
    CPU_ZERO_S(size, set);
    CPU_SET_S(os_index, size, set);
    int result = pthread_setaffinity_np(pthread_self(), size, set);
    CPU_FREE(set);
    if (result != 0) {
        return plab_fail(err, PLAB_E_RESOURCE, "can't bind a thread to CPU %u: %s", os_index,
                         strerror(result));
    }
    return PLAB_OK;
}
