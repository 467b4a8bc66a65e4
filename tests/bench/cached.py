# SPDX-License-Identifier: LGPL-2.1-or-later
"""How much of files lies in the page cache.

    cached.py FILE...            tells it
    cached.py --drop FILE...     writes them back and takes them out of it first
"""
import ctypes
import mmap
import os
import sys

libc = ctypes.CDLL(None, use_errno=True)
libc.mincore.argtypes = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_char_p
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int,
                      ctypes.c_long)


def pages(fd, size):
    """A byte for each page, 1 in its lowest bit if the page is cached."""
    at = libc.mmap(None, size, mmap.PROT_READ, mmap.MAP_SHARED, fd, 0)
    out = ctypes.create_string_buffer(-(-size // mmap.PAGESIZE))
    if libc.mincore(at, size, out):
        raise OSError(ctypes.get_errno(), "mincore")
    return out.raw


def main(args):
    drop = "--drop" in args
    for path in (a for a in args if a != "--drop"):
        fd = os.open(path, os.O_RDONLY)
        if drop:
            os.fsync(fd)
            os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
        there = pages(fd, os.fstat(fd).st_size)
        n = sum(b & 1 for b in there)
        print(f"{path}: {n * mmap.PAGESIZE // 1024} of {len(there) * mmap.PAGESIZE // 1024} KB, "
              f"{100 * n / len(there):.1f} %")
        os.close(fd)


main(sys.argv[1:])
