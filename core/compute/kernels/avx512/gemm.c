/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tiles of up to 8 rows by 32 columns: 16 sums in registers, two vectors of the
 * panel and one broadcast value of x per pair of multiplies. Each sum takes k in
 * order. The rows are shared out evenly over the tiles. More rows are slower
 * where x has a stride of 4 KiB: the L1 cache holds 8 such lines. */
#include "base/cpu.h"
#include "compute/kernels/avx512/fill.h"
#include "compute/kernels/avx512/load.h"

#define TARGET_BF16 __attribute__((target("avx512bf16")))

enum { TILE_ROWS = 8 };

typedef struct tile {
    float *y;
    int64_t y_stride;
    int64_t n_k;
    __mmask16 cols[2];
    int accumulate;
} tile;

/* One case for each height, so that a tile's sums are registers. */
#define ALL_CASES                                                                                  \
    CASE(1);                                                                                       \
    CASE(2);                                                                                       \
    CASE(3);                                                                                       \
    CASE(4);                                                                                       \
    CASE(5);                                                                                       \
    CASE(6);                                                                                       \
    CASE(7);                                                                                       \
    CASE(8);

static tile tile_of(float *y, int64_t y_stride, int64_t n_k, int n_cols, int accumulate) {
    return (tile){ .y = y,
                   .y_stride = y_stride,
                   .n_k = n_k,
                   .cols = { lanes_left(n_cols), n_cols > 16 ? lanes_left(n_cols - 16) : 0 },
                   .accumulate = accumulate };
}

static int rows_of_tile(int left) {
    int n_tiles = (left + TILE_ROWS - 1) / TILE_ROWS;
    return (left + n_tiles - 1) / n_tiles;
}

ESPY_INLINE void load_tile(__m512 s[][2], const tile *t, int rows) {
    ESPY_UNROLL
    for (int m = 0; m < rows; m++)
        for (int h = 0; h < 2; h++)
            s[m][h] =
                t->accumulate
                    ? _mm512_maskz_loadu_ps(t->cols[h], t->y + m * t->y_stride + (ptrdiff_t)h * 16)
                    : _mm512_setzero_ps();
}

ESPY_INLINE void store_tile(__m512 s[][2], const tile *t, int rows) {
    ESPY_UNROLL
    for (int m = 0; m < rows; m++)
        for (int h = 0; h < 2; h++)
            if (t->cols[h])
                _mm512_mask_storeu_ps(t->y + m * t->y_stride + (ptrdiff_t)h * 16, t->cols[h],
                                      s[m][h]);
}

ESPY_INLINE void tile_f32(const tile *t, const float *x, int64_t x_stride, const float *panel,
                          int rows) {
    __m512 s[TILE_ROWS][2];
    load_tile(s, t, rows);
    for (int64_t k = 0; k < t->n_k; k++, panel += ESPY_PANEL) {
        __m512 w0 = _mm512_loadu_ps(panel), w1 = _mm512_loadu_ps(panel + 16);
        ESPY_UNROLL
        for (int m = 0; m < rows; m++) {
            __m512 value = _mm512_set1_ps(x[m * x_stride + k]);
            s[m][0] = _mm512_fmadd_ps(value, w0, s[m][0]);
            s[m][1] = _mm512_fmadd_ps(value, w1, s[m][1]);
        }
    }
    store_tile(s, t, rows);
}

static void gemm_f32(float *y, int64_t y_stride, const float *x, int64_t x_stride,
                     const float *panel, int64_t n_k, int n_m, int n_cols, int accumulate) {
    tile t = tile_of(y, y_stride, n_k, n_cols, accumulate);
    for (int left = n_m; left > 0;) {
        int rows = rows_of_tile(left);
        switch (rows) {
#define CASE(n)                                                                                    \
    case n:                                                                                        \
        tile_f32(&t, x, x_stride, panel, n);                                                       \
        break
            ALL_CASES
#undef CASE
        }
        left -= rows;
        t.y += rows * y_stride;
        x += rows * x_stride;
    }
}

/* The rows of x and w are pairs of BF16, a pair per 32 bit lane. */
TARGET_BF16 ESPY_INLINE void tile_bf16(const tile *t, const uint16_t *x, int64_t x_stride,
                                       const uint16_t *panel, int rows) {
    __m512 s[TILE_ROWS][2];
    load_tile(s, t, rows);
    for (int64_t k = 0; k < t->n_k; k += 2, panel += (ptrdiff_t)ESPY_PANEL * 2) {
        __m512i w0 = _mm512_loadu_si512(panel), w1 = _mm512_loadu_si512(panel + ESPY_PANEL);
        ESPY_UNROLL
        for (int m = 0; m < rows; m++) {
            int32_t pair;
            memcpy(&pair, x + m * x_stride + k, sizeof pair);
            __m512bh value = (__m512bh)_mm512_set1_epi32(pair);
            s[m][0] = _mm512_dpbf16_ps(s[m][0], value, (__m512bh)w0);
            s[m][1] = _mm512_dpbf16_ps(s[m][1], value, (__m512bh)w1);
        }
    }
    store_tile(s, t, rows);
}

TARGET_BF16 static void gemm_bf16(float *y, int64_t y_stride, const uint16_t *x, int64_t x_stride,
                                  const uint16_t *panel, int64_t n_k, int n_m, int n_cols,
                                  int accumulate) {
    tile t = tile_of(y, y_stride, n_k, n_cols, accumulate);
    for (int left = n_m; left > 0;) {
        int rows = rows_of_tile(left);
        switch (rows) {
#define CASE(n)                                                                                    \
    case n:                                                                                        \
        tile_bf16(&t, x, x_stride, panel, n);                                                      \
        break
            ALL_CASES
#undef CASE
        }
        left -= rows;
        t.y += rows * y_stride;
        x += rows * x_stride;
    }
}

/* ------------------------------------------------------------- packing */

/* r[i] lane j <-> r[j] lane i */
ESPY_INLINE void transpose_16(__m512 r[16]) {
    __m512 t[16];
    for (int i = 0; i < 16; i += 2) {
        t[i] = _mm512_unpacklo_ps(r[i], r[i + 1]);
        t[i + 1] = _mm512_unpackhi_ps(r[i], r[i + 1]);
    }
#define PAIRS(op, a, b) _mm512_castpd_ps(op(_mm512_castps_pd(a), _mm512_castps_pd(b)))
    for (int i = 0; i < 16; i += 4)
        for (int j = 0; j < 2; j++) {
            r[i + 2 * j] = PAIRS(_mm512_unpacklo_pd, t[i + j], t[i + j + 2]);
            r[i + 2 * j + 1] = PAIRS(_mm512_unpackhi_pd, t[i + j], t[i + j + 2]);
        }
#undef PAIRS
    /* now quarter q of r[4 g + j] is column 4 q + j of rows 4 g .. 4 g + 3 */
    for (int j = 0; j < 4; j++) {
        __m512 even0 = _mm512_shuffle_f32x4(r[j], r[j + 4], 0x88);
        __m512 odd0 = _mm512_shuffle_f32x4(r[j], r[j + 4], 0xdd);
        __m512 even1 = _mm512_shuffle_f32x4(r[j + 8], r[j + 12], 0x88);
        __m512 odd1 = _mm512_shuffle_f32x4(r[j + 8], r[j + 12], 0xdd);
        t[j] = _mm512_shuffle_f32x4(even0, even1, 0x88);
        t[j + 4] = _mm512_shuffle_f32x4(odd0, odd1, 0x88);
        t[j + 8] = _mm512_shuffle_f32x4(even0, even1, 0xdd);
        t[j + 12] = _mm512_shuffle_f32x4(odd0, odd1, 0xdd);
    }
    for (int i = 0; i < 16; i++) r[i] = t[i];
}

static void pack_f32(float *panel, const float *rows, int64_t stride, int64_t n_k, int n_cols) {
    for (int64_t k = 0; k < n_k; k += 16)
        for (int first = 0; first < ESPY_PANEL; first += 16) {
            __mmask16 m = lanes_left(n_k - k);
            __m512 r[16];
            for (int c = 0; c < 16; c++)
                r[c] = first + c < n_cols
                           ? _mm512_maskz_loadu_ps(m, rows + (first + c) * stride + k)
                           : _mm512_setzero_ps();
            transpose_16(r);
            for (int i = 0; i < 16; i++)
                if (k + i < n_k) _mm512_storeu_ps(panel + (k + i) * ESPY_PANEL + first, r[i]);
        }
}

TARGET_BF16 static __m512 bf16_pairs(const float *row, int64_t n) {
    __m512 low = _mm512_maskz_loadu_ps(lanes_left(n), row);
    __m512 high =
        n > 16 ? _mm512_maskz_loadu_ps(lanes_left(n - 16), row + 16) : _mm512_setzero_ps();
    return (__m512)_mm512_cvtne2ps_pbh(high, low);
}

TARGET_BF16 static void pack_bf16(uint16_t *panel, const float *rows, int64_t stride, int64_t n_k,
                                  int n_cols) {
    for (int64_t k = 0; k < n_k; k += 32)
        for (int first = 0; first < ESPY_PANEL; first += 16) {
            __m512 r[16];
            for (int c = 0; c < 16; c++)
                r[c] = first + c < n_cols ? bf16_pairs(rows + (first + c) * stride + k, n_k - k)
                                          : _mm512_setzero_ps();
            transpose_16(r);
            for (int i = 0; i < 16; i++)
                if (k + 2 * i < n_k)
                    _mm512_storeu_ps(panel + (k / 2 + i) * ESPY_PANEL * 2 + first * 2, r[i]);
        }
}

/* Lane c of two rows to 16 bit pairs: (row 0, row 1) of column c. */
TARGET_BF16 static void panel_bf16(uint16_t *panel, const float *rows, int64_t n_k) {
    const __m512i pairs =
        _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8, 23, 7, 22, 6,
                         21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
    for (int64_t k = 0; k < n_k; k += 2, rows += (ptrdiff_t)2 * ESPY_PANEL)
        for (int first = 0; first < ESPY_PANEL; first += 16, panel += 32) {
            __m512 low = _mm512_loadu_ps(rows + first);
            __m512 high =
                k + 1 < n_k ? _mm512_loadu_ps(rows + ESPY_PANEL + first) : _mm512_setzero_ps();
            __m512i both = (__m512i)_mm512_cvtne2ps_pbh(high, low);
            _mm512_storeu_si512(panel, _mm512_permutexvar_epi16(pairs, both));
        }
}

void espy_fill_gemm_avx512(espy_kernels *k, unsigned cpu_flags) {
    k->pack_f32 = pack_f32;
    k->gemm_f32 = gemm_f32;
    if (cpu_flags & ESPY_CPU_AVX512_BF16) {
        k->pack_bf16 = pack_bf16;
        k->panel_bf16 = panel_bf16;
        k->gemm_bf16 = gemm_bf16;
    }
}
