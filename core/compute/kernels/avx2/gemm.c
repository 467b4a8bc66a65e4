/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tiles of up to 6 rows by 16 columns, half a panel: 12 sums in registers, two
 * vectors of the panel and one broadcast value of x per pair of multiplies. Each
 * sum takes k in order. The rows are shared out evenly over the tiles. */
#include "compute/kernels/avx2/fill.h"
#include "compute/kernels/avx2/load.h"

enum { TILE_ROWS = 6 };

typedef struct tile {
    float *y;
    int64_t y_stride;
    const float *x, *panel;
    int64_t x_stride, n_k;
    int n_cols; /* 1 .. 16 */
    int accumulate;
} tile;

ESPY_INLINE void store_tile(__m256 s[][2], const tile *t, int rows) {
    if (t->n_cols == 16) {
        ESPY_UNROLL
        for (int m = 0; m < rows; m++) {
            _mm256_storeu_ps(t->y + m * t->y_stride, s[m][0]);
            _mm256_storeu_ps(t->y + m * t->y_stride + 8, s[m][1]);
        }
        return;
    }
    __m256i left = lanes_left(t->n_cols), right = lanes_left(t->n_cols - 8);
    ESPY_UNROLL
    for (int m = 0; m < rows; m++) {
        _mm256_maskstore_ps(t->y + m * t->y_stride, left, s[m][0]);
        _mm256_maskstore_ps(t->y + m * t->y_stride + 8, right, s[m][1]);
    }
}

ESPY_INLINE void multiply_tile(const tile *t, int rows) {
    __m256i left = lanes_left(t->accumulate ? t->n_cols : 0);
    __m256i right = lanes_left(t->accumulate ? t->n_cols - 8 : 0);
    __m256 s[TILE_ROWS][2];
    ESPY_UNROLL
    for (int m = 0; m < rows; m++) {
        s[m][0] = _mm256_maskload_ps(t->y + m * t->y_stride, left);
        s[m][1] = _mm256_maskload_ps(t->y + m * t->y_stride + 8, right);
    }
    const float *panel = t->panel, *x = t->x;
    int64_t n_k = t->n_k, x_stride = t->x_stride;
    for (int64_t k = 0; k < n_k; k++, panel += ESPY_PANEL) {
        __m256 w0 = _mm256_loadu_ps(panel), w1 = _mm256_loadu_ps(panel + 8);
        ESPY_UNROLL
        for (int m = 0; m < rows; m++) {
            __m256 value = _mm256_broadcast_ss(x + m * x_stride + k);
            s[m][0] = _mm256_fmadd_ps(value, w0, s[m][0]);
            s[m][1] = _mm256_fmadd_ps(value, w1, s[m][1]);
        }
    }
    store_tile(s, t, rows);
}

/* A case for each height, so that a tile's sums are registers. */
static void multiply_rows(const tile *t, int rows) {
    switch (rows) {
    case 1:
        multiply_tile(t, 1);
        break;
    case 2:
        multiply_tile(t, 2);
        break;
    case 3:
        multiply_tile(t, 3);
        break;
    case 4:
        multiply_tile(t, 4);
        break;
    case 5:
        multiply_tile(t, 5);
        break;
    default:
        multiply_tile(t, TILE_ROWS);
        break;
    }
}

static void gemm_f32(float *y, int64_t y_stride, const float *x, int64_t x_stride,
                     const float *panel, int64_t n_k, int n_m, int n_cols, int accumulate) {
    for (int rows, left = n_m; left > 0; left -= rows) {
        int n_tiles = (left + TILE_ROWS - 1) / TILE_ROWS;
        rows = (left + n_tiles - 1) / n_tiles;
        for (int first = 0; first < n_cols; first += 16) {
            int n = n_cols - first < 16 ? n_cols - first : 16;
            tile t = { y + first, y_stride, x, panel + first, x_stride, n_k, n, accumulate };
            multiply_rows(&t, rows);
        }
        y += rows * y_stride;
        x += rows * x_stride;
    }
}

/* r[i] lane j <-> r[j] lane i */
ESPY_INLINE void transpose_8(__m256 r[8]) {
    __m256 t[8];
    for (int i = 0; i < 8; i += 2) {
        t[i] = _mm256_unpacklo_ps(r[i], r[i + 1]);
        t[i + 1] = _mm256_unpackhi_ps(r[i], r[i + 1]);
    }
    for (int i = 0; i < 8; i += 4)
        for (int j = 0; j < 2; j++) {
            r[i + 2 * j] = _mm256_shuffle_ps(t[i + j], t[i + j + 2], 0x44);
            r[i + 2 * j + 1] = _mm256_shuffle_ps(t[i + j], t[i + j + 2], 0xee);
        }
    /* now half h of r[4 g + j] is column 4 h + j of rows 4 g .. 4 g + 3 */
    for (int j = 0; j < 4; j++) {
        t[j] = _mm256_permute2f128_ps(r[j], r[j + 4], 0x20);
        t[j + 4] = _mm256_permute2f128_ps(r[j], r[j + 4], 0x31);
    }
    for (int i = 0; i < 8; i++) r[i] = t[i];
}

static void pack_f32(float *panel, const float *rows, int64_t stride, int64_t n_k, int n_cols) {
    for (int64_t k = 0; k < n_k; k += 8)
        for (int first = 0; first < ESPY_PANEL; first += 8) {
            __m256 r[8];
            for (int c = 0; c < 8; c++)
                r[c] = first + c < n_cols ? load_f32(rows + (first + c) * stride, k, n_k - k)
                                          : _mm256_setzero_ps();
            transpose_8(r);
            for (int i = 0; i < 8; i++)
                if (k + i < n_k) _mm256_storeu_ps(panel + (k + i) * ESPY_PANEL + first, r[i]);
        }
}

/* No BF16 products here: what scalar has is slower than f32. */
void espy_fill_gemm_avx2(espy_kernels *k) {
    k->pack_f32 = pack_f32;
    k->gemm_f32 = gemm_f32;
    k->pack_bf16 = NULL;
    k->panel_bf16 = NULL;
    k->gemm_bf16 = NULL;
}
