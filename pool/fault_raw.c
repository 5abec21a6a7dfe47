/* SPDX-License-Identifier: BSD-3-Clause */
#include <cyaml/cyaml.h>

#include "pool/fault_raw_priv.h"
#include "pool/fault_script.h"
#include "yaml/load.h"

/* Lengths and ranges are checked later, with better words than libcyaml's. */
#define MUST CYAML_FLAG_POINTER
#define MAY (CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL)
#define TEXT(flags, key, name) \
    CYAML_FIELD_STRING_PTR(key, flags, struct plab_raw_fault, name, 0, CYAML_UNLIMITED)
#define NUMBER(name) CYAML_FIELD_INT_PTR(#name, MAY, struct plab_raw_fault, name)

static const cyaml_schema_field_t fault_fields[] = {
    TEXT(MUST, "kind", kind),
    TEXT(MAY, "when", when),
    TEXT(MAY, "worker", worker),
    TEXT(MAY, "per", per),
    TEXT(MAY, "at", at),
    TEXT(MAY, "repeat", repeat),
    TEXT(MAY, "after", after),
    TEXT(MAY, "until", until),
    NUMBER(session),
    NUMBER(nth),
    NUMBER(every),
    NUMBER(times),
    CYAML_FIELD_FLOAT_PTR("probability", MAY, struct plab_raw_fault, probability),
    TEXT(MAY, "for", duration),
    TEXT(MAY, "interval", interval),
    TEXT(MAY, "text", text),
    TEXT(MAY, "then", then),
    TEXT(MAY, "target", target),
    TEXT(MAY, "algo", algo),
    TEXT(MAY, "host", host),
    TEXT(MAY, "certificate", certificate),
    NUMBER(bytes),
    NUMBER(count),
    NUMBER(port),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t fault_value = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct plab_raw_fault, fault_fields),
};

static const cyaml_schema_field_t script_fields[] = {
    CYAML_FIELD_STRING_PTR("name", MAY, struct plab_raw_faults, name, 0, CYAML_UNLIMITED),
    CYAML_FIELD_INT_PTR("seed", MAY, struct plab_raw_faults, seed),
    CYAML_FIELD_BOOL_PTR("allow_bad_target", MAY, struct plab_raw_faults, allow_bad_target),
    CYAML_FIELD_SEQUENCE("faults", MUST, struct plab_raw_faults, faults, &fault_value, 1,
                         PLAB_FAULT_RULES_MAX),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t script_value = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct plab_raw_faults, script_fields),
};

enum plab_status plab_raw_faults_load(struct plab_raw_faults **out, const char *text, size_t len,
                                      const char *path, struct plab_error *err) {
    void *data;
    enum plab_status status = plab_yaml_load(&data, &script_value, text, len, path, err);
    *out = data;
    return status;
}

void plab_raw_faults_free(struct plab_raw_faults *raw) {
    plab_yaml_free(&script_value, raw);
}
