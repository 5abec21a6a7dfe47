#!/bin/sh
# Fails if an object of an archive holds an instruction that the suffix of its name does not allow.
#   tools/check_isa.sh build/x86_64-release/libpowlab_core.a
# Suffixes and flags: isa_flags in mk/config.mk. Objects without a suffix get the architecture's
# baseline, since they run on every machine before anybody asked what it can do.
set -eu
[ $# -eq 1 ] || {
    echo "usage: tools/check_isa.sh ARCHIVE" >&2
    exit 2
}
archive=$1
[ -r "$archive" ] || {
    echo "check_isa: no such archive: $archive" >&2
    exit 2
}

# CROSS=aarch64-linux-gnu- for an archive of another machine.
disassembly=$(mktemp)
trap 'rm -f "$disassembly"' EXIT
"${CROSS:-}objdump" -d --no-show-raw-insn "$archive" >"$disassembly"

awk -v archive="$archive" '
function complain(what) {
    key = object " " what " " mnemonic
    if (!(key in seen)) {
        seen[key] = 1
        print object ": " what ": " mnemonic " in " symbol
        bad++
    }
}

/file format/ {
    object = $1
    sub(/:$/, "", object)
    arm = /aarch64/
    suffix = object
    sub(/\.o$/, "", suffix)
    sub(/.*_/, "", suffix)
    objects++
    aes = suffix ~ /^(aesni|vaes|vaes512|ce)$/
    sse4 = suffix ~ /^(ssse3|sse41|aesni|avx2|vaes|avx512|vaes512)$/
    vex = suffix ~ /^(avx2|vaes|avx512|vaes512)$/
    zmm = suffix ~ /^(avx512|vaes512)$/
    sha3 = suffix == "sha3"
    next
}

/^[0-9a-f]+ <.*>:$/ { symbol = $2; next }

/^ *[0-9a-f]+:\t/ {
    line = $0
    sub(/^[^\t]*\t/, "", line)
    split(line, words, /[ \t]+/)
    # a prefix is printed as a word of its own
    mnemonic = words[1] ~ /^(rep|repz|repnz|lock|bnd|notrack|cs|ds|data16)$/ ? words[2] : words[1]
    instructions++
    if (arm) {
        if (!aes && mnemonic ~ /^(aes[ed]|aesi?mc|pmull2?)$/) complain("AES instruction")
        if (!sha3 && mnemonic ~ /^(eor3|rax1|xar|bcax)$/) complain("SHA-3 instruction")
        if (mnemonic ~ /^(ld|st)1[bhwd]$|^ptrue$|^whilel[ot]$/) complain("SVE instruction")
        next
    }
    if (!aes && mnemonic ~ /^v?aes/) complain("AES instruction")
    if (!zmm && line ~ /%(zmm|k[0-7])/) complain("512-bit register or mask")
    if (!zmm && line ~ /%[xy]mm(1[6-9]|2[0-9]|3[01])/) complain("AVX-512 register")
    if (!vex && line ~ /%ymm/) complain("256-bit register")
    if (!vex && mnemonic ~ /^v[a-z]/ && line ~ /%xmm|vzero/) complain("VEX instruction")
    if (!vex && mnemonic ~ /^(mulx|rorx|sarx|shlx|shrx|pdep|pext|bzhi|andn|tzcnt|lzcnt|blsr|blsi|blsmsk)l?q?$/)
        complain("BMI instruction")
    if (!sse4 && mnemonic ~ /^(pshufb|palignr|pabs[bwd]|phadd|phsub|psign|pmaddubsw|pmulhrsw)/)
        complain("SSSE3 instruction")
    if (!sse4 && mnemonic ~ /^(pextr[bdq]|pinsr[bdq]|pmulld|pmuldq|ptest|p?blend|pmov[sz]x|pm(ax|in)(sb|sd|uw|ud)|round[ps][sd]|pcmpeqq|packusdw|insertps|extractps|dpp[sd]|mpsadbw|movntdqa|phminpos)/)
        complain("SSE4.1 instruction")
    if (mnemonic ~ /^(pcmpgtq|crc32|popcnt|pcmp[ei]str|sha1|sha256|vfn?m(add|sub)[0-9]|movbe|addsubp|h(add|sub)p|lddqu|movddup|movs[hl]dup)/)
        complain("instruction that no suffix has")
}

END {
    if (objects == 0 || instructions == 0) {
        print "check_isa: nothing was disassembled in " archive
        exit 1
    }
    printf "check_isa: %d objects, %d instructions, %d out of place\n", objects, instructions, bad
    exit bad > 0
}' "$disassembly"
