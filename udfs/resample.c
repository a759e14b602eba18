/* Pixels to the 32 x 32 grey thumbnail that pHash is made from, bit for bit as Pillow's `convert("L")` and
 * `resize((32, 32), LANCZOS)` make it, in a quarter of the time; and packed RGB.
 *
 * Pillow reduces rows first, then columns, with weights of 22 binary places: (sum of weight * pixel + 2^21) >> 22, cut
 * off to a byte. The same sums are had here from pairs of 16-bit products, of which a processor does many at once: a
 * weight is high * 2^11 + low, and a row is turned to grey where it is needed, without an image of its own in between.
 *
 * A plain shared library, called through ctypes by resample.py: it knows nothing of Python, but that only one call is under
 * way at a time. Pixels come as Pillow hands them to Arrow, in its own memory: bytes (grey), or lists of four (red, green,
 * blue, and one that means nothing).
 */

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define THUMBNAIL_PX 32
#define SUPPORT 3.0
#define PRECISION_BITS 22
#define LOW_BITS 11
/* Weights of sides up to this are kept, at most 15 MB; to make them for larger ones is little beside the decoding. */
#define KEPT_SIDE_PX 1024
/* Taps are counted in whole vectors of the processor. */
#define TAPS_TOGETHER 16

/* On x86 a second version for processors with AVX2, chosen when the library is loaded. */
#if defined(__x86_64__) && defined(__GLIBC__) && defined(__GNUC__) && !defined(__clang__)
#define VECTORISED __attribute__((target_clones("avx2", "default")))
#else
#define VECTORISED
#endif

static const double PI = 3.14159265358979323846;

/* Of the Arrow C data interface, whose layout this is. */
typedef struct ArrowArray {
    int64_t length, null_count, offset, n_buffers, n_children;
    const void **buffers;
    struct ArrowArray **children;
    struct ArrowArray *dictionary;
    void (*release)(struct ArrowArray *);
    void *private_data;
} ArrowArray;

/* What takes a side to 32 pixels. `first`: the first pixel that counts for each. `high`, `low` (32, n_taps): the weights
 * of the pixels from there on; zero beyond the last that counts, up to n_taps - 1 pixels after the side's end. */
typedef struct {
    int32_t n_taps;
    int32_t first[THUMBNAIL_PX];
    int16_t *high, *low;
} Kernel;

static double sinc(double x) {
    return x == 0.0 ? 1.0 : sin(x * PI) / (x * PI);
}

static double lanczos(double x) {
    return x >= -SUPPORT && x < SUPPORT ? sinc(x) * sinc(x / SUPPORT) : 0.0;
}

static void fill_kernel(int32_t side_px, Kernel *kernel, double *weights) {
    double scale = (double)side_px / THUMBNAIL_PX;
    double stretch = scale > 1.0 ? scale : 1.0; /* smaller images are interpolated */
    for (int k = 0; k < THUMBNAIL_PX; k++) {
        double centre = (k + 0.5) * scale;
        int low = (int)(centre - SUPPORT * stretch + 0.5), high = (int)(centre + SUPPORT * stretch + 0.5);
        low = low < 0 ? 0 : low;
        high = high > side_px ? side_px : high;
        double sum = 0.0;
        for (int i = low; i < high; i++) {
            weights[i - low] = lanczos((i - centre + 0.5) * (1.0 / stretch));
            sum += weights[i - low];
        }
        kernel->first[k] = low;
        for (int i = 0; i < high - low; i++) {
            double scaled = weights[i] / sum * (1 << PRECISION_BITS);
            int32_t weight = (int32_t)(scaled < 0 ? scaled - 0.5 : scaled + 0.5);
            kernel->high[k * kernel->n_taps + i] = (int16_t)(weight >> LOW_BITS);
            kernel->low[k * kernel->n_taps + i] = (int16_t)(weight & ((1 << LOW_BITS) - 1));
        }
    }
}

static void free_kernel(Kernel *kernel) {
    if (kernel) free(kernel->high);
    free(kernel);
}

/* NULL: there is no memory. */
static Kernel *new_kernel(int32_t side_px) {
    int32_t at_most = (int32_t)(2 * SUPPORT * (side_px > THUMBNAIL_PX ? side_px : THUMBNAIL_PX) / THUMBNAIL_PX) + 2;
    int32_t n_taps = (at_most + TAPS_TOGETHER - 1) / TAPS_TOGETHER * TAPS_TOGETHER;
    Kernel *kernel = calloc(1, sizeof *kernel);
    double *scratch = malloc(n_taps * sizeof *scratch);
    int16_t *weights = calloc(2 * THUMBNAIL_PX * (size_t)n_taps, sizeof *weights);
    if (kernel && scratch && weights) {
        kernel->n_taps = n_taps;
        kernel->high = weights;
        kernel->low = weights + THUMBNAIL_PX * (size_t)n_taps;
        fill_kernel(side_px, kernel, scratch);
    } else {
        free(weights);
        free(kernel);
        kernel = NULL;
    }
    free(scratch);
    return kernel;
}

static Kernel *kept[KEPT_SIDE_PX + 1];

static Kernel *kernel_for(int32_t side_px) {
    if (side_px > KEPT_SIDE_PX) return new_kernel(side_px);
    if (!kept[side_px]) kept[side_px] = new_kernel(side_px);
    return kept[side_px];
}

static void done_with(Kernel *kernel, int32_t side_px) {
    if (side_px > KEPT_SIDE_PX) free_kernel(kernel);
}

static uint8_t to_byte(int32_t sum) {
    int32_t level = (sum + (1 << (PRECISION_BITS - 1))) >> PRECISION_BITS;
    return (uint8_t)(level < 0 ? 0 : level > 255 ? 255 : level);
}

/* ITU-R 601-2 luma with 16 binary places, as Pillow has it. */
VECTORISED static void grey_of_rgb(const uint8_t *restrict rgbx, int16_t *restrict grey, int32_t n_px) {
    const uint32_t *restrict pixels = (const uint32_t *)rgbx; /* little-endian: resample.py sees to it */
    for (int32_t i = 0; i < n_px; i++) {
        uint32_t red = pixels[i] & 255, green = pixels[i] >> 8 & 255, blue = pixels[i] >> 16 & 255;
        grey[i] = (int16_t)((red * 19595 + green * 38470 + blue * 7471 + 32768) >> 16);
    }
}

VECTORISED static void widen(const uint8_t *restrict levels, int16_t *restrict wide, int32_t n_px) {
    for (int32_t i = 0; i < n_px; i++) wide[i] = levels[i];
}

VECTORISED static void reduce_row(const int16_t *restrict row, const Kernel *kernel, uint8_t *restrict reduced) {
    /* Whole vectors, and the compiler knows it: nothing is left over to be done one by one. */
    int32_t n_taps = kernel->n_taps / TAPS_TOGETHER * TAPS_TOGETHER;
    for (int k = 0; k < THUMBNAIL_PX; k++) {
        const int16_t *levels = row + kernel->first[k];
        const int16_t *high = kernel->high + k * n_taps, *low = kernel->low + k * n_taps;
        int32_t sum_high = 0, sum_low = 0;
        for (int32_t i = 0; i < n_taps; i++) {
            sum_high += levels[i] * high[i];
            sum_low += levels[i] * low[i];
        }
        reduced[k] = to_byte(sum_high * (1 << LOW_BITS) + sum_low);
    }
}

VECTORISED static void reduce_columns(
    const uint8_t *restrict rows, int32_t n_rows, const Kernel *kernel, uint8_t *restrict thumbnail
) {
    for (int k = 0; k < THUMBNAIL_PX; k++) {
        int32_t first = kernel->first[k], sums[THUMBNAIL_PX] = {0};
        int32_t n_taps = kernel->n_taps < n_rows - first ? kernel->n_taps : n_rows - first;
        for (int32_t i = 0; i < n_taps; i++) {
            int32_t at = k * kernel->n_taps + i, weight = kernel->high[at] * (1 << LOW_BITS) + kernel->low[at];
            const uint8_t *row = rows + (int64_t)(first + i) * THUMBNAIL_PX;
            for (int j = 0; j < THUMBNAIL_PX; j++) sums[j] += weight * row[j];
        }
        for (int j = 0; j < THUMBNAIL_PX; j++) thumbnail[k * THUMBNAIL_PX + j] = to_byte(sums[j]);
    }
}

static int is_grey(const ArrowArray *pixels) {
    return pixels->n_children == 0;
}

static const uint8_t *levels_of(const ArrowArray *pixels) {
    return (is_grey(pixels) ? pixels : pixels->children[0])->buffers[1];
}

/* `pixels` (height, width) -> `thumbnail` (32, 32). Returns 0; 1 where there is no memory. */
int make_thumbnail(const ArrowArray *pixels, int32_t width, int32_t height, uint8_t *thumbnail) {
    Kernel *across = kernel_for(width), *down = kernel_for(height);
    int16_t *row = across ? calloc((size_t)width + across->n_taps, sizeof *row) : NULL;
    uint8_t *rows = malloc((size_t)height * THUMBNAIL_PX);
    int failed = !(across && down && row && rows);
    if (!failed) {
        const uint8_t *levels = levels_of(pixels);
        for (int64_t y = 0; y < height; y++) {
            if (is_grey(pixels)) widen(levels + y * width, row, width);
            else grey_of_rgb(levels + 4 * y * width, row, width);
            reduce_row(row, across, rows + y * THUMBNAIL_PX);
        }
        reduce_columns(rows, height, down, thumbnail);
    }
    free(rows);
    free(row);
    done_with(across, width);
    done_with(down, height);
    return failed;
}

/* `pixels` (n_px) of four bytes -> `rgb` (n_px, 3). */
void pack_rgb(const ArrowArray *pixels, int64_t n_px, uint8_t *restrict rgb) {
    const uint8_t *restrict rgbx = levels_of(pixels);
    int64_t last = n_px - 1;
    for (int64_t i = 0; i < last; i++) memcpy(rgb + 3 * i, rgbx + 4 * i, 4); /* the next overwrites the fourth byte */
    if (last >= 0) memcpy(rgb + 3 * last, rgbx + 4 * last, 3);
}
