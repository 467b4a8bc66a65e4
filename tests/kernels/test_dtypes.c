/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The number formats against their own implementation: tests/data/dtypes holds
 * packed weights and hashes of what it makes of them (see make_dtypes.py), 256
 * values to a hash. And F16 and BF16 there and back, every one of them. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "compute/kernels/kernels.h"

#define MAX_BYTES 16384

static espy_kernels scalar;

static uint64_t fnv1a(const void *data, size_t n) {
    const uint8_t *p = data;
    uint64_t h = 0xcbf29ce484222325;
    for (size_t i = 0; i < n; i++) h = (h ^ p[i]) * 0x100000001b3;
    return h;
}

static size_t read_fixture(espy_dtype dtype, uint8_t *bytes) {
    const char *root = getenv("ESPY_SOURCE_ROOT");
    char path[4096];
    snprintf(path, sizeof(path), "%s/tests/data/dtypes/%s.bin", root ? root : ".",
             espy_dtypes[dtype].name);
    FILE *f = fopen(path, "rb");
    if (!f) fail_msg("cannot open %s", path);
    size_t n = fread(bytes, 1, MAX_BYTES, f);
    fclose(f);
    return n;
}

static void matches_the_format(void **state) {
    espy_dtype dtype = (espy_dtype)(intptr_t)*state;
    uint8_t bytes[MAX_BYTES];
    float values[256];
    size_t unit = (size_t)espy_row_bytes(dtype, 256), n = read_fixture(dtype, bytes) / (unit + 8);
    assert_true(n > 0 && n * (unit + 8) <= MAX_BYTES);
    for (size_t u = 0; u < n; u++) {
        uint64_t want;
        memcpy(&want, bytes + n * unit + 8 * u, sizeof(want));
        scalar.to_f32[dtype](values, bytes + u * unit, 256);
        if (fnv1a(values, sizeof(values)) != want)
            fail_msg("%s: values of unit %zu", espy_dtypes[dtype].name, u);
    }
}

static void f8_nan(void **state) {
    const uint8_t codes[2] = { 0x7f, 0xff };
    float values[2];
    (void)state;
    scalar.to_f32[ESPY_F8_E4M3](values, codes, 2);
    assert_true(isnan(values[0]) && isnan(values[1]));
}

static void halves_return(void **state) {
    (void)state;
    for (int d = ESPY_F16; d <= ESPY_BF16; d++)
        for (uint32_t i = 0; i < 65536; i++) {
            uint16_t in = (uint16_t)i, out;
            float f;
            scalar.to_f32[d](&f, &in, 1);
            scalar.from_f32[d](&out, &f, 1);
            int exponent = d == ESPY_F16 ? 0x7c00 : 0x7f80;
            if ((in & 0x7fff) > exponent)
                assert_true(isnan(f) && (out & 0x7fff) > exponent);
            else
                assert_int_equal(in, out);
        }
}

/* Halfway between two neighbours goes to the even one, anything else to the nearer. */
static void halves_round(void **state) {
    (void)state;
    for (int d = ESPY_F16; d <= ESPY_BF16; d++)
        for (uint32_t i = 0; i < (d == ESPY_F16 ? 0x7bff : 0x7f7f); i++) {
            uint16_t low = (uint16_t)i, high = (uint16_t)(i + 1), out[3];
            float a, b;
            scalar.to_f32[d](&a, &low, 1);
            scalar.to_f32[d](&b, &high, 1);
            float middle = a + (b - a) / 2;
            float three[3] = { nextafterf(middle, a), middle, nextafterf(middle, b) };
            scalar.from_f32[d](out, three, 3);
            assert_int_equal(out[0], low);
            assert_int_equal(out[1], i % 2 ? high : low);
            assert_int_equal(out[2], high);
        }
}

int main(void) {
    struct CMUnitTest tests[ESPY_N_DTYPES + 3];
    size_t n = 0;
    if (espy_kernels_choose(&scalar, "scalar")) return 1;
    for (int d = 0; d < ESPY_N_DTYPES; d++)
        if (d != ESPY_F32)
            tests[n++] = (struct CMUnitTest){ .name = espy_dtypes[d].name,
                                              .test_func = matches_the_format,
                                              .initial_state = (void *)(intptr_t)d };
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(f8_nan);
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(halves_return);
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(halves_round);
    return _cmocka_run_group_tests("dtypes", tests, n, NULL, NULL);
}
