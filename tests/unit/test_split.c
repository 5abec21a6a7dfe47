/* SPDX-License-Identifier: BSD-3-Clause */
#include "pool/split.h"
#include "tests/harness.h"

TEST(split, places_are_different_and_come_back) {
    static struct plab_split split;
    static struct plab_split_place places[600];
    struct plab_split_place none;
    CHECK(!plab_split_take(&split, &none)); /* nothing is open */
    plab_split_open(&split, 0);
    plab_split_open(&split, 2);
    CHECK_U64(plab_split_room(&split), 512);
    for (unsigned i = 0; i < 512; i++) {
        CHECK(plab_split_take(&split, &places[i]));
        CHECK_U64(places[i].link, i < 256 ? 0 : 2);
        CHECK_U64(places[i].byte, i % 256);
    }
    CHECK(!plab_split_take(&split, &none));
    CHECK_U64(plab_split_room(&split), 0);
    plab_split_give_back(&split, &places[77]);
    plab_split_give_back(&split, &places[77]); /* once is enough */
    CHECK_U64(plab_split_room(&split), 1);
    CHECK(plab_split_take(&split, &places[77]) && places[77].byte == 77 && places[77].link == 0);
}

TEST(split, a_byte_that_was_used_comes_again_last) {
    static struct plab_split split;
    struct plab_split_place place;
    plab_split_open(&split, 0);
    for (unsigned i = 0; i < 600; i++) {
        CHECK(plab_split_take(&split, &place));
        CHECK_U64(place.byte, i % 256);
        plab_split_give_back(&split, &place);
    }
}

TEST(split, a_link_whose_top_byte_is_given_has_room_for_one) {
    static struct plab_split split;
    struct plab_split_place first, second;
    plab_split_open(&split, 0);
    plab_split_narrow(&split, 0);
    CHECK(plab_split_take(&split, &first) && !plab_split_take(&split, &second));
    plab_split_give_back(&split, &first);
    CHECK(plab_split_take(&split, &first));
}
