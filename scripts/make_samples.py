#!/usr/bin/python3
"""Builds the sample installations of testdata/cases from their recipes.

Every folder of testdata/cases holds recipe.toml; the image it describes is written beside
it. A recipe names a base (testdata/bases), changes hives and files of it, says how the
volume is packed, and states by hand what the program must find (`expect`; read by
tests/cases.rs, not by this script). Images are made by mkntfs, ntfs-3g, mkfs.fat, mtools,
sfdisk and qemu-img with a stopped clock; hives by regf.py. Needs root and /dev/fuse, the
packages ntfs-3g dosfstools mtools fdisk qemu-utils faketime zstd, and no network.

    scripts/make_samples.py               all of them
    scripts/make_samples.py NAME...       these
    scripts/make_samples.py --check       builds into a temporary folder and compares with what is there

Recipe keys: title, about, base or [[installation]] (base, and what else is of that one alone), container (volume, mbr, gpt,
split, vhd-dynamic, vhd-fixed, vhd-differencing, directory, loose), partitioned (mbr or gpt:
the disk inside a container), parts and parts_lost (of split: how many, and how many at the end are left out), filesystem (ntfs, fat16), image (file to open), pack (zst or
none), [vars], [hives], [[file]], [[child_file]] (differencing: written after the parent was
made), [rename] (start of a path: new start), [damage], domain_sid, policy_sid (of SECURITY, where it is
not that of SAM), chain (w2k, xp or vista: hives,
keys and metabase hold a whole chain of that generation, see key_chain.py), [diagnose] (what
`goldseal diagnose` must say; read by tests/diagnose.rs). What a file can hold: artefacts.content; a file
can have `acl` (disk.security) with another `owner` and a `former_owner`, and `efs = true` (disk.encrypt).
"""

import argparse
import copy
import filecmp
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import tomllib

import artefacts
import disk
import key_chain
import regf

HERE = os.path.dirname(os.path.abspath(__file__))
TESTDATA = os.path.join(os.path.dirname(HERE), "testdata")
VOLUME_KIB = 2000
FAT_KIB = 5000


def load(*parts):
    with open(os.path.join(TESTDATA, *parts), "rb") as text:
        return tomllib.load(text)


def substitute(value, names):
    """Replaces @name@ in every string."""
    if isinstance(value, str):
        for name, text in names.items():
            value = value.replace(f"@{name}@", text)
        return value
    if isinstance(value, list):
        return [substitute(part, names) for part in value]
    if isinstance(value, dict):
        return {substitute(key, names): substitute(part, names) for key, part in value.items()}
    return value


def merged(recipe, base_name):
    """The base with the changes of the recipe."""
    base = load("bases", base_name + ".toml")
    result = copy.deepcopy(base)
    names = base.get("vars", {}) | recipe.get("vars", {}) | {"root": base["root"]}
    for hive, text in recipe.get("hives", {}).items():
        result["hives"][hive] = result["hives"].get(hive, "") + text
    files = {entry["path"].lower(): entry for entry in result.pop("file", [])}
    for entry in recipe.get("file", []):
        files.pop(entry["path"].lower(), None)
        if not entry.get("remove"):
            files[entry["path"].lower()] = entry
    result["files"] = list(files.values())
    result["computer"] = "@computer@"
    result["child_files"] = recipe.get("child_file", [])
    for key in ("domain_sid", "policy_sid", "damage", "filesystem", "chain"):
        if key in recipe:
            result[key] = recipe[key]
    result = substitute(result, names)
    for old, new in substitute(recipe.get("rename", {}), names).items():
        for entry in result["files"]:
            if entry["path"].startswith(old):
                entry["path"] = new + entry["path"][len(old):]
    return result


# -- hives ----------------------------------------------------------------------------------


def sid_words(words):
    return struct.pack("<3I", *words)


def hives(installation):
    """List of (file name, bytes) below system32\\config."""
    texts = dict(installation["hives"])
    texts.setdefault("SAM", "")
    texts.setdefault("SECURITY", "")
    if system := secrets_of(installation):
        texts["SYSTEM"] += "\n" + system.system_recipe()
        texts["SECURITY"] += "\n" + system.security_recipe()
    files = []
    for name, text in sorted(texts.items()):
        minor = int(installation["hive_version"].split(".")[1])
        shown = name if minor == 5 else name.lower()
        hive = regf.Hive(f"\\SystemRoot\\System32\\Config\\{shown}"[-31:], minor, f"CMI-CreateHive{{{name}}}", installation["clock"])
        hive.log_kind = "new" if minor == 5 else "old"
        add_sids(hive, name, installation)
        regf.parse_recipe(text, hive)
        primary = bytearray(hive.primary())
        damage = installation.get("damage", {}).get(name)
        if damage:
            primary[damage["offset"]:damage["offset"] + damage["length"]] = bytes([damage["byte"]]) * damage["length"]
        files.append((shown, bytes(primary)))
        files += [(f"{shown}.{suffix}", content) for suffix, content in hive.logs()]
    return files


def secrets_of(installation):
    """The secrets of an installation with a whole chain, else None."""
    if "chain" not in installation:
        return None
    return key_chain.System(f"case/{installation['computer']}", key_chain.GENERATIONS[installation["chain"]])


def add_sids(hive, name, installation):
    """The machine SID in SAM and SECURITY, and the domain's (sealing 4.3)."""
    machine = sid_words(installation["sid"])
    prefix = bytes.fromhex("010400000000000515000000")
    if name == "SAM":
        hive.set("SAM\\Domains\\Account", "V", 3, b"\0" * 260 + machine)
    if name == "SECURITY":
        domain = installation.get("domain_sid")
        hive.set("Policy\\PolAcDmS", "", 0, prefix + sid_words(installation.get("policy_sid", installation["sid"])))
        hive.set("Policy\\PolPrDmS", "", 0, prefix + sid_words(domain) if domain else b"")


# -- trees ----------------------------------------------------------------------------------


def entries(installation):
    """Every file of the volume, in the order in which it is written."""
    root, clock = installation["root"], installation["clock"]
    result = [{"path": f"{root}\\system32\\config\\{name}", "data": data, "created": clock} for name, data in hives(installation)]
    system = secrets_of(installation)
    return result + [entry_of(spec, system) for spec in installation["files"]]


def entry_of(spec, system=None):
    entry = {key: spec[key] for key in ("path", "directory", "created", "modified", "accessed", "changed", "acl", "owner", "former_owner", "efs",
                                      "attributes") if key in spec}
    if not spec.get("directory"):
        if "text" in spec:
            spec = spec | {"text": spec["text"].lstrip("\n")}
        entry["data"] = artefacts.content(spec, system)
    return entry


def volume(path, installation, start, extra=()):
    """Writes the volume of an installation; returns the MBR type."""
    if installation.get("filesystem") == "fat16":
        files = [{key: value for key, value in entry.items() if key not in ("acl", "owner", "former_owner", "attributes")} for entry in entries(installation)]
        disk.fat(path, files + list(extra), FAT_KIB, installation["clock"])
        return "6"
    disk.ntfs(path, entries(installation) + list(extra), VOLUME_KIB, installation["clock"], installation["ntfs"], start=start)
    return "7"


# -- cases ----------------------------------------------------------------------------------


def build(recipe, out, work):
    """Builds one case; returns the names of the files it wrote into `out`."""
    parts = recipe.get("installation", [recipe])
    installations = [merged(recipe | part, part["base"]) for part in parts]
    container, image = recipe["container"], recipe["image"]
    target = os.path.join(out, image)
    if container == "directory":
        disk.tree(target, entries(installations[0]))
        return [image]
    if container == "loose":
        disk.tree(target, [{"path": name, "data": data} for name, data in hives(installations[0])])
        return [image]
    scheme = recipe.get("partitioned", container if container in ("mbr", "gpt") else None)
    raw = raw_disk(installations, scheme, os.path.join(work, "raw"), [])
    identity = artefacts.noise(recipe["title"], 16).hex()
    if container in ("volume", "mbr", "gpt"):
        shutil.copyfile(raw, target)
    elif container == "split":
        names = disk.split(target.removesuffix(".001"), raw, recipe.get("parts", 3))
        kept = names[: len(names) - recipe.get("parts_lost", 0)]
        return [os.path.basename(name) for name in kept]
    elif container == "vhd-differencing":
        parent = os.path.join(out, "parent.vhd")
        disk.vhd(parent, raw, "dynamic", identity)
        extra = [entry_of(spec) for spec in installations[0]["child_files"]]
        child = raw_disk(installations, scheme, os.path.join(work, "child"), extra)
        grow(raw, parent), grow(child, parent)
        disk.vhd_differencing(target, child, parent, raw, artefacts.noise(recipe["title"] + "/child", 16).hex())
        return [image, "parent.vhd"]
    else:
        disk.vhd(target, raw, container.removeprefix("vhd-"), identity)
    return [image]


def grow(raw, vhd):
    """Lengthens a raw disk to the size its VHD states."""
    with open(vhd, "rb") as footer:
        footer.seek(-512, os.SEEK_END)
        size = struct.unpack_from(">Q", footer.read(512), 48)[0]
    os.truncate(raw, size)


def raw_disk(installations, scheme, path, extra):
    volumes, kinds = [], []
    for number, installation in enumerate(installations):
        volumes.append(f"{path}.volume{number}")
        start = {None: 0, "mbr": 63, "gpt": 64}[scheme]
        kinds.append(volume(volumes[-1], installation, start, extra))
    if scheme == "mbr":
        disk.mbr(path, volumes, kinds)
    elif scheme == "gpt":
        disk.gpt(path, volumes)
    else:
        os.replace(volumes[0], path)
    return path


def pack(out, names, how):
    """Compresses the images unless the recipe says otherwise; returns the names."""
    packed = []
    for name in names:
        place = os.path.join(out, name)
        if how == "none" or os.path.isdir(place):
            packed.append(name)
            continue
        subprocess.run(["zstd", "-q", "-19", "--rm", "-f", place], check=True)
        packed.append(name + ".zst")
    return packed


def make(name, check):
    recipe = load("cases", name, "recipe.toml")
    with tempfile.TemporaryDirectory(prefix="goldseal-samples-") as work:
        out = os.path.join(work, "out")
        os.mkdir(out)
        names = pack(out, build(recipe, out, work), recipe.get("pack", "zst"))
        same = True
        for file in names:
            here, there = os.path.join(out, file), os.path.join(TESTDATA, "cases", name, file)
            if check:
                same &= equal(here, there)
                continue
            shutil.rmtree(there, ignore_errors=True)
            shutil.move(here, there)
    return names, same


def equal(first, second):
    if not os.path.isdir(first):
        return os.path.exists(second) and filecmp.cmp(first, second, shallow=False)
    for folder, _, names in os.walk(first):
        other = os.path.join(second, os.path.relpath(folder, first))
        if not all(equal(os.path.join(folder, name), os.path.join(other, name)) for name in names):
            return False
    return True


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="cases to build; all if none is named")
    parser.add_argument("--check", action="store_true", help="compare with the images that are there")
    given = parser.parse_args()
    wrong = 0
    for name in given.names or sorted(os.listdir(os.path.join(TESTDATA, "cases"))):
        files, same = make(name, given.check)
        print(f"{name}: {', '.join(files)}" + ("" if same else " - differs from what is there"))
        wrong += not same
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
