#!/usr/bin/python3
"""Builds the small PE files of testdata/pe and says what version each has.

Written from the Microsoft PE format page and VS_VERSIONINFO of the Windows SDK. Each file is
one shape that a reader of versions can stumble over. The answers in `versions.txt` are those
of pefile, which must be importable; this program only refuses to write what pefile reads
otherwise than meant.

    scripts/programs.py [FOLDER]        writes the files and versions.txt (testdata/pe)
"""

import argparse
import os
import struct
import sys

from artefacts import pad4, pe
from regf import utf16

HERE = os.path.dirname(os.path.abspath(__file__))


def fixed(version):
    major, minor, build, revision = version
    return struct.pack("<13I", 0xFEEF04BD, 0x10000, major << 16 | minor, build << 16 | revision, 0, 0, 0x3F, 0, 0x40004,
                       2, 0, 0, 0)


def version_info(version, key="VS_VERSION_INFO"):
    """VS_VERSIONINFO with the fixed part, or without one where `version` is None."""
    value = fixed(version) if version else b""
    info = pad4(struct.pack("<HHH", 0, len(value), 0) + utf16(key + "\0")) + value
    return struct.pack("<H", len(info)) + info[2:]


def tree(kinds, address):
    """A resource section: {type: {name: {language: bytes}}}, placed at `address`."""
    blobs, out = [], bytearray()
    waiting = [(kinds, None)]
    while waiting:
        node, patch = waiting.pop(0)
        here = len(out)
        if patch is not None:
            struct.pack_into("<I", out, patch, 0x80000000 | here)
        out += struct.pack("<IIHHHH", 0, 0, 0, 0, 0, len(node))
        first = len(out)
        for identifier in sorted(node):
            out += struct.pack("<II", identifier, 0)
        for index, identifier in enumerate(sorted(node)):
            child = node[identifier]
            if isinstance(child, dict):
                waiting.append((child, first + index * 8 + 4))
            else:
                blobs.append((first + index * 8 + 4, child))
    for patch, data in blobs:
        struct.pack_into("<I", out, patch, len(out))
        out += struct.pack("<IIII", 0, len(data), 0, 0)
    entries = len(out) - 16 * len(blobs)
    for index, (_, data) in enumerate(blobs):
        out += b"\0" * (-len(out) % 4)
        struct.pack_into("<I", out, entries + 16 * index, address + len(out))
        out += data
    return bytes(out)


def program(resources, plus=False, sections_before=0, header_offset=64, directories=16, address=0x1000):
    """A PE file whose last section holds `resources` (bytes made for that address)."""
    address += 0x1000 * sections_before
    optional_len = (112 if plus else 96) + 8 * directories
    count = sections_before + (1 if resources is not None else 0)
    coff = b"PE\0\0" + struct.pack("<HHIIIHH", 0x8664 if plus else 0x14C, count, 0, 0, 0, optional_len, 0x2102)
    head = struct.pack("<HBBIIIII", 0x20B if plus else 0x10B, 6, 0, 0, 0x200, 0, 0, 0x1000)
    head += struct.pack("<Q", 0x180000000) if plus else struct.pack("<II", 0x1000, 0x400000)
    head += struct.pack("<IIHHHHHHIIIIHH", 0x1000, 0x200, 4, 0, 0, 0, 4, 0, 0, 0x8000, 0x400, 0, 2, 0)
    head += struct.pack("<QQQQ" if plus else "<IIII", 0x100000, 0x1000, 0x100000, 0x1000) + struct.pack("<II", 0, directories)
    table = bytearray(8 * directories)
    if resources is not None and directories > 2:
        struct.pack_into("<II", table, 16, address, len(resources))
    rows, raw, place = b"", b"", 0x400
    for index in range(sections_before):
        rows += b".text\0\0\0" + struct.pack("<IIIIIIHHI", 0x200, 0x1000 * (index + 1), 0x200, place, 0, 0, 0, 0, 0x60000020)
        raw, place = raw + b"\xCC" * 0x200, place + 0x200
    if resources is not None:
        size = -(-len(resources) // 0x200) * 0x200
        rows += b".rsrc\0\0\0" + struct.pack("<IIIIIIHHI", len(resources), address, size, place, 0, 0, 0, 0, 0x40000040)
        raw += resources.ljust(size, b"\0")
    dos = b"MZ".ljust(60, b"\0") + struct.pack("<I", header_offset)
    return ((dos.ljust(header_offset, b"\0") + coff + head + bytes(table) + rows).ljust(0x400, b"\0")) + raw


def shapes():
    """Name, bytes and meant version of every file."""
    one = version_info((5, 0, 2195, 6972))
    big = {10: {index: {1033: b"\x11" * 3000} for index in range(1, 5)}}
    yield "plain.exe", pe("5.0.2195.6972"), "5.0.2195.6972"
    yield "plus.dll", program(tree({16: {1: {1033: version_info((10, 0, 14393, 65535))}}}, 0x1000), plus=True), "10.0.14393.65535"
    yield "last_of_five_sections.sys", program(tree({16: {1: {0: one}}}, 0x5000), sections_before=4), "5.0.2195.6972"
    yield "far_behind_others.dll", program(tree({**big, 16: {1: {1033: one}}}, 0x1000)), "5.0.2195.6972"
    yield "late_header.exe", program(tree({16: {1: {1033: one}}}, 0x1000), header_offset=0x180), "5.0.2195.6972"
    yield "two_languages.dll", program(tree({16: {1: {1031: one, 1033: version_info((9, 9, 9, 9))}}}, 0x1000)), "5.0.2195.6972"
    yield "no_fixed_part.dll", program(tree({16: {1: {1033: version_info(None)}}}, 0x1000)), "none"
    yield "other_resources_only.dll", program(tree({10: {1: {1033: b"data"}}}, 0x1000)), "none"
    yield "two_directories.exe", program(None, sections_before=1, directories=2), "none"
    yield "no_resources.exe", program(None, sections_before=1), "none"


def by_pefile(data):
    import pefile
    program_file = pefile.PE(data=data)
    for info in getattr(program_file, "VS_FIXEDFILEINFO", []):
        high, low = info.FileVersionMS, info.FileVersionLS
        return f"{high >> 16}.{high & 0xFFFF}.{low >> 16}.{low & 0xFFFF}"
    return "none"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", default=os.path.join(HERE, "..", "testdata", "pe"))
    folder = parser.parse_args().folder
    os.makedirs(folder, exist_ok=True)
    lines = []
    for name, data, meant in shapes():
        said = by_pefile(data)
        if said != meant:
            sys.exit(f"{name}: meant {meant}, pefile reads {said}")
        with open(os.path.join(folder, name), "wb") as out:
            out.write(data)
        lines.append(f"{name} {said}\n")
    with open(os.path.join(folder, "versions.txt"), "w", encoding="ascii") as out:
        out.writelines(lines)
    return 0


if __name__ == "__main__":
    sys.exit(main())
