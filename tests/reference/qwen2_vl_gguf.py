# SPDX-License-Identifier: LGPL-2.1-or-later
"""Writes the GGUF fixtures of tests/data/qwen2_vl/gguf; see qwen2_gguf.py."""
import qwen2_gguf

if __name__ == "__main__":
    qwen2_gguf.write("qwen2_vl", ("fc1", "fc2"))
