#!/usr/bin/env python3
"""Writes a CSV of unique integer keys in no order; every 1,000th record repeats an earlier key. Usage: key_stream.py KEYS"""

import random
import sys

# Odd, so multiplying by it permutes the numbers below 2^49: unique without remembering any.
MULTIPLIER = 0x1B87F3D2A5C9D
MASK = 2**49 - 1
BLOCK = 1_000


def main():
    # A key is a number that no other block has, and three digits that no other key of its block has. All but one of those are
    # used, in an order of their own, so that a block is one join.
    endings = [f"{number:03}" for number in range(BLOCK - 1)]
    random.Random(1).shuffle(endings)
    out = sys.stdout.buffer
    out.write(b"id\n")
    for block in range(int(sys.argv[1]) // BLOCK):
        start = str((block + 1) * MULTIPLIER & MASK)
        # A key of this block at first, later one of a block long gone.
        repeated = str((block // 2 + 1) * MULTIPLIER & MASK) + endings[0]
        keys = start + f"\n{start}".join(endings)
        out.write(f"{keys}\n{repeated}\n".encode())


main()
