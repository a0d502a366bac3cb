#!/usr/bin/python3
"""Builds the large disk image of the measured bars, raw (sparse) and as dynamic VHD.

One MBR disk with one NTFS volume of Windows Server 2003: many files, many machine keys of
which three are IIS keys (c2319c42...), SYSTEM and SOFTWARE of 16 MiB or more, SOFTWARE dirty
with its log. Made by mkntfs, ntfs-3g and qemu-img; needs root, /dev/fuse and about 400 MB of
disk; no network. Takes about two minutes.

    scripts/make_big_image.py FOLDER                     FOLDER/big.img and FOLDER/big.vhd
    scripts/make_big_image.py FOLDER --name keys --files 0 --key-files 100000 --no-vhd
"""

import argparse
import os
import subprocess
import sys
import tempfile

import artefacts
import disk
import key_chain
import regf
from make_samples import hives, merged

START = 2048
CHUNK = 1 << 20
IIS = "Microsoft Internet Information Server"
KEYS = "Documents and Settings/All Users/Application Data/Microsoft/Crypto/RSA/MachineKeys"
MASTER_KEY = "9a1e2d3c-4b5f-4a60-8172-93a4b5c6d7e8"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", help="where to write; made if it is not there")
    parser.add_argument("--name", default="big", help="name of the image, without its ending (%(default)s)")
    parser.add_argument("--gib", type=int, default=16, help="size of the disk (%(default)s)")
    parser.add_argument("--files", type=int, default=100_000, help="files in all, apart from keys (%(default)s)")
    parser.add_argument("--key-files", type=int, default=2_000, help="machine keys, three of them of IIS (%(default)s)")
    parser.add_argument("--hive-mib", type=int, default=16, help="least size of SYSTEM and SOFTWARE (%(default)s)")
    parser.add_argument("--no-vhd", action="store_true", help="raw image only")
    given = parser.parse_args()
    os.makedirs(given.folder, exist_ok=True)
    raw = os.path.join(given.folder, given.name + ".img")
    installation = merged({"hives": big_hive_changes()}, "xp")
    with tempfile.TemporaryDirectory(dir=given.folder) as work:
        volume = os.path.join(work, "volume")
        write_volume(volume, installation, given)
        write_disk(raw, volume, given.gib)
    print(f"{raw}: {os.stat(raw).st_blocks * 512 >> 20} MiB on disk")
    if not given.no_vhd:
        vhd = os.path.join(given.folder, given.name + ".vhd")
        disk.vhd(vhd, raw, "dynamic", artefacts.noise("big", 16).hex())
        print(f"{vhd}: {os.stat(vhd).st_blocks * 512 >> 20} MiB on disk")
    return 0


def big_hive_changes():
    """Server 2003 with IIS 6.0; MachineGuid is set anew in the log of SOFTWARE only."""
    return {
        "SYSTEM": '\n[ControlSet001\\Control\\ProductOptions]\n"ProductType"="ServerNT"\n',
        "SOFTWARE": '\n[Microsoft\\Windows NT\\CurrentVersion]\n"CurrentVersion"="5.2"\n"CurrentBuildNumber"="3790"\n'
                    '[Microsoft\\InetStp]\n"MajorVersion"=dword:00000006\n"MinorVersion"=dword:00000000\n',
    }


def big_hive(name, installation, mib):
    """One hive of at least that size; SOFTWARE with a log."""
    hive = regf.Hive(name.lower(), 3, f"CMI-CreateHive{{{name}}}", installation["clock"])
    hive.log_kind = "old"
    filler = "ControlSet001\\Enum\\Filler" if name == "SYSTEM" else "Classes\\Filler"
    # About 1.2 KiB a key: node, value list, two values and their data.
    for number in range(mib * 1024 * 1024 // 1150):
        path = f"{filler}\\{number // 400:03}\\{{{artefacts.noise(str(number), 8).hex()}}}"
        hive.set(path, "Driver", 1, regf.utf16(f"driver {number}\0"))
        hive.set(path, "ConfigFlags", 3, artefacts.noise(f"{number}/flags", 32) * 28)
    regf.parse_recipe(installation["hives"][name], hive)
    if name == "SOFTWARE":
        hive.log()
        hive.set("Microsoft\\Cryptography", "MachineGuid", 1, regf.utf16("aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee\0"))
    files = [(name.lower(), hive.primary())] + [(f"{name.lower()}.{suffix}", data) for suffix, data in hive.logs()]
    if len(files[0][1]) < mib << 20:
        raise SystemExit(f"{name} has only {len(files[0][1])} bytes")
    return files


def write_volume(path, installation, given):
    with open(path, "wb") as out:
        out.truncate((given.gib << 30) - (START + 2048) * 512)
    disk.run("mkntfs", "-q", "-F", "-Q", "-s", "512", "-c", "4096", "-p", str(START), "-H", "255", "-S", "63", path,
             clock=installation["clock"])
    folder = tempfile.mkdtemp(prefix="goldseal-mount-")
    disk.run("ntfs-3g", "-o", "noatime", path, folder)
    try:
        write_tree(folder, installation, given)
    finally:
        disk.run("umount", folder)
        os.rmdir(folder)


def write_tree(folder, installation, given):
    config = os.path.join(folder, "WINDOWS", "system32", "config")
    os.makedirs(config)
    files = [file for file in hives(installation) if file[0] not in ("system", "software")]
    files += big_hive("SYSTEM", installation, given.hive_mib) + big_hive("SOFTWARE", installation, given.hive_mib)
    for name, data in files:
        write(os.path.join(config, name), data)
    inetsrv = os.path.join(folder, "WINDOWS", "system32", "inetsrv")
    os.makedirs(inetsrv)
    write(os.path.join(inetsrv, "inetinfo.exe"), artefacts.pe("6.0.3790.3959"))
    write(os.path.join(inetsrv, "MetaBase.xml"), artefacts.closed_metabase_xml("big", "BIG"))
    write_keys(os.path.join(folder, *KEYS.split("/")), given.key_files)
    for number in range(given.files):
        if number % 100 == 0:
            below = os.path.join(folder, f"Data{number // 10000:02}", f"{number // 100:04}")
            os.makedirs(below)
        write(os.path.join(below, f"file {number:06}.dat"), b"x" * (number % 97 * 37))


def write_keys(folder, count):
    os.makedirs(folder)
    for number in range(count):
        container = IIS if number < 3 else f"container {number}"
        guid = "-".join(artefacts.noise(f"guid {number % 3}", 16).hex()[at:to] for at, to in ((0, 8), (8, 12), (12, 16), (16, 20), (20, 32)))
        path = os.path.join(folder, key_chain.key_file_name(container, guid))
        write(path, artefacts.closed_key_file(container, "big", MASTER_KEY))


def write(path, data):
    with open(path, "wb") as out:
        out.write(data)


def write_disk(raw, volume, gib):
    """The disk: partition table by sfdisk, the data of the volume copied without its holes."""
    with open(raw, "wb") as out:
        out.truncate(gib << 30)
    sectors = os.path.getsize(volume) // 512
    script = f"label: dos\nlabel-id: 0x5eedb166\nunit: sectors\n1 : start={START}, size={sectors}, type=7, bootable\n"
    subprocess.run(["sfdisk", "-q", raw], input=script.encode(), check=True, stdout=subprocess.DEVNULL)
    source, target = os.open(volume, os.O_RDONLY), os.open(raw, os.O_WRONLY)
    at, end = 0, os.path.getsize(volume)
    while at < end:
        try:
            at = os.lseek(source, at, os.SEEK_DATA)
        except OSError:
            break
        stop = os.lseek(source, at, os.SEEK_HOLE)
        while at < stop:
            data = os.pread(source, min(CHUNK, stop - at), at)
            os.pwrite(target, data, START * 512 + at)
            at += len(data)
    os.close(source)
    os.close(target)


if __name__ == "__main__":
    sys.exit(main())
