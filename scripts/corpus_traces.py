#!/usr/bin/python3
"""What other programs read in the traces of programs that a folder of real files holds.

regipy (plugins user_assist, muicache, shimcache) reads every registry hive, libscca every
prefetch file. Of hives the number of lines and their SHA-256 are kept, since they are the
files of real people; the tests make the same lines. A hive that holds none of these traces
has no row, so a row that is missing shows a file that nobody compared.

    user_assist  HIVE LINES SHA256      lines: name, count (not below 0), FILETIME; sorted, UEME_CTLSESSION left out
    names        HIVE LINES TOOLS       lines of MUICache; the paths of sysprep.exe and fbreseal.exe, or (none)
    app_compat   HIVE KEY LINES SHA256  lines: second of the last change, path; in order, packages left out as regipy does
    prefetch     FILE and what runs.txt of testdata/prefetch holds of one, or `error`

    scripts/corpus_traces.py CORPUS [FILE]      writes FILE (testdata/corpus_traces.txt)
"""

import argparse
import hashlib
import logging
import lzma
import os
import subprocess
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
CACHES = [rf"ControlSet{number:03}\Control\Session Manager\{name}" for number in range(1, 4)
          for name in ("AppCompatibility", "AppCompatCache")]


def unpacked(path):
    if path.endswith(".zst"):
        return subprocess.run(["zstd", "-dqc", path], capture_output=True, check=True).stdout
    with open(path, "rb") as file:
        content = file.read()
    return lzma.decompress(content) if path.endswith(".xz") else content


def digest(lines):
    return hashlib.sha256("".join(line + "\n" for line in lines).encode()).hexdigest()


def hive_rows(name, path):
    from regipy.plugins.ntuser import muicache, user_assist
    from regipy.plugins.system.external.ShimCacheParser import get_shimcache_entries
    from regipy.registry import RegistryHive

    user_assist.GUID_TO_PATH_MAPPINGS = {}
    user_assist.convert_wintime = lambda time, as_json=False: time
    hive = attempt(lambda: RegistryHive(path, hive_type="ntuser"))
    if hive is None:
        return
    plugin = user_assist.UserAssistPlugin(hive, as_json=False)
    attempt(plugin.run)
    lines = sorted({f"{entry['name']} {max(0, entry['run_counter'])} {entry['timestamp']}" for entry in plugin.entries})
    if lines:
        yield f"user_assist\t{name}\t{len(lines)}\t{digest(lines)}"
    plugin = muicache.MUICachePlugin(hive, as_json=False)
    attempt(plugin.run)
    for entry in plugin.entries:
        tools = [program["path"] for program in entry["applications"]
                 if program["filename"].lower() in ("sysprep.exe", "fbreseal.exe")]
        yield f"names\t{name}\t{len(entry['applications'])}\t{', '.join(tools) or '(none)'}"
    for key in CACHES:
        values = []
        attempt(lambda key=key, values=values: values.extend(hive.get_key("\\" + key).iter_values()))
        for value in values:
            if value.name == "AppCompatCache":
                cache = bytes.fromhex(value.value) if isinstance(value.value, str) else bytes(value.value)
                lines = [f"{(entry.get('last_mod_date') or entry['last_mod_time']):%Y-%m-%dT%H:%M:%S} {entry['path']}"
                         for entry in get_shimcache_entries(cache)]
                yield f"app_compat\t{name}\t{key}\t{len(lines)}\t{digest(lines)}"


def attempt(read):
    """A key that is not there, and a hive that regipy cannot follow, have no traces that it reads."""
    try:
        return read()
    except Exception as error:  # regipy ends damaged hives with whatever exception comes first
        logging.debug("%r", error)
        return None


def prefetch_row(name, path):
    import pyscca
    try:
        file = pyscca.open(path)
    except OSError:
        return f"prefetch\t{name}\terror"
    count = 8 if file.format_version >= 26 else 1
    times = [time for time in (file.get_last_run_time_as_integer(index) for index in range(count)) if time]
    told = [file.format_version, file.executable_filename, f"{file.prefetch_hash:08x}", file.run_count, *times]
    return f"prefetch\t{name}\t{' '.join(str(cell) for cell in told)}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("corpus")
    parser.add_argument("file", nargs="?", default=os.path.join(HERE, "..", "testdata", "corpus_traces.txt"))
    given = parser.parse_args()
    logging.disable(logging.CRITICAL)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        hive = os.path.join(folder, "hive")
        for name in sorted(os.listdir(os.path.join(given.corpus, "hives"))):
            with open(hive, "wb") as file:
                file.write(unpacked(os.path.join(given.corpus, "hives", name)))
            rows += hive_rows(f"hives/{name}", hive)
    for name in sorted(os.listdir(os.path.join(given.corpus, "prefetch"))):
        rows.append(prefetch_row(f"prefetch/{name}", os.path.join(given.corpus, "prefetch", name)))
    with open(given.file, "w", encoding="utf-8") as file:
        file.write("\n".join(rows) + "\n")


if __name__ == "__main__":
    main()
