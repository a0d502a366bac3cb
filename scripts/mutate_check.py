#!/usr/bin/python3
"""Runs `goldseal check` on many damaged copies of a sample and says what went wrong.

Each copy has a few bytes changed: single bits, whole words set to extreme values, ranges zeroed, filled or copied from
elsewhere, or the end cut off. The damage follows from --seed and the number of the copy, so that a copy can be made
again (--keep). A run fails if it says that it panicked, ends by a signal or with an exit code that is not documented,
takes longer than --seconds, or uses more memory than --mib.

    scripts/mutate_check.py testdata/cases/w2k_kb884872_mismatch/golden.vhd
    scripts/mutate_check.py --as system SYSTEM --count 20000       a hive, given as `--system FILE`
    scripts/mutate_check.py SAMPLE --count 1 --first 4711 --keep bad.vhd   make copy 4711 again
"""

import argparse
import os
import random
import resource
import signal
import subprocess
import sys
import tempfile
import time

EXTREMES = [0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0xFFFFFFFFFFFFFFFF]


def damage(original, places, rng):
    """A damaged copy; `places` are the offsets of blocks that hold anything."""
    data = bytearray(original)
    for _ in range(rng.choice([1, 1, 2, 3, 8, 32])):
        at = min(rng.choice(places) + rng.randrange(512), len(data) - 16)
        kind = rng.randrange(7)
        if kind == 0:
            data[at] ^= 1 << rng.randrange(8)
        elif kind == 1:
            width = rng.choice([1, 2, 4, 8])
            data[at:at + width] = (rng.choice(EXTREMES) & ((1 << 8 * width) - 1)).to_bytes(width, "little")
        elif kind == 2:
            data[at:at + 4] = bytes(4)
        elif kind == 3:
            length = min(rng.choice([8, 64, 512]), len(data) - at)
            data[at:at + length] = bytes([rng.choice([0, 0xFF])]) * length
        elif kind == 4:
            length = min(rng.choice([8, 56, 512, 1024]), len(data) - at)
            other = min(rng.choice(places), len(data) - length)
            data[at:at + length] = data[other:other + length]
        elif kind == 5:
            data[at] = rng.randrange(256)
        elif rng.randrange(20) == 0:
            del data[max(512, at):]
            break
    return data


def run(command, seconds):
    """Exit code, what was said, seconds and peak KiB of one run."""
    started = time.monotonic()
    with tempfile.TemporaryFile() as said:
        child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=said)
        timer_fired = False
        while True:
            pid, status, usage = os.wait4(child.pid, os.WNOHANG)
            if pid:
                break
            if time.monotonic() - started > 4 * seconds:
                timer_fired = True
                child.send_signal(signal.SIGKILL)
                pid, status, usage = os.wait4(child.pid, 0)
                break
            time.sleep(0.0005)
        child.returncode = os.waitstatus_to_exitcode(status)
        said.seek(0)
        return child.returncode, said.read(), time.monotonic() - started, usage.ru_maxrss, timer_fired


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sample", help="an image, or a hive with --as")
    parser.add_argument("--as", dest="option", help="give the copy as this option: system, software, ...")
    parser.add_argument("--program", default="target/release/goldseal", help="the program (target/release/goldseal)")
    parser.add_argument("--count", type=int, default=20000, help="number of copies (20000)")
    parser.add_argument("--first", type=int, default=0, help="number of the first copy (0)")
    parser.add_argument("--seed", type=int, default=1, help="seed of the damage (1)")
    parser.add_argument("--seconds", type=float, default=5.0, help="longest run (5)")
    parser.add_argument("--mib", type=int, default=512, help="most memory of a run (512)")
    parser.add_argument("--keep", help="write the last copy here")
    args = parser.parse_args()
    original = open(args.sample, "rb").read()
    places = [at for at in range(0, len(original), 512) if any(original[at:at + 512])]
    bad, slowest, largest, exits = 0, 0.0, 0, {}
    folder = tempfile.mkdtemp(prefix="goldseal-", dir="/dev/shm" if os.path.isdir("/dev/shm") else None)
    copy = os.path.join(folder, "copy")
    command = [args.program, "check", "--format", "json"]
    command += ["--" + args.option, copy] if args.option else [copy]
    for number in range(args.first, args.first + args.count):
        data = damage(original, places, random.Random(args.seed * 1_000_003 + number))
        with open(copy, "wb") as file:
            file.write(data)
        code, said, seconds, kib, killed = run(command, args.seconds)
        slowest, largest = max(slowest, seconds), max(largest, kib)
        exits[code] = exits.get(code, 0) + 1
        wrong = [text for text, holds in [
            ("panicked", b"panicked" in said or b"overflow" in said),
            ("exit code %d" % code, code not in (0, 1, 3, 4)),
            ("%.1f s" % seconds, killed or seconds > args.seconds),
            ("%d MiB" % (kib // 1024), kib > args.mib * 1024),
        ] if holds]
        if wrong:
            bad += 1
            print("copy %d: %s" % (number, ", ".join(wrong)), said[-300:].decode(errors="replace"))
    if args.keep:
        os.replace(copy, args.keep) if os.stat(folder).st_dev == os.stat(os.path.dirname(args.keep) or ".").st_dev else \
            open(args.keep, "wb").write(open(copy, "rb").read())
    if os.path.exists(copy):
        os.remove(copy)
    os.rmdir(folder)
    exits = ", ".join("%d: %d" % pair for pair in sorted(exits.items()))
    print("%d copies, %d bad; exit codes %s; slowest %.2f s, largest %d MiB" %
          (args.count, bad, exits, slowest, largest // 1024))
    return 1 if bad else 0


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    sys.exit(main())
