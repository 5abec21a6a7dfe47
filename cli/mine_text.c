/* SPDX-License-Identifier: BSD-3-Clause */
/* The result of "powlab mine", for people. */
#include <inttypes.h>
#include <stdio.h>

#include "cli/mine_priv.h"

double plab_mine_rate_hps(const struct plab_miner_result *result) {
    return result->hashing_s > 0 ? (double)result->hashes / result->hashing_s : 0;
}

uint64_t plab_mine_reconnects(const struct plab_miner_result *result) {
    return result->logins > 0 ? result->logins - 1 : 0;
}

static const char *algo_name(const struct plab_miner_result *result) {
    return result->algo != NULL ? result->algo->name : "no algorithm";
}

void plab_mine_print_result(const struct plab_miner_result *result) {
    char pages[64], dataset[128], tuning[PLAB_TUNING_TEXT];
    printf("%.1f s, %s, %u threads (%u pinned)", result->duration_s, algo_name(result),
           result->workers.threads, result->workers.pinned);
    if (result->pages.asked_bytes > 0) {
        printf(", pages: %s", plab_pages_describe(&result->pages, pages, sizeof pages));
    }
    printf("\n");
    if (result->workers.rx_mode != PLAB_RX_AUTO) {
        printf("dataset   %s\n",
               plab_dataset_describe(&result->workers.dataset, dataset, sizeof dataset));
    }
    if (result->workers.tuned) {
        printf("tuning    %s\n",
               plab_tuning_describe(&result->workers.tuning, tuning, sizeof tuning));
    }
    printf("hashes    %" PRIu64 " in %.1f s of hashing: %.2f H/s\n", result->hashes,
           result->hashing_s, plab_mine_rate_hps(result));
    printf("shares    %" PRIu64 " accepted, %" PRIu64 " rejected, %" PRIu64 " stale, %" PRIu64
           " unanswered, %" PRIu64 " not sent\n",
           result->accepted, result->rejected, result->stale, result->unanswered, result->not_sent);
    printf("answers   mean %.1f ms, slowest %.1f ms\n", result->latency_mean_ms,
           result->latency_max_ms);
    printf("sessions  %" PRIu64 " logins (%" PRIu64 " reconnects), %" PRIu64 " jobs, %" PRIu64
           " refused\n",
           result->logins, plab_mine_reconnects(result), result->jobs, result->jobs_refused);
}
