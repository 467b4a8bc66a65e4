#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Makes tests/data/dtypes/<name>.bin: random packed weights of every number
format, and what gguf-py (F8_E4M3: torch) makes of them.

    tests/reference/root.sh run python3 tests/reference/make_dtypes.py

A file holds n units (one block of 256 values, 8 of 32, 256 single numbers),
then n hashes: FNV-1a, 64 bits, little-endian, over the unit's 256 values as F32
bytes. Together the units of a codebook format use its every entry.

With the argument "grids" it prints the codebooks as C instead.
"""
import pathlib
import sys

import gguf
import numpy as np
import torch
from gguf import quants
from gguf.constants import GGML_QUANT_SIZES, GGMLQuantizationType as T

OUT = pathlib.Path(__file__).resolve().parent.parent / "data" / "dtypes"
N_UNITS = 32

# Where the F16 scales of a block lie.
SCALES = {
    "Q4_0": [0], "Q4_1": [0, 2], "Q5_0": [0], "Q5_1": [0, 2], "Q8_0": [0],
    "Q2_K": [80, 82], "Q3_K": [108], "Q4_K": [0, 2], "Q5_K": [0, 2], "Q6_K": [208],
    "IQ4_NL": [0], "IQ4_XS": [0], "IQ2_XXS": [0], "IQ2_XS": [0], "IQ2_S": [0],
    "IQ3_XXS": [0], "IQ3_S": [0], "MXFP4": [],
}
GRIDS = {"IQ2_XXS": 256, "IQ2_XS": 512, "IQ2_S": 1024, "IQ3_XXS": 256, "IQ3_S": 512}


def fnv1a(data):
    h = 0xCBF29CE484222325
    for byte in data:
        h = (h ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return h


def sweep(name, blocks):
    """Lets the indices of successive blocks count through the codebook."""
    per_block = 64 if name.startswith("IQ3") else 32
    at = np.arange(len(blocks) * per_block).reshape(len(blocks), per_block) % GRIDS[name]
    if name == "IQ2_XXS":
        words = blocks[:, 2:].reshape(len(blocks), 8, 8)
        words[:, :, :4] = at.reshape(len(blocks), 8, 4)
    elif name == "IQ2_XS":
        words = blocks[:, 2:66].copy().view("<u2")
        blocks[:, 2:66] = ((words & 0xFE00) | at.astype("<u2")).view(np.uint8)
    else:
        blocks[:, 2 : 2 + per_block] = at & 255
    if name == "IQ2_S":
        high = (at >> 8).reshape(len(blocks), 8, 4)
        blocks[:, 66:74] = (high << [0, 2, 4, 6]).sum(-1)
    if name == "IQ3_S":
        high = (at >> 8).reshape(len(blocks), 8, 8)
        blocks[:, 66:74] = (high << np.arange(8)).sum(-1)


def random_blocks(name, rng):
    block, n_bytes = GGML_QUANT_SIZES[T[name]]
    blocks = rng.integers(0, 256, (N_UNITS * 256 // block, n_bytes), dtype=np.uint8)
    for at in SCALES[name]:
        d = rng.standard_normal(len(blocks)) * 2.0 ** rng.integers(-20, 8, len(blocks))
        blocks[:, at : at + 2] = d.astype("<f2").view(np.uint8).reshape(-1, 2)
    if name in GRIDS:
        sweep(name, blocks)
    return blocks


def write(name, packed, values):
    units = values.astype("<f4").reshape(-1, 256)
    hashes = np.array([fnv1a(u.tobytes()) for u in units], dtype="<u8")
    (OUT / f"{name}.bin").write_bytes(packed.tobytes() + hashes.tobytes())


def print_grids():
    for name in GRIDS:
        cls = getattr(quants, name)
        entries = np.frombuffer(bytes.fromhex(cls.grid_hex.decode()), dtype="<u2")
        print(f"\nconst uint16_t espy_grid_{name.lower()}[{len(entries)}] = {{")
        for row in np.array_split(entries, range(12, len(entries), 12)):
            print("    " + " ".join(f"0x{v:04x}," for v in row))
        print("};")


def main():
    if sys.argv[1:] == ["grids"]:
        return print_grids()
    OUT.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(2)
    for name in SCALES:
        blocks = random_blocks(name, rng)
        write(name, blocks, gguf.dequantize(blocks, T[name]))
    codes = rng.permutation(256).astype(np.uint8)
    codes = codes[(codes & 0x7F) != 0x7F]
    codes = np.concatenate([codes, codes[:2]])
    write("F8_E4M3", codes, torch.from_numpy(codes).view(torch.float8_e4m3fn).float().numpy())
    halves = rng.integers(0, 65536, 16 * 256).astype("<u2")
    halves[(halves & 0x7C00) == 0x7C00] &= 0xFC00
    write("F16", halves, halves.view("<f2").astype("<f4"))
    bits = rng.integers(0, 65536, 16 * 256).astype("<u2")
    bits[(bits & 0x7F80) == 0x7F80] &= 0xFF80
    write("BF16", bits, gguf.dequantize(bits.view(np.uint8).reshape(-1, 2), T.BF16))


main()
