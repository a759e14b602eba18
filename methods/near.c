/* Comparing 64-bit hashes that are under partner keys: what banded_join.py spends its time on, where this was compiled.
 *
 * A plain shared library, called through ctypes: it knows nothing of Python.
 */

#include <stdint.h>

/* On x86 a second version for processors that count bits in one instruction, chosen when the library is loaded. */
#if defined(__x86_64__) && defined(__GLIBC__) && defined(__GNUC__) && !defined(__clang__)
#define COUNTS_BITS __attribute__((target_clones("popcnt", "default")))
#else
#define COUNTS_BITS
#endif

/* Hashes in the order of a key. `keys` (n_keys): its distinct values, ascending; `starts`, `counts` (n_keys): where the
 * hashes of each begin, and how many they are. */
typedef struct {
    const uint64_t *hashes, *keys;
    const int64_t *starts, *counts;
    int64_t n_keys;
} Index;

/* Where to go on from: a key of the left side, a hash under it, and a key of the right side to begin a search at. */
typedef struct {
    int64_t key, hash, near_key;
} Place;

/* The first key that is not below `wanted`. Keys asked one after another have partners that are mostly side by side, so it
 * is sought from `from` on, in steps that double, and by halves in the last of them. */
static int64_t seek(const Index *index, uint64_t wanted, int64_t from) {
    int64_t low, high, step = 1; /* what is sought is in low..high, as keys below low are below `wanted` */
    if (from < index->n_keys && index->keys[from] < wanted) {
        for (low = from + 1; low + step < index->n_keys && index->keys[low + step] < wanted; step *= 2) low += step + 1;
        high = low + step < index->n_keys ? low + step : index->n_keys;
    } else {
        for (high = from; high - step >= 0 && index->keys[high - step] >= wanted; step *= 2) high -= step;
        low = high - step >= 0 ? high - step + 1 : 0;
    }
    while (low < high) {
        int64_t middle = low + (high - low) / 2;
        if (index->keys[middle] < wanted) low = middle + 1;
        else high = middle;
    }
    return low;
}

/* Finds pairs of a left and a right hash that are at most `max_bits` apart and whose keys differ by `mask`. Where
 * `is_within`, both sides are one, and each pair is met once: of two keys, the one whose highest flipped bit is 0 asks for
 * the other, and under one key a hash is compared with those that follow it. Positions go to `lefts` and `rights`, distances
 * to `distances`, each with room for `capacity`; the number of them is returned.
 *
 * `at` says where to begin, and afterwards where to go on from: the end of the left keys, or a hash for which there may not
 * be room any more. There has to be room for all hashes of a right key, or there never would be. */
COUNTS_BITS int64_t find_near(const Index *left, const Index *right, uint64_t mask, int32_t is_within, int32_t max_bits,
                              Place *at, int64_t capacity, int64_t *lefts, int64_t *rights, int64_t *distances) {
    uint64_t highest = 0;
    if (is_within)
        for (highest = mask; highest & (highest - 1);) highest &= highest - 1;
    int64_t n = 0;
    for (; at->key < left->n_keys; at->key++, at->hash = 0) {
        uint64_t key = left->keys[at->key], wanted = key ^ mask;
        if (key & highest) continue;
        at->near_key = seek(right, wanted, at->near_key);
        if (at->near_key == right->n_keys || right->keys[at->near_key] != wanted) continue;
        int64_t first = left->starts[at->key], start = right->starts[at->near_key];
        int64_t end = start + right->counts[at->near_key];
        for (; at->hash < left->counts[at->key]; at->hash++) {
            int64_t here = first + at->hash, other = is_within && !mask ? here + 1 : start;
            if (capacity - n < end - other) return n;
            uint64_t hash = left->hashes[here];
            for (; other < end; other++) {
                int distance = __builtin_popcountll(hash ^ right->hashes[other]);
                if (distance <= max_bits) {
                    lefts[n] = here;
                    rights[n] = other;
                    distances[n++] = distance;
                }
            }
        }
    }
    return n;
}
