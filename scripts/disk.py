#!/usr/bin/python3
"""Lays trees of files into volumes, disks and disk images with other programs than ours.

NTFS: mkntfs and ntfs-3g (FUSE, needs root); FAT: mkfs.fat and mtools; partitions: sfdisk;
VHD: qemu-img. faketime fixes the clock, so that a rebuild gives the same bytes; random
identifiers of VHD footers are replaced. Only the differencing VHD is written here, because
qemu-img has no such format. Run as a program it prints this text.
"""

import argparse
import hashlib
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import time

from regf import filetime, utf16

SECTOR = 512
VHD_BLOCK = 0x200000
ATTRIBUTES = {"compressed": 0x800, "hidden": 2, "system": 4}
ADMINS, SYSTEM, EVERYONE = "01020000000000052000000020020000", "010100000000000512000000", "010100000000000100000000"


def environment():
    return dict(os.environ, TZ="UTC", LC_ALL="C", MTOOLS_SKIP_CHECK="1")


def with_clock(command, clock):
    """The command with the clock stopped at `clock` (RFC 3339, UTC)."""
    if not clock:
        return command
    return ("faketime", "-f", clock.replace("T", " ").rstrip("Z").partition(".")[0]) + tuple(command)


def run(*command, clock=None):
    """Runs a program quietly; ends with what it said if it fails."""
    done = subprocess.run(with_clock(command, clock), env=environment(), stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}: exit {done.returncode}\n{done.stdout.decode(errors='replace')}")


# -- access lists ---------------------------------------------------------------------------


def sid_bytes(text):
    """`S-1-5-21-...` as it is stored."""
    authority, *parts = (int(part) for part in text.split("-")[2:])
    return struct.pack("<BB", 1, len(parts)) + authority.to_bytes(6, "big") + struct.pack(f"<{len(parts)}I", *parts)


def security(kind, owner_sid=None):
    """Self-relative descriptor: what Windows gives the MachineKeys folder, or a key file in it (Q278381).

    Another owner than Administrators also gets an entry of its own.
    """
    entries = {
        "folder": [(0, 0x1F01FF, ADMINS), (0, 0x12019F, EVERYONE)],
        "file": [(0, 0x1F01FF, SYSTEM), (0, 0x1F01FF, ADMINS)],
        "everyone": [(3, 0x1F01FF, EVERYONE)],
        "no_system": [(0, 0x1F01FF, ADMINS)],
        "read_only": [(0, 0x120089, SYSTEM), (0, 0x120089, ADMINS)],
    }[kind]
    if owner_sid:
        entries = entries + [(0, 0x1F01FF, sid_bytes(owner_sid).hex())]
    aces = b""
    for flags, mask, sid in entries:
        sid = bytes.fromhex(sid)
        aces += struct.pack("<BBHI", 0, flags, 8 + len(sid), mask) + sid
    acl = struct.pack("<BBHHH", 2, 0, 8 + len(aces), len(entries), 0) + aces
    owner, group = sid_bytes(owner_sid) if owner_sid else bytes.fromhex(ADMINS), bytes.fromhex(SYSTEM)
    return struct.pack("<BBHIIII", 1, 0, 0x8004, 20, 20 + len(owner), 0, 20 + len(owner) + len(group)) + owner + group + acl


# -- volumes --------------------------------------------------------------------------------


def ntfs(path, files, size_kib, clock, version="3.1", cluster=512, label="Windows", start=63):
    """Writes an NTFS volume. `files`: list of dicts with path, data and optional times, attributes, acl.

    The volume is mounted once for every creation time, with the clock stopped there, so that
    $FILE_NAME has that time too. The times asked for are then set in $STANDARD_INFORMATION.
    """
    with open(path, "wb") as out:
        out.truncate(size_kib * 1024)
    run("mkntfs", "-q", "-F", "-s", "512", "-c", str(cluster), "-p", str(start), "-H", "16", "-S", "63", "-L", label, path,
        clock=clock)
    folder = tempfile.mkdtemp(prefix="goldseal-mount-")
    by_time = {}
    for entry in files:
        by_time.setdefault(entry.get("created", clock), []).append(entry)
    try:
        for created in sorted(by_time):
            driver = mount_ntfs(path, folder, created)
            try:
                for entry in by_time[created]:
                    write_ntfs_entry(folder, entry, created)
            finally:
                run("umount", folder)
                driver.wait(timeout=30)
    finally:
        os.rmdir(folder)
    set_ntfs_version(path, version)


def mount_ntfs(path, folder, clock):
    """Starts ntfs-3g in the foreground (its way to the background waits on the clock) and waits for the mount."""
    command = with_clock(("ntfs-3g", "-o", "no_detach,noatime,efs_raw", path, folder), clock)
    driver = subprocess.Popen(command, env=environment(), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL)
    for _ in range(1000):
        if os.path.ismount(folder):
            return driver
        if driver.poll() is not None:
            break
        time.sleep(0.01)
    driver.kill()
    raise SystemExit(f"ntfs-3g does not mount {path}; it needs root and /dev/fuse")


def efs_metadata(size=0x228):
    """A $EFS stream as ntfs-3g takes it: its own length first, version 2, no field that would let anyone decrypt."""
    return struct.pack("<IIII", size, 0, 2, 0).ljust(size, b"\0")


def encrypt(place, data):
    """Makes a file one that EFS encrypted, as a restore of a raw backup does (ntfs-3g, mounted with efs_raw).

    Such a backup holds the cipher text in whole blocks and the length of the padding behind it. The cipher text here is
    the data under a fixed pad: it is no AES and nothing can decrypt it, but it is not the data either. A folder (no data)
    gets the attribute and $EFS only.
    """
    if data is None:
        os.setxattr(place, "user.ntfs.efsinfo", efs_metadata())
        return
    padding = -len(data) % SECTOR
    pad = hashlib.shake_256(b"goldseal efs sample").digest(len(data) + padding)
    hidden = bytes(one ^ other for one, other in zip(data + bytes(padding), pad))
    with open(place, "wb") as out:
        out.write(hidden + struct.pack("<H", padding))
    os.setxattr(place, "user.ntfs.efsinfo", efs_metadata())


def write_ntfs_entry(folder, entry, created):
    place = os.path.join(folder, *entry["path"].split("\\"))
    if entry.get("remove"):
        os.remove(place)
        return
    if entry.get("directory"):
        os.makedirs(place, exist_ok=True)
    else:
        os.makedirs(os.path.dirname(place), exist_ok=True)
        with open(place, "wb") as out:
            out.write(entry["data"])
    if "former_owner" in entry:
        # $Secure keeps this descriptor when the next one takes its place.
        os.setxattr(place, "system.ntfs_acl", security(entry["acl"], entry["former_owner"]))
    if "acl" in entry:
        os.setxattr(place, "system.ntfs_acl", security(entry["acl"], entry.get("owner")))
    for name in entry.get("attributes", []):
        old = struct.unpack(">I", os.getxattr(place, "system.ntfs_attrib_be"))[0]
        os.setxattr(place, "system.ntfs_attrib_be", struct.pack(">I", old | ATTRIBUTES[name]))
    if entry.get("efs"):
        encrypt(place, entry.get("data"))
    times = [entry.get(name, created) for name in ("created", "modified", "accessed", "changed")]
    os.setxattr(place, "system.ntfs_times_be", struct.pack(">4Q", *(filetime(time) for time in times)))


def set_ntfs_version(path, version):
    """Puts the version into $VOLUME_INFORMATION of record 3 and of its copy in $MFTMirr; mkntfs knows only 3.1."""
    with open(path, "r+b") as volume:
        boot = volume.read(SECTOR)
        cluster = struct.unpack_from("<H", boot, 11)[0] * boot[13]
        for table in struct.unpack_from("<QQ", boot, 48):
            at = table * cluster + 3 * 1024
            volume.seek(at)
            record = bytearray(volume.read(1024))
            attribute = struct.unpack_from("<H", record, 20)[0]
            while struct.unpack_from("<I", record, attribute)[0] != 0x70:
                attribute += struct.unpack_from("<I", record, attribute + 4)[0]
            value = attribute + struct.unpack_from("<H", record, attribute + 20)[0]
            record[value + 8:value + 10] = bytes(int(part) for part in version.split("."))
            volume.seek(at)
            volume.write(record)


def fat(path, files, size_kib, clock, bits=16):
    """Writes a FAT volume with mkfs.fat and mtools."""
    with open(path, "wb") as out:
        out.truncate(size_kib * 1024)
    run("mkfs.fat", "--invariant", "-F", str(bits), "-s", "1", "-i", "1A2B3C4D", "-n", "XPE", path, clock=clock)
    made, folder = set(), tempfile.mkdtemp(prefix="goldseal-fat-")
    try:
        for entry in files:
            created = entry.get("created", clock)
            parts = entry["path"].split("\\")
            depth = len(parts) if entry.get("directory") else len(parts) - 1
            for count in range(1, depth + 1):
                name = "/".join(parts[:count])
                if name.lower() not in made:
                    made.add(name.lower())
                    run("mmd", "-i", path, "::" + name, clock=created)
            if not entry.get("directory"):
                host = os.path.join(folder, "content")
                with open(host, "wb") as out:
                    out.write(entry["data"])
                modified = filetime(entry.get("modified", created)) // 10_000_000 - 11_644_473_600
                os.utime(host, (modified, modified))
                run("mcopy", "-o", "-m", "-i", path, host, "::" + "/".join(parts), clock=created)
    finally:
        shutil.rmtree(folder)


def tree(path, files):
    """Writes the files below a host directory."""
    shutil.rmtree(path, ignore_errors=True)
    for entry in files:
        place = os.path.join(path, *entry["path"].split("\\"))
        os.makedirs(place if entry.get("directory") else os.path.dirname(place), exist_ok=True)
        if not entry.get("directory"):
            with open(place, "wb") as out:
                out.write(entry["data"])


# -- disks ----------------------------------------------------------------------------------


def partitioned(path, volumes, script, starts):
    """Writes a disk: `script` for sfdisk, then the volumes at their start sectors."""
    last = max(start * SECTOR + os.path.getsize(volume) for volume, start in zip(volumes, starts))
    with open(path, "wb") as out:
        out.truncate(last + 64 * SECTOR)
    subprocess.run(["sfdisk", "-q", path], env=environment(), input=script.encode(), check=True, stdout=subprocess.DEVNULL)
    with open(path, "r+b") as disk:
        for volume, start in zip(volumes, starts):
            disk.seek(start * SECTOR)
            with open(volume, "rb") as source:
                shutil.copyfileobj(source, disk)


def mbr(path, volumes, kinds, signature="0x5eed0001"):
    """One primary partition a volume; a second volume becomes logical, behind an extended one."""
    sizes = [os.path.getsize(volume) // SECTOR for volume in volumes]
    script = f"label: dos\nlabel-id: {signature}\nunit: sectors\n1 : start=63, size={sizes[0]}, type={kinds[0]}, bootable\n"
    starts = [63]
    if len(volumes) == 2:
        extended = 63 + sizes[0] + (-(63 + sizes[0]) % 63)
        starts.append(extended + 63)
        script += f"2 : start={extended}, size={sizes[1] + 63}, type=5\n5 : start={extended + 63}, size={sizes[1]}, type={kinds[1]}\n"
    partitioned(path, volumes, script, starts)


def gpt(path, volumes):
    """A GPT with one basic data partition a volume; identifiers are fixed."""
    script, starts, at = "label: gpt\nlabel-id: 5EED0002-0000-4000-8000-000000000001\nunit: sectors\nfirst-lba: 34\n", [], 64
    for number, volume in enumerate(volumes, 1):
        size = os.path.getsize(volume) // SECTOR
        script += f"{number} : start={at}, size={size}, type=EBD0A0A2-B9E5-4433-87C0-68B6B72699C7, " \
                  f"uuid=5EED0002-0000-4000-8000-00000000001{number}, name=\"Basic data partition\"\n"
        starts.append(at)
        at += size + 64 - size % 64
    partitioned(path, volumes, script, starts)


# -- containers -----------------------------------------------------------------------------


def vhd(path, raw, kind, identity):
    """qemu-img makes the VHD; its random identifier and the time are then replaced."""
    run("qemu-img", "convert", "-f", "raw", "-O", "vpc", "-o", f"subformat={kind},force_size=on", raw, path)
    with open(path, "r+b") as disk:
        disk.seek(-SECTOR, os.SEEK_END)
        at = disk.tell()
        footer = fixed_footer(disk.read(SECTOR), identity)
        disk.seek(at)
        disk.write(footer)
        if kind == "dynamic":
            disk.seek(0)
            disk.write(footer)


def fixed_footer(footer, identity):
    footer = bytearray(footer)
    struct.pack_into(">I", footer, 24, 0x20000000)
    footer[68:84] = bytes.fromhex(identity.replace("-", ""))
    return checksummed(footer, 64)


def checksummed(block, at):
    """Puts the VHD checksum (complement of the byte sum) at `at`."""
    block = bytearray(block)
    block[at:at + 4] = b"\0" * 4
    struct.pack_into(">I", block, at, ~sum(block) & 0xFFFFFFFF)
    return bytes(block)


def vhd_differencing(path, raw, parent_path, parent_raw, identity):
    """A child of a VHD: the sectors of `raw` that differ from `parent_raw` (VHD specification 1.0)."""
    with open(parent_path, "rb") as disk:
        disk.seek(-SECTOR, os.SEEK_END)
        parent = disk.read(SECTOR)
    with open(raw, "rb") as new, open(parent_raw, "rb") as old:
        new, old = new.read(), old.read()
    if len(new) != len(old):
        raise SystemExit("child and parent differ in size")
    footer = bytearray(parent)
    struct.pack_into(">QI", footer, 16, 512, 0x20000100)
    struct.pack_into(">I", footer, 60, 4)
    footer[68:84] = bytes.fromhex(identity.replace("-", ""))
    footer = checksummed(footer, 64)
    name = os.path.basename(parent_path)
    blocks = (len(new) + VHD_BLOCK - 1) // VHD_BLOCK
    table_bytes = (blocks * 4 + SECTOR - 1) // SECTOR * SECTOR
    table_at, locator_at = 1536, 1536 + table_bytes
    locators = [(b"W2ru", utf16(".\\" + name)), (b"W2ku", utf16("C:\\images\\" + name))]
    header = bytearray(1024)
    struct.pack_into(">8sQQIII", header, 0, b"cxsparse", 0xFFFFFFFFFFFFFFFF, table_at, 0x10000, blocks, VHD_BLOCK)
    header[40:56] = parent[68:84]
    struct.pack_into(">I", header, 56, 0x20000000)
    header[64:64 + 2 * len(name)] = name.encode("utf-16-be")
    for number, (code, text) in enumerate(locators):
        struct.pack_into(">4sIIIQ", header, 576 + 24 * number, code, SECTOR, len(text), 0, locator_at + number * SECTOR)
    table, data, at = [], b"", locator_at + len(locators) * SECTOR
    for block in range(blocks):
        bitmap, body, start = bytearray(SECTOR), bytearray(VHD_BLOCK), block * VHD_BLOCK
        for sector in range(min(VHD_BLOCK, len(new) - start) // SECTOR):
            begin = start + sector * SECTOR
            if new[begin:begin + SECTOR] != old[begin:begin + SECTOR]:
                bitmap[sector // 8] |= 0x80 >> sector % 8
                body[sector * SECTOR:(sector + 1) * SECTOR] = new[begin:begin + SECTOR]
        if any(bitmap):
            table.append((at + len(data)) // SECTOR)
            data += bitmap + body
        else:
            table.append(0xFFFFFFFF)
    with open(path, "wb") as out:
        out.write(footer + checksummed(header, 36))
        out.write(struct.pack(f">{blocks}I", *table).ljust(table_bytes, b"\xff"))
        for _, text in locators:
            out.write(text.ljust(SECTOR, b"\0"))
        out.write(data + footer)


def split(path, raw, parts):
    """NAME.001, NAME.002 and so on, equal sizes but the last."""
    size = os.path.getsize(raw)
    step = (size // parts + SECTOR - 1) // SECTOR * SECTOR
    names = []
    with open(raw, "rb") as source:
        for number in range(1, parts + 1):
            names.append(f"{path}.{number:03}")
            with open(names[-1], "wb") as out:
                out.write(source.read(step))
    return names


def main():
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    print(__doc__)
    return 0


if __name__ == "__main__":
    sys.exit(main())
