/* loader.c - which tokens make window k of a run. A pure function of (seed, k): no state, no index in memory, nothing to save.
 * Borrows the shards; any thread may ask for any window. */
#include "data/data.h"

#include <inttypes.h>

enum { STREAM_START = 0x5741, STREAM_ORDER = 0x5742 };

/*   tokens  0                                                        N-1
 *           |<- start ->|--- T ---|--- T ---|  ...  |--- T ---|<- left out ->|
 *                       ^ window 0: T inputs, and the T tokens one to the right of them
 *
 * W windows need W*T + 1 tokens. One window fewer than would fit leaves at least T tokens of room, so that every epoch can cut at
 * other places; over the epochs every token is seen. */
static uint64_t windows_of(uint64_t n_tokens, int seq_len)
{
    if (seq_len < 1 || n_tokens < (uint64_t)seq_len + 1) return 0;
    uint64_t fit = (n_tokens - 1) / (uint64_t)seq_len;
    return fit > 1 ? fit - 1 : fit;
}

uint64_t lf_loader_windows(const lf_loader *l) { return windows_of(lf_shards_tokens(l->shards), l->seq_len); }

int lf_loader_window(const lf_loader *l, uint64_t k, int32_t *tokens, int32_t *targets, int32_t *positions, int32_t *seq_starts,
                     lf_error *err)
{
    uint64_t n_tokens = lf_shards_tokens(l->shards), windows = lf_loader_windows(l), t = (uint64_t)l->seq_len;
    if (!windows)
        return lf_error_set(err, LF_E_CONFIG, "data: %" PRIu64 " tokens are fewer than one window of %d + 1", n_tokens, l->seq_len);
    uint64_t epoch = k / windows;
    uint64_t start = lf__rng_at(l->seed, STREAM_START, epoch) % (n_tokens - windows * t);
    uint64_t at = start + t * lf__permute(k % windows, windows, lf__rng_at(l->seed, STREAM_ORDER, epoch));
    if (lf_shards_read(l->shards, tokens, at, t, err) != 0 || lf_shards_read(l->shards, targets, at + 1, t, err) != 0) return -1;

    int n_seqs = 0;
    for (int i = 0, position = 0; i < l->seq_len; i++) {
        bool begins = i == 0 || (l->document_mask && l->end_token >= 0 && tokens[i] == l->end_token);
        if (begins) seq_starts[n_seqs++] = i, position = 0;
        positions[i] = position++;
    }
    return n_seqs;
}
