/* SPDX-License-Identifier: BSD-3-Clause */
#include "bench/sums.h"

#include <string.h>

#include "base/attr.h"

static const struct plab_bench_sum cn_0[] = {
    {1, 0x628066e75e38961b},   {2, 0x7b96f358336a41b3},    {4, 0xa6a63fcb69a085d6},
    {8, 0xe12caf256f6b90b7},   {16, 0xdba35e471ae899a6},   {32, 0x7e6ec6d5fc919f84},
    {64, 0xb2b886c2164f0205},  {128, 0x779e2dd6f7da5f2f},  {256, 0xa45e8a3be4e773fc},
    {512, 0x59575fcd351c5429}, {1024, 0xbccbeb464d574a08},
};

static const struct plab_bench_sum cn_1[] = {
    {1, 0xa49deb1383b22427},   {2, 0x6fd7af63671f24fe},    {4, 0xa4ce5e31c79ed782},
    {8, 0x5d511ad58bc7d1a5},   {16, 0x4bdf4384b7bfc2c5},   {32, 0x3b5854cc54d4c6c2},
    {64, 0xe902b91f9952b23b},  {128, 0x963f8ded72233229},  {256, 0xcb8983674c6b7cf9},
    {512, 0xfbd45e0c527eaf71}, {1024, 0x1037be1d322cc538},
};

static const struct plab_bench_sum cn_2[] = {
    {1, 0x17f09b0262297472},   {2, 0x78e4c6615cf2fe2c},    {4, 0xc740a0503f78a476},
    {8, 0x9cf4ab3dd789bb96},   {16, 0xc779a0a00449b6cc},   {32, 0xd77107df60f4ee85},
    {64, 0x08fba97fb969ba43},  {128, 0xd6ba381196ce37ba},  {256, 0xc9548560af5d9926},
    {512, 0x145dc891aa629c5f}, {1024, 0xff1d0d93a2dc1fb9},
};

static const struct plab_bench_sum cn_r[] = {
    {1, 0xa04c6ca958b4dc89},   {2, 0x2689ec2f7dd0d966},    {4, 0x2f2b89b5ba33fd0a},
    {8, 0xe5b50675aafd808f},   {16, 0xadce92376077aa0c},   {32, 0x63de090d774f1691},
    {64, 0x0aeb28bafe94e746},  {128, 0xe837594e68580c7e},  {256, 0x6d72121e65d19703},
    {512, 0xe6e029b5c4dbd502}, {1024, 0x774f5353860d7e4c},
};

static const struct plab_bench_sum rx_0[] = {
    {1, 0xd33befc783ef2d47},       {2, 0x8b3b17f668fc1142},       {4, 0x55c7963357e8b056},
    {8, 0xb3a307351421e28d},       {16, 0x442d209935a31997},      {32, 0x4f65f09760987453},
    {64, 0xacd87a07ec5c3dcc},      {128, 0xfb3bed49211e3bf6},     {256, 0xbe5de7fe80c38cca},
    {512, 0x9ca9b8605bad1522},     {1024, 0x75e65dd4b115b7ca},    {2048, 0x1297a13dac23e06f},
    {4096, 0xa6149a81acbac0ba},    {8192, 0x0e30d9c360a615c7},    {10000, 0x4a597463865acf0e},
    {16384, 0xeb1d0bcdaa7f2f8b},   {20000, 0xc82b490c757da738},   {32768, 0xb0714458c829184c},
    {250000, 0x7d6054757bb08a63},  {500000, 0x96607546de1f5ecc},  {1000000, 0x898b6e0431c28a6b},
    {2000000, 0xee9468f8b40926bc}, {3000000, 0xc2bc5d11724813c0}, {4000000, 0x3a2c7b285b87f941},
    {5000000, 0x3b5bd2c3a16b450e}, {6000000, 0x5cd0602f20c5c7c4}, {7000000, 0x101de939474b6812},
    {8000000, 0x52b765a1b156c6ec}, {9000000, 0x323935102ab6b45c}, {10000000, 0xb5231262e2792b26},
};

static const struct plab_bench_sum rx_2[] = {
    {1, 0x3a5ae1a5fec275b0},       {2, 0x5ae825bfa738fe83},        {4, 0xb2d66344a4a6a8c5},
    {8, 0x0329df1e3cb6f00e},       {16, 0x57aebf5a94c20d75},       {32, 0x89b4af753541135c},
    {64, 0x4e385c5217cbe371},      {128, 0xb08a2a6dde8bd376},      {256, 0xf5cfbb2daee49fff},
    {10000, 0x57d2051d099613a4},   {20000, 0x0bae0155cc797f01},    {250000, 0x18cf741a71484072},
    {500000, 0xcd8c3e6ec31b2fae},  {1000000, 0x88d6b8fb70cd479d},  {2000000, 0x0e16828d236a1a63},
    {3000000, 0x2739bdd0f25b83a6}, {4000000, 0x32f42d9006d2d34b},  {5000000, 0x16d9c6286cb82251},
    {6000000, 0x1f916ae19d6bcf07}, {7000000, 0x1f474f99a873948f},  {8000000, 0x8d67e0ddf05476bb},
    {9000000, 0x3ebf37dcd5c4a215}, {10000000, 0x7efbddff3f30fb74},
};

static const struct plab_bench_sum rx_wow[] = {
    {1, 0x6700a1354353aae9},       {2, 0xad7eadaef6c2f968},       {4, 0x562fecfa44613631},
    {8, 0x3b673633670a073c},       {16, 0xf3b08f4680d4f147},      {32, 0x04b1952e8360fceb},
    {64, 0x02389d2902bee876},      {10000, 0x6b0918757100b338},   {20000, 0x0b55785c1837f41b},
    {250000, 0xc7f712c9603e2603},  {500000, 0x21a0e5aae6da7d8d},  {1000000, 0x0f3e5400b39ea96a},
    {2000000, 0x85944ccfa2752d1f}, {3000000, 0x64affcae991811ba}, {4000000, 0x3e4d0b836d3b13ba},
    {5000000, 0xeb7417d621271166}, {6000000, 0x97ffe10c0949ffa5}, {7000000, 0x84cac0f8879a4ba1},
    {8000000, 0xa1b79f031da2459f}, {9000000, 0x9b65226da873e65d}, {10000000, 0x0f9e00c5a511c200},
};

static const struct plab_bench_sum rx_arq[] = {
    {1, 0x3707ae3de87fc1db},  {2, 0x13e3b8e8df3da173},  {4, 0xabc4a033dde7dc72},
    {8, 0xd8f76d89b55b7e13},  {16, 0x914b482bb1d682e6}, {32, 0x151e4a11b56a6984},
    {64, 0xe76083cf9c24e74f},
};

static const struct plab_bench_sum rx_graft[] = {
    {1, 0x5c18743107706cb6},  {2, 0xd019b1746923d014},  {4, 0xf216fb5663a06151},
    {8, 0x22cd0da6412e8995},  {16, 0x03679141477faa11}, {32, 0x0921cfa0a96bbd39},
    {64, 0xe5a91d2ecf8b37d1},
};

static const struct plab_bench_sum rx_sfx[] = {
    {1, 0xffcbdfa2f1bf65dc},  {2, 0x256e54f789313f04},  {4, 0xa2d9113d03356c7e},
    {8, 0x8fd62204baa73abe},  {16, 0x4220f96ebeac666c}, {32, 0x1bd18080c7316b84},
    {64, 0xc9543e13fd98f902},
};

static const struct plab_bench_sum rx_yada[] = {
    {1, 0x8645d32993e7e03f},  {2, 0xd5153e05ad739ae8},  {4, 0x2c58aa0fb9206bfc},
    {8, 0x3cc9b2075dc50392},  {16, 0x498b1da85d4e9be8}, {32, 0xc5377e99f133a39d},
    {64, 0x5fdabeecd9761525},
};

static const struct plab_bench_sum rx_keva[] = {
    {1, 0x9fda866ca35174b0},  {2, 0xf0fdd835d940d23c},  {4, 0x202ef6b0d5baa450},
    {8, 0xb204c3c4c7516dc7},  {16, 0xee4ab2b1635ff05e}, {32, 0x5ab7aedd241bf7e0},
    {64, 0xab794bfb0aa8d829},
};

static const struct plab_bench_sum rx_loki[] = {
    {1, 0x32c94ca04ca668e0},  {2, 0x37070da03653b7bf},  {4, 0x5e124b5caf6db54a},
    {8, 0x78c7e91aa0254fb3},  {16, 0x02aa720e715b58f9}, {32, 0xd6aa1b81d5efa8f6},
    {64, 0x6de99b46b68f2585},
};

static const struct plab_bench_sum rx_xeq[] = {
    {1, 0xda3137092b85a5dd},  {2, 0xb566792b7356724e},  {4, 0xf714b267119fa355},
    {8, 0x3c41c059281176b9},  {16, 0x500d7bff4f6e440a}, {32, 0xba788a2097e1817b},
    {64, 0x5d0fca019b2fbed1},
};

static const struct {
    const char *algo;
    const struct plab_bench_sum *sums;
    size_t count;
} tables[] = {
    {"cn/0", cn_0, PLAB_ARRAY_LEN(cn_0)},
    {"cn/1", cn_1, PLAB_ARRAY_LEN(cn_1)},
    {"cn/2", cn_2, PLAB_ARRAY_LEN(cn_2)},
    {"cn/r", cn_r, PLAB_ARRAY_LEN(cn_r)},
    {"rx/0", rx_0, PLAB_ARRAY_LEN(rx_0)},
    {"rx/2", rx_2, PLAB_ARRAY_LEN(rx_2)},
    {"rx/wow", rx_wow, PLAB_ARRAY_LEN(rx_wow)},
    {"rx/arq", rx_arq, PLAB_ARRAY_LEN(rx_arq)},
    {"rx/graft", rx_graft, PLAB_ARRAY_LEN(rx_graft)},
    {"rx/sfx", rx_sfx, PLAB_ARRAY_LEN(rx_sfx)},
    {"rx/yada", rx_yada, PLAB_ARRAY_LEN(rx_yada)},
    {"rx/keva", rx_keva, PLAB_ARRAY_LEN(rx_keva)},
    {"rx/loki", rx_loki, PLAB_ARRAY_LEN(rx_loki)},
    {"rx/xeq", rx_xeq, PLAB_ARRAY_LEN(rx_xeq)},
};

const struct plab_bench_sum *plab_bench_sums(const struct plab_algo *algo, size_t *count) {
    for (size_t i = 0; i < PLAB_ARRAY_LEN(tables); i++) {
        if (strcmp(tables[i].algo, algo->name) == 0) {
            *count = tables[i].count;
            return tables[i].sums;
        }
    }
    *count = 0;
    return NULL;
}
