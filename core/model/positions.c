/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where tokens and patches stand, and the rotations that follow from it
 * (Qwen2-VL, arXiv:2409.12191, section 2.1; Qwen3-VL, arXiv:2511.21631). */
#include <math.h>

#include "model/model.h"

void espy_positions_text(espy_positions *p, int64_t n_text) {
    for (int64_t i = 0; i < n_text; i++, p->n++, p->next++)
        for (int axis = 0; axis < 3; axis++) p->at[axis][p->n] = p->next;
}

void espy_positions_grid(espy_positions *p, int32_t base, int32_t step, int rows, int columns) {
    espy_positions_cells(p, base, step, rows, columns, NULL, (int64_t)rows * columns);
}

void espy_positions_cells(espy_positions *p, int32_t base, int32_t step, int rows, int columns,
                          const int32_t *cells, int64_t n_cells) {
    int32_t largest = rows > columns ? rows - 1 : columns - 1;
    for (int64_t i = 0; i < n_cells; i++, p->n++) {
        int64_t cell = cells ? cells[i] : i;
        p->at[0][p->n] = base + step;
        p->at[1][p->n] = base + (int32_t)(cell / columns);
        p->at[2][p->n] = base + (int32_t)(cell % columns);
    }
    if (step > largest) largest = step;
    p->next = base + largest + 1;
}

int32_t espy_clip_step(const espy_vision_config *c, int i, double seconds_per_patch) {
    if (!(c->tokens_per_second > 0)) return i;
    return (int32_t)(i * seconds_per_patch * c->tokens_per_second);
}

double espy_rope_theta(const espy_text_config *c, int64_t n) {
    double alpha = 1;
    if (c->ntk_length <= 0 || n <= c->ntk_length) return c->rope_theta;
    for (int64_t length = c->ntk_length; length < n; length *= 2) alpha *= 2;
    alpha = 2 * alpha - 1;
    return c->rope_theta * pow(alpha, (double)c->head_dim / (c->head_dim - 2));
}

int espy_logn_applies(const espy_text_config *c, int32_t position) {
    return c->logn_length > 0 && position + 1 > c->logn_length;
}

float espy_logn_scale(const espy_text_config *c, int32_t position) {
    if (!espy_logn_applies(c, position)) return 1;
    return (float)(log((double)position + 1) / log((double)c->logn_length));
}

/* Which of time, row, column turns pair j. */
static int axis_of(const espy_model *m, int j) {
    const int *s = m->config.text.sections;
    if (m->family->text.rope == ESPY_ROPE_1D) return 0;
    if (m->family->text.rope == ESPY_MROPE_INTERLEAVED) {
        int axis = j % 3;
        return axis && j < 3 * s[axis] ? axis : 0;
    }
    return j < s[0] ? 0 : j < s[0] + s[1] ? 1 : 2;
}

void espy_mrope_angles(const espy_model *m, const espy_positions *p, int64_t first, int64_t n,
                       float *cosines, float *sines) {
    int half = m->config.text.head_dim / 2;
    double theta = p->theta > 0 ? p->theta : m->config.text.rope_theta;
    for (int j = 0; j < half; j++) {
        float f = (float)(1.0 / pow(theta, 2.0 * j / (2.0 * half)));
        const int32_t *at = p->at[axis_of(m, j)] + first;
        for (int64_t i = 0; i < n; i++) {
            float angle = (float)at[i] * f;
            cosines[i * half + j] = cosf(angle);
            sines[i * half + j] = sinf(angle);
        }
    }
}

typedef struct cell {
    int row, column;
} cell;

/* Row and column of the i-th patch in merged order. */
static cell cell_of(const espy_vision_config *c, espy_grid g, int64_t i) {
    int m = c->merge, in_cell = (int)(i % (m * m));
    int64_t block = g.cells ? g.cells[i / (m * m)] : i / (m * m);
    return (cell){ (int)(block / (g.w / m)) * m + in_cell / m,
                   (int)(block % (g.w / m)) * m + in_cell % m };
}

void espy_rope_2d_angles(const espy_vision_config *c, espy_grid g, float *cosines, float *sines) {
    int half = c->head_dim / 2, quarter = half / 2;
    for (int j = 0; j < quarter; j++) {
        float f = (float)(1.0 / pow(10000.0, 2.0 * j / half));
        for (int64_t i = 0; i < espy_grid_patches(g, c->merge); i++) {
            cell at = cell_of(c, g, i);
            float row = (float)at.row * f, column = (float)at.column * f;
            cosines[i * half + j] = cosf(row);
            sines[i * half + j] = sinf(row);
            cosines[i * half + quarter + j] = cosf(column);
            sines[i * half + quarter + j] = sinf(column);
        }
    }
}

/* Point i of n evenly spaced ones from 0 to last, in f32 and from both ends, as
 * the reference's linspace does it. */
static float spaced(int i, int n, float last) {
    if (n == 1) return 0;
    float step = last / (float)(n - 1);
    return i < n / 2 ? step * (float)i : last - step * (float)(n - 1 - i);
}

void espy_position_table_mix(const espy_vision_config *c, espy_grid g, int32_t (*ids)[4],
                             float (*weights)[4]) {
    int side = (int)lround(sqrt((double)c->n_positions));
    for (int64_t i = 0; i < espy_grid_patches(g, c->merge); i++) {
        cell at = cell_of(c, g, i);
        float y = spaced(at.row, g.h, (float)(side - 1));
        float x = spaced(at.column, g.w, (float)(side - 1));
        int y0 = (int)y, x0 = (int)x;
        int y1 = y0 + 1 < side ? y0 + 1 : side - 1, x1 = x0 + 1 < side ? x0 + 1 : side - 1;
        float fy = y - (float)y0, fx = x - (float)x0;
        ids[i][0] = y0 * side + x0;
        ids[i][1] = y0 * side + x1;
        ids[i][2] = y1 * side + x0;
        ids[i][3] = y1 * side + x1;
        weights[i][0] = (1 - fy) * (1 - fx);
        weights[i][1] = (1 - fy) * fx;
        weights[i][2] = fy * (1 - fx);
        weights[i][3] = fy * fx;
    }
}
