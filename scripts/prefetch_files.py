#!/usr/bin/python3
"""Builds the prefetch files of testdata/prefetch and says what each tells.

Written from "Windows Prefetch File (PF) format" of libscca and from [MS-XCA] 2.1. The
answers in `runs.txt` are those of libscca (pyscca, which must be importable) on the files
before they are packed: libscca does not unpack what this compressor makes. It knows
literals, and matches of any length at a distance of 16 to 31, enough to meet every branch
of a reader; what unpacks right beyond that, a file of Windows must show.

    scripts/prefetch_files.py [FOLDER]        writes the files and runs.txt (testdata/prefetch)
"""

import argparse
import binascii
import io
import os
import struct
import sys

from regf import filetime, utf16

HERE = os.path.dirname(os.path.abspath(__file__))
BLOCK = 65536
# Version: first section, last runs at, how many are kept, run count at.
LAYOUTS = {17: (0x98, 0x78, 1, 0x90), 23: (0xF0, 0x80, 1, 0x98), 26: (0x130, 0x80, 8, 0xD0), 30: (0x130, 0x80, 8, 0xD0),
           "30 since 1903": (0x128, 0x80, 8, 0xC8), 31: (0x128, 0x80, 8, 0xC8)}
METRICS = {17: 20}
CHAINS = {17: 12, 23: 12, 26: 12}


def prefetch(form, name, path, runs, times, more_files=0):
    """A prefetch file with one volume and the file names that a reader expects."""
    version = 30 if form == "30 since 1903" else form
    first, last_runs, kept, run_count = LAYOUTS[form]
    names = [path] + [f"\\DEVICE\\HARDDISKVOLUME1\\WINDOWS\\SYSTEM32\\LIBRARY{index:05}.DLL" for index in range(more_files)]
    strings, metrics, chains = b"", b"", b""
    for index, text in enumerate(names):
        if version == 17:
            metrics += struct.pack("<5I", index, 1, len(strings), len(text), 2)
        else:
            metrics += struct.pack("<6IQ", index, 1, 1, len(strings), len(text), 2, 0)
        strings += utf16(text + "\0")
        chains += struct.pack("<IIBBH", 0xFFFFFFFF, 1, 2, 1, 0)[:12] if version < 30 else struct.pack("<IBBH", 1, 2, 1, 0)
    metrics_at = first
    chains_at = metrics_at + len(metrics)
    strings_at = chains_at + len(chains)
    volumes_at = -(-(strings_at + len(strings)) // 8) * 8
    device = utf16("\\DEVICE\\HARDDISKVOLUME1\0")
    entry_len = {17: 40, 23: 104, 26: 104}.get(version, 96)
    references = struct.pack("<II", 1 if version == 17 else 3, 0)
    volume = struct.pack("<IIQIIIIII", entry_len, 23, filetime("2009-01-01T00:00:00Z"), 0x1234ABCD,
                         entry_len + len(device), len(references), entry_len + len(device) + len(references), 1, 0)
    folder = struct.pack("<H", 31) + utf16("\\DEVICE\\HARDDISKVOLUME1\\WINDOWS\0")
    volumes = volume.ljust(entry_len, b"\0") + device + references + folder
    size = volumes_at + len(volumes)
    head = struct.pack("<I4sII", version, b"SCCA", 0x11, size) + utf16(name).ljust(60, b"\0") + struct.pack("<II", 0x2F1E3C44, 0)
    head += struct.pack("<9I", metrics_at, len(names), chains_at, len(names), strings_at, len(strings), volumes_at, 1, len(volumes))
    head = bytearray(head.ljust(first, b"\0"))
    for index, time in enumerate(times[:kept]):
        struct.pack_into("<Q", head, last_runs + 8 * index, filetime(time))
    struct.pack_into("<I", head, run_count, runs)
    body = bytes(head) + metrics + chains + strings
    return body.ljust(volumes_at, b"\0") + volumes


# -- [MS-XCA] LZ77+Huffman ------------------------------------------------------------------


class Bits:
    """Bits in words of 16, with bytes between them where the reader looks for them."""

    def __init__(self):
        self.out, self.word, self.count = bytearray(4), 0, 0
        self.places = [0, 2]

    def bits(self, value, count):
        for shift in range(count - 1, -1, -1):
            if self.count == 16:
                self.flush()
            self.word = self.word << 1 | value >> shift & 1
            self.count += 1

    def flush(self):
        struct.pack_into("<H", self.out, self.places.pop(0), self.word)
        self.places.append(len(self.out))
        self.out += b"\0\0"
        self.word = self.count = 0

    def bytes(self, data):
        self.out += data

    def end(self):
        struct.pack_into("<H", self.out, self.places[0], self.word << 16 - self.count)
        return bytes(self.out)


def codes(lengths):
    """Canonical codes: by length, then by symbol."""
    code, last, result = 0, 0, {}
    for symbol in sorted((s for s in range(512) if lengths[s]), key=lambda s: (lengths[s], s)):
        code <<= lengths[symbol] - last
        last = lengths[symbol]
        result[symbol] = (code, last)
        code += 1
    return result


def compress(data):
    """Literals of nine bits, and long matches at a distance of 16 to 31 with the three ways to write a length."""
    long_match = 256 + 4 * 16 + 15
    short_match = 256 + 4 * 16 + 5
    lengths = [9] * 256 + [0] * 256
    lengths[256], lengths[long_match], lengths[short_match] = 2, 3, 3
    book = codes(lengths)
    table = bytes(lengths[at] | lengths[at + 1] << 4 for at in range(0, 512, 2))
    stream, position = b"", 0
    while position < len(data):
        bits, end = Bits(), min(position + BLOCK, len(data))
        while position < end:
            best, distance = 0, 0
            for candidate in range(16, 32):
                length = 0
                while candidate <= position and position + length < end and data[position + length] == data[position + length - candidate]:
                    length += 1
                if length > best:
                    best, distance = length, candidate
            if best >= 18:
                bits.bits(*book[long_match])
                written = best - 3
                bits.bytes(bytes([written - 15]) if written < 270 else b"\xff" + struct.pack("<H", written))
                bits.bits(distance - 16, 4)
                position += best
            elif best >= 8:
                bits.bits(*book[short_match])
                bits.bits(distance - 16, 4)
                position += 8
            else:
                bits.bits(*book[data[position]])
                position += 1
        if position == len(data):
            bits.bits(*book[256])
        stream += table + bits.end()
    return stream


def mam(data, checksum=False):
    packed = compress(data)
    if not checksum:
        return b"MAM\x04" + struct.pack("<I", len(data)) + packed
    head = b"MAM\x84" + struct.pack("<I", len(data))
    return head + struct.pack("<I", binascii.crc32(packed, binascii.crc32(head + b"\0\0\0\0"))) + packed


# -- files ----------------------------------------------------------------------------------


def shapes():
    """Name, content, and the file that holds it."""
    path = "\\DEVICE\\HARDDISKVOLUME1\\WINDOWS\\SYSTEM32\\FBRESEAL.EXE"
    times = [f"2009-03-0{9 - index}T14:40:00Z" for index in range(8)]
    sysprep = "\\DEVICE\\HARDDISKVOLUME1\\SYSPREP\\SYSPREP.EXE"
    for name, program, place, runs in (("v17_once.pf", "FBRESEAL.EXE", path, 1), ("v17_sysprep.pf", "SYSPREP.EXE", sysprep, 3)):
        content = prefetch(17, program, place, runs, times[:1])
        yield name, content, content
    for name, form, runs, more, pack in (
            ("v17.pf", 17, 2, 0, None),
            ("v23.pf", 23, 3, 0, None),
            ("v26.pf", 26, 11, 0, None),
            ("v30.pf", 30, 4, 0, None),
            ("v30_packed.pf", 30, 5, 0, mam),
            ("v30_since_1903_packed.pf", "30 since 1903", 6, 0, mam),
            ("v31_packed_with_checksum.pf", 31, 1, 0, lambda data: mam(data, checksum=True)),
            ("v31_packed_two_blocks.pf", 31, 7, 450, mam)):
        content = prefetch(form, "FBRESEAL.EXE", path, runs, times[:min(runs, 8)], more)
        yield name, content, pack(content) if pack else content


def by_libscca(data):
    import pyscca
    file = pyscca.file()
    file.open_file_object(io.BytesIO(data))
    times = []
    for index in range(8 if file.format_version >= 26 else 1):
        times.append(file.get_last_run_time_as_integer(index))
    shown = " ".join(str(time) for time in times if time)
    return f"{file.format_version} {file.executable_filename} {file.prefetch_hash:08x} {file.run_count} {shown}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", default=os.path.join(HERE, "..", "testdata", "prefetch"))
    parser.add_argument("--read", nargs="+", metavar="FILE", help="print what libscca says of these files and end")
    given = parser.parse_args()
    for path in given.read or []:
        with open(path, "rb") as file:
            print(os.path.basename(path), by_libscca(file.read()))
    if given.read:
        return 0
    os.makedirs(given.folder, exist_ok=True)
    lines = []
    for name, content, data in shapes():
        lines.append(f"{name} {by_libscca(content)}\n")
        with open(os.path.join(given.folder, name), "wb") as out:
            out.write(data)
    with open(os.path.join(given.folder, "runs.txt"), "w", encoding="ascii") as out:
        out.writelines(lines)
    return 0


if __name__ == "__main__":
    sys.exit(main())
