/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Sizes of the number formats. */
#include "base/tensor.h"

const espy_dtype_info espy_dtypes[ESPY_N_DTYPES] = {
    [ESPY_F32] = { "F32", 1, 4 },
    [ESPY_F16] = { "F16", 1, 2 },
    [ESPY_BF16] = { "BF16", 1, 2 },
    [ESPY_F8_E4M3] = { "F8_E4M3", 1, 1 },
    [ESPY_Q4_0] = { "Q4_0", 32, 18 },
    [ESPY_Q4_1] = { "Q4_1", 32, 20 },
    [ESPY_Q5_0] = { "Q5_0", 32, 22 },
    [ESPY_Q5_1] = { "Q5_1", 32, 24 },
    [ESPY_Q8_0] = { "Q8_0", 32, 34 },
    [ESPY_Q2_K] = { "Q2_K", 256, 84 },
    [ESPY_Q3_K] = { "Q3_K", 256, 110 },
    [ESPY_Q4_K] = { "Q4_K", 256, 144 },
    [ESPY_Q5_K] = { "Q5_K", 256, 176 },
    [ESPY_Q6_K] = { "Q6_K", 256, 210 },
    [ESPY_IQ4_NL] = { "IQ4_NL", 32, 18 },
    [ESPY_IQ4_XS] = { "IQ4_XS", 256, 136 },
    [ESPY_IQ2_XXS] = { "IQ2_XXS", 256, 66 },
    [ESPY_IQ2_XS] = { "IQ2_XS", 256, 74 },
    [ESPY_IQ2_S] = { "IQ2_S", 256, 82 },
    [ESPY_IQ3_XXS] = { "IQ3_XXS", 256, 98 },
    [ESPY_IQ3_S] = { "IQ3_S", 256, 110 },
    [ESPY_MXFP4] = { "MXFP4", 32, 17 },
};
