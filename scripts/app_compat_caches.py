#!/usr/bin/python3
"""Builds the caches of program compatibility of testdata/app_compat_cache, one for each form.

Written from appcompatcache.yaml of plaso and the whitepaper of Mandiant (its reader gives a
package to both forms of Windows 8). The answers in `programs.txt` are those of regipy
(plugin shimcache, which must be importable) on the caches.

    scripts/app_compat_caches.py [FOLDER]      writes the caches and programs.txt
"""

import argparse
import os
import struct

HERE = os.path.dirname(os.path.abspath(__file__))
# Path and time of the last change: 2009-07-13T22:14:15Z and a second a step.
FIRST = 128919968550000000
PROGRAMS = [("\\??\\C:\\WINDOWS\\system32\\fbreseal.exe", FIRST), ("C:\\x.exe", FIRST + 10_000_000),
            ("C:\\Windows\\System32\\Sysprep\\sysprep.exe", FIRST + 20_000_000)]


def table(signature, header, entry):
    """A header, entries that point behind the table, the paths."""
    entries, paths = b"", b""
    start = header + len(PROGRAMS) * struct.calcsize(entry("", 0, 0)[0])
    for path, time in PROGRAMS:
        text = path.encode("utf-16-le")
        form, values = entry(text, start + len(paths), time)
        entries += struct.pack(form, *values)
        paths += text + b"\0\0"
    return struct.pack("<II", signature, len(PROGRAMS)).ljust(header, b"\0") + entries + paths


def xp():
    out = struct.pack("<III", 0xDEADBEEF, len(PROGRAMS), len(PROGRAMS)).ljust(400, b"\0")
    for path, time in PROGRAMS:
        out += path.encode("utf-16-le").ljust(528, b"\0") + struct.pack("<QQQ", time, 4711, time + 1)
    return out


def server_2003(wide, last):
    form = "<HHIQQII" if wide else "<HHIQII"
    return table(0xBADC0FFE, 8, lambda text, at, time: (
        form, (len(text), len(text) + 2, *((0, at) if wide else (at,)), time, last, 0)))


def windows_7(wide):
    form = "<HHIQQIIQQ" if wide else "<HHIQIIII"
    return table(0xBADC0FEE, 128, lambda text, at, time: (
        form, (len(text), len(text) + 2, *((0, at) if wide else (at,)), time, 2, 0, 0, 0)))


def listed(header, signature, body):
    out = struct.pack("<I", header).ljust(header, b"\0")
    for number, (path, time) in enumerate(PROGRAMS):
        text = path.encode("utf-16-le")
        entry = struct.pack("<H", len(text)) + text + body(number, time)
        out += signature + struct.pack("<II", 0x1234, len(entry)) + entry
    return out


def windows_8(signature):
    def body(number, time):
        package = "Microsoft.Package".encode("utf-16-le") if number == 1 else b""
        data = b"\1" * (4 * number)
        return struct.pack("<H", len(package)) + package + struct.pack("<IIQI", 2, 0, time, len(data)) + data
    return listed(0x80, signature, body)


def windows_10(header):
    return listed(header, b"10ts", lambda number, time: struct.pack("<QI", time, 4 * number) + b"\1" * (4 * number))


CACHES = {"xp": xp(), "server2003_32": server_2003(False, 4711), "server2003_64": server_2003(True, 4711),
          "vista_32": server_2003(False, 2), "vista_64": server_2003(True, 2), "windows7_32": windows_7(False),
          "windows7_64": windows_7(True), "windows8": windows_8(b"00ts"), "windows81": windows_8(b"10ts"),
          "windows10": windows_10(0x30), "windows10_1703": windows_10(0x34)}


def main():
    from regipy.plugins.system.external.ShimCacheParser import get_shimcache_entries

    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("folder", nargs="?", default=os.path.join(HERE, "..", "testdata", "app_compat_cache"))
    folder = parser.parse_args().folder
    os.makedirs(folder, exist_ok=True)
    answers = []
    for name, cache in CACHES.items():
        with open(os.path.join(folder, f"{name}.bin"), "wb") as file:
            file.write(cache)
        for entry in get_shimcache_entries(cache):
            answers.append(f"{name} {(entry.get('last_mod_date') or entry['last_mod_time']):%Y-%m-%dT%H:%M:%S} {entry['path']}")
    with open(os.path.join(folder, "programs.txt"), "w", encoding="utf-8") as file:
        file.write("\n".join(answers) + "\n")


if __name__ == "__main__":
    main()
