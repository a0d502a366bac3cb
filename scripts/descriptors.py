#!/usr/bin/python3
"""Security descriptors of NTFS: lists those of a $SDS stream, or puts many different ones onto a mounted volume.

    ntfscat -f -i 9 -a 0x80 -n '$SDS' VOLUME | scripts/descriptors.py list
    scripts/descriptors.py fill MOUNTPOINT COUNT

`list` prints a line for every SID of every descriptor: offset in $SDS, security id, role (owner, group, entry) and SID. It
is a second implementation for tests, written from layout.h of ntfs-3g and [MS-DTYP]; it reads the first copies only and
ends with an error where header or hash of one is wrong, or where its second copy differs. `fill` makes COUNT files on a
volume that ntfs-3g has mounted, each with an owner of its own, S-1-5-21-7-8-N-1000.
"""

import argparse
import os
import struct
import sys

from disk import security

BLOCK = 0x40000


def sid(raw, at):
    revision, count = raw[at], raw[at + 1]
    if revision != 1 or count > 15:
        raise ValueError(f"no SID at {at:#x}")
    authority = int.from_bytes(raw[at + 2:at + 8], "big")
    return "-".join(str(part) for part in ("S", 1, authority, *struct.unpack_from(f"<{count}I", raw, at + 8)))


def list_sids(raw, at):
    _, _, size, count = struct.unpack_from("<BBHH", raw, at)
    place = at + 8
    for _ in range(count):
        kind, _, length = struct.unpack_from("<BBH", raw, place)
        start = place + 8
        if kind in (5, 6, 7, 8, 11, 12, 15, 16):
            start += 4 + 16 * bin(struct.unpack_from("<I", raw, start)[0] & 3).count("1")
        if kind != 4:
            yield "entry", sid(raw, start)
        place += length
    if place > at + size:
        raise ValueError("entries leave their list")


def named(raw):
    _, _, control, owner, group, sacl, dacl = struct.unpack_from("<BBHIIII", raw)
    if owner:
        yield "owner", sid(raw, owner)
    if group:
        yield "group", sid(raw, group)
    if control & 4 and dacl:
        yield from list_sids(raw, dacl)
    if control & 16 and sacl:
        yield from list_sids(raw, sacl)


def descriptors(stream):
    """Offset, security id and bytes of each."""
    for start in range(0, len(stream), 2 * BLOCK):
        at = start
        while at + 20 <= min(start + BLOCK, len(stream)):
            stored_hash, number, offset, size = struct.unpack_from("<IIQI", stream, at)
            if size == 0:
                break
            raw = stream[at + 20:at + size]
            total = 0
            for (word,) in struct.iter_unpack("<I", raw[:len(raw) & ~3]):
                total = (word + (total << 3 | total >> 29)) & 0xFFFFFFFF
            if offset != at or total != stored_hash or stream[at:at + size] != stream[at + BLOCK:at + BLOCK + size]:
                raise SystemExit(f"descriptor at {at:#x} is damaged")
            yield at, number, raw
            at += size + -size % 16


def fill(folder, count):
    for number in range(count):
        place = os.path.join(folder, f"owned{number:05}")
        with open(place, "wb"):
            pass
        os.setxattr(place, "system.ntfs_acl", security("file", f"S-1-5-21-7-8-{number}-1000"))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("list")
    filled = commands.add_parser("fill")
    filled.add_argument("folder")
    filled.add_argument("count", type=int)
    given = parser.parse_args()
    if given.command == "fill":
        fill(given.folder, given.count)
        return 0
    for offset, number, raw in descriptors(sys.stdin.buffer.read()):
        for role, text in named(raw):
            print(offset, number, role, text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
