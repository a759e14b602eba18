/* Comparing 64-bit hashes, group against group: what banded_join.py spends its time on, where this was compiled.
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

/* Rows of one side that are under one key, for each key: from `starts` on, `counts` of them. */
typedef struct {
    const uint64_t *hashes;
    const int64_t *starts, *counts;
} Side;

/* Finds pairs of a left and a right row of one group that are at most `max_bits` apart; where `is_within`, both sides are
 * one, and a row is compared with those that follow it. Their rows go to `left_rows` and `right_rows`, their distances
 * to `distances`, each with room for `capacity`; the number of them is returned.
 *
 * `at` (2): the group and the row in it to begin with. It is where to go on from afterwards, which is the end of the
 * groups, or a row for which there may not be room any more. There is for one row of the largest group, or none would
 * ever be. */
COUNTS_BITS int64_t find_near(Side left, Side right, int64_t n_groups, int32_t is_within, int32_t max_bits, int64_t *at,
                              int64_t capacity, int64_t *left_rows, int64_t *right_rows, int64_t *distances) {
    int64_t n = 0;
    for (; at[0] < n_groups; at[0]++, at[1] = 0) {
        int64_t first = left.starts[at[0]], start = right.starts[at[0]], end = start + right.counts[at[0]];
        for (; at[1] < left.counts[at[0]]; at[1]++) {
            int64_t row = first + at[1], other = is_within ? row + 1 : start;
            if (capacity - n < end - other) return n;
            uint64_t hash = left.hashes[row];
            for (; other < end; other++) {
                int distance = __builtin_popcountll(hash ^ right.hashes[other]);
                if (distance <= max_bits) {
                    left_rows[n] = row;
                    right_rows[n] = other;
                    distances[n++] = distance;
                }
            }
        }
    }
    return n;
}
