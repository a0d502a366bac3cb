#!/usr/bin/python3
"""Builds the users' hives of testdata/user_hives: UserAssist and MUICache of every Windows from XP to 11.

Written from userassist.yaml of plaso (forms of 16 and 72 bytes), the groups that regipy
knows, and muicache.py of plaso; hives by regf.py. The answers are those of regipy
(plugins user_assist and muicache, which must be importable) on the hives: `starts.txt` has
the count as regipy gives it, which is below 0 where less than 5 is stored, and `names.txt`
the paths of the caches of names. Names stay as they are: regipy's own words for known
folders are switched off, and its path to the cache of Vista is that of HKEY_USERS, so that
it is told where the same cache lies in UsrClass.dat.

    scripts/user_hives.py [FOLDER]          writes the hives, starts.txt and names.txt
    scripts/user_hives.py --check [FOLDER]  compares the hives with what is there; needs no regipy
"""

import argparse
import codecs
import datetime
import os
import struct
import sys
import tempfile

from regf import Hive, filetime, utf16, write_hive

HERE = os.path.dirname(os.path.abspath(__file__))
ASSIST = r"Software\Microsoft\Windows\CurrentVersion\Explorer\UserAssist"
OLD_NAMES = r"Software\Microsoft\Windows\ShellNoRoam\MUICache"
NEW_NAMES = r"Local Settings\Software\Microsoft\Windows\Shell\MuiCache"
PROGRAMS_OLD, LINKS_OLD = "{75048700-EF1F-11D0-9888-006097DEACF9}", "{5E6AB780-7743-11CF-A12B-00AA004AE837}"
PROGRAMS_7, LINKS_7 = "{CEBFF5CD-ACE2-4F4F-9178-9926F41749EA}", "{F4E57C4B-2036-45F0-A9AB-443BCFE33D9F}"
GROUPS_10 = ["{9E04CAB2-CC14-11DF-BB8C-A2F1DED72085}", "{A3D53349-6E61-4557-8FC7-0028EDCEEBF6}",
             "{B267E3AD-A825-4A09-82B9-EEC22AA3B847}", "{CAA59E3C-4792-41A5-9909-6A6A8D32490E}",
             "{F2A1CB5A-E3CC-4A2E-AF9D-505A7009D442}", "{FA99DFC7-6AC2-453A-A5E2-5E2AFF4507BD}"]
SYSTEM32, WINDOWS = "{1AC14E77-02E7-4E5D-B744-2EB1AE5198B7}", "{F38BF404-1D43-42F2-9305-67DE0B28FC23}"


class User:
    """NTUSER.DAT and UsrClass.dat of one user."""

    def __init__(self, name, minor):
        self.name = name
        self.own, self.classes = Hive("NTUSER.DAT", minor, "CMI-CreateHive{user}"), Hive("UsrClass.dat", minor, "user_Classes")
        self.clock = filetime("2009-03-04T05:06:07Z")

    def tick(self):
        # Whole seconds: regipy rounds what is behind them.
        self.clock += 37 * 10_000_000
        return self.clock

    def group(self, group, version):
        self.own.set(rf"{ASSIST}\{group}", "Version", 4, struct.pack("<I", version))
        self.own.key(rf"{ASSIST}\{group}\Count")

    def start(self, group, clear, data, kind=3):
        self.own.set(rf"{ASSIST}\{group}\Count", codecs.encode(clear, "rot-13"), kind, data)

    def short(self, group, clear, stored, time=None):
        self.start(group, clear, struct.pack("<IIQ", 1, stored, self.tick() if time is None else time))

    def long(self, group, clear, count, time=None, tail=b"\0" * 4):
        ratings = struct.pack("<10f", *([-1.0] * 10))
        data = struct.pack("<IIII", 0, count, 2 * count & 0xFFFFFFFF, 1000 * count & 0xFFFFFFFF) + ratings + struct.pack("<I", 0xFFFFFFFF)
        self.start(group, clear, data + struct.pack("<Q", self.tick() if time is None else time) + tail)

    def shown(self, hive, key, path, text, *kinds):
        for kind in kinds or ("",):
            hive.set(key, path + kind, 1, utf16(text + "\0"))


def short_user(name, minor):
    user = User(name, minor)
    for group in (PROGRAMS_OLD, LINKS_OLD):
        user.group(group, 3)
    user.start(PROGRAMS_OLD, "UEME_CTLSESSION", struct.pack("<II", 0x12345678, 2))
    user.short(PROGRAMS_OLD, "UEME_CTLCUACount:ctor", 7, 0)
    user.short(PROGRAMS_OLD, "UEME_RUNPATH", 19)
    user.short(PROGRAMS_OLD, r"UEME_RUNPATH:C:\WINDOWS\system32\fbreseal.exe", 7)
    user.short(PROGRAMS_OLD, r"UEME_RUNPATH:D:\tools\FBRESEAL.EXE", 6)
    user.short(PROGRAMS_OLD, r"UEME_RUNPATH:C:\sysprep\sysprep.exe", 9)
    user.short(PROGRAMS_OLD, r"UEME_RUNPATH:C:\sysprep\setupcl.exe", 8)
    user.short(PROGRAMS_OLD, r"UEME_RUNPATH:C:\x\mysysprep.exe", 30)
    user.short(PROGRAMS_OLD, r'UEME_RUNCPL:"C:\WINDOWS\system32\appwiz.cpl",Add or Remove Programs', 6)
    user.short(LINKS_OLD, r"UEME_RUNPIDL:%csidl2%\sysprep.exe", 8)
    user.short(LINKS_OLD, r"UEME_UISCUT", 6)
    return user


def long_user(name, groups=()):
    user = User(name, 5)
    for group in (PROGRAMS_7, LINKS_7, *groups):
        user.group(group, 5)
    user.start(PROGRAMS_7, "UEME_CTLCUACount:ctor", struct.pack("<IIII", 0, 0, 0, 0) + b"\0" * 44 + struct.pack("<QI", 0, 0))
    user.long(PROGRAMS_7, SYSTEM32 + r"\Sysprep\sysprep.exe", 2)
    user.long(PROGRAMS_7, SYSTEM32.lower() + r"\cmd.exe", 41)
    user.long(PROGRAMS_7, WINDOWS + r"\fbreseal.exe", 1)
    user.long(PROGRAMS_7, r"C:\Windows\System32\sysprep\SYSPREP.EXE", 1)
    user.long(PROGRAMS_7, "Microsoft.Windows.ControlPanel", 6)
    user.long(PROGRAMS_7, r"C:\Büro\Ωmega.exe", 3)
    user.long(LINKS_7, r"{A77F5D77-2E2B-44C3-A6A2-ABA601054A51}\Accessories\sysprep.exe.lnk", 4)
    for group in groups[:1]:
        user.long(group, "UEME_CTLSESSION", 5)
    return user


def users():
    xp = short_user("xp", 3)
    xp.own.set(OLD_NAMES, "LangID", 3, b"\x09\x04")
    xp.shown(xp.own, OLD_NAMES, r"C:\WINDOWS\system32\fbreseal.exe", "fbreseal")
    xp.shown(xp.own, OLD_NAMES, r"C:\WINDOWS\system32\notepad.exe", "Notepad")
    xp.shown(xp.own, OLD_NAMES, r"@C:\WINDOWS\system32\SHELL32.dll,-22913", "Shows the disk drives")
    yield xp
    vista = short_user("vista", 3)
    vista.classes.set(NEW_NAMES, "LangID", 3, b"\x09\x04")
    vista.shown(vista.classes, NEW_NAMES, r"C:\Windows\System32\sysprep\sysprep.exe", "System Preparation Tool")
    yield vista
    seven = long_user("win7")
    seven.shown(seven.classes, NEW_NAMES, r"C:\Windows\System32\sysprep\sysprep.exe", "System Preparation Tool")
    seven.shown(seven.classes, NEW_NAMES, r"E:\FBRESEAL.EXE", "fbreseal")
    yield seven
    ten = long_user("win10", GROUPS_10)
    kinds = (".FriendlyAppName", ".ApplicationCompany")
    ten.classes.set(NEW_NAMES, "LangID", 3, b"\x09\x04")
    ten.shown(ten.classes, NEW_NAMES, r"C:\Windows\System32\sysprep\sysprep.exe", "System Preparation Tool", *kinds)
    ten.shown(ten.classes, NEW_NAMES, r"C:\Windows\explorer.exe", "Windows Explorer", *kinds)
    yield ten
    # What no Windows writes, or only a broken one: see `hostile` in tests/user_assist.rs for what is told of it.
    odd = User("hostile", 5)
    odd.group(PROGRAMS_7, 5)
    for length in (0, 4, 5, 8, 15, 17, 71, 73, 4000):
        odd.start(PROGRAMS_7, rf"C:\len{length}\sysprep.exe", bytes(range(1, 256)) * 16 if length == 4000 else b"\7" * length)
    for stored in (0, 1, 4, 5, 6, 0xFFFFFFFF):
        odd.short(PROGRAMS_7, rf"UEME_RUNPATH:C:\short{stored}\a.exe", stored)
    odd.long(PROGRAMS_7, r"C:\most\b.exe", 0xFFFFFFFF)
    odd.long(PROGRAMS_7, r"C:\never\b.exe", 1, 0)
    odd.short(PROGRAMS_7, r"UEME_RUNPATH:C:\never\a.exe", 6, 0)
    odd.start(PROGRAMS_7, r"UEME_RUNPATH:C:\text\a.exe", struct.pack("<IIQ", 1, 8, odd.tick()), 1)
    odd.long(PROGRAMS_7, "x" * 250 + ".exe", 1)
    odd.long(PROGRAMS_7, "", 7)
    odd.long(PROGRAMS_7, "{1AC14E77-02E7", 7)
    odd.own.key(rf"{ASSIST}\{{00000000-0000-0000-0000-000000000000}}")
    yield odd


def answers(folder, names):
    """What regipy reads."""
    from regipy.plugins.ntuser import muicache, user_assist
    from regipy.registry import RegistryHive

    user_assist.GUID_TO_PATH_MAPPINGS = {}
    starts, shown = [], []
    for name in names:
        hive = RegistryHive(os.path.join(folder, f"{name}_ntuser.hive"), hive_type="ntuser")
        plugin = user_assist.UserAssistPlugin(hive, as_json=False)
        plugin.run()
        for entry in plugin.entries:
            since = entry["timestamp"].replace(tzinfo=None) - datetime.datetime(1601, 1, 1)
            # It lists two groups twice.
            ticks = 10 * (since.days * 86_400_000_000 + since.seconds * 1_000_000 + since.microseconds)
            line = f"{name}\t{entry['name']}\t{entry['run_counter']}\t{ticks}"
            if line not in starts:
                starts.append(line)
        for kind, key in (("ntuser", muicache.MUICACHE_PATH_XP), ("usrclass", "\\" + NEW_NAMES)):
            path = os.path.join(folder, f"{name}_{kind}.hive")
            if not os.path.exists(path):
                continue
            plugin = muicache.MUICachePlugin(RegistryHive(path, hive_type="ntuser"), as_json=False)
            plugin._parse_muicache(key)
            for entry in plugin.entries:
                shown += [f"{name}\t{kind}\t{program['path']}" for program in entry["applications"]]
    return starts, shown


def write(folder):
    """Writes the hives; returns the names of the users."""
    names = []
    for user in users():
        write_hive(user.own, os.path.join(folder, f"{user.name}_ntuser.hive"))
        if user.classes.root.keys:
            write_hive(user.classes, os.path.join(folder, f"{user.name}_usrclass.hive"))
        names.append(user.name)
    # A profile lies in Documents and Settings up to XP, in Users from Vista on.
    software = Hive("SOFTWARE", 3, "$$$PROTO.HIV")
    for number, name in enumerate(names):
        home = rf"C:\Documents and Settings\{name}" if name == "xp" else rf"C:\Users\{name}"
        software.set(rf"Microsoft\Windows NT\CurrentVersion\ProfileList\S-1-5-21-1-2-3-{1000 + number}", "ProfileImagePath", 2,
                     utf16(home + "\0"))
    write_hive(software, os.path.join(folder, "software.hive"))
    return names


def check(folder):
    """Ends with a message where a hive that is there is not the one that would be written."""
    def read(path):
        with open(path, "rb") as file:
            return file.read()

    with tempfile.TemporaryDirectory() as fresh:
        write(fresh)
        hives = set(os.listdir(fresh))
        wrong = sorted(hives ^ {name for name in os.listdir(folder) if name.endswith(".hive")})
        wrong += [name for name in sorted(hives - set(wrong)) if read(os.path.join(fresh, name)) != read(os.path.join(folder, name))]
    if wrong:
        sys.exit(f"user_hives.py: not as generated: {', '.join(wrong)}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("folder", nargs="?", default=os.path.join(HERE, "..", "testdata", "user_hives"))
    parser.add_argument("--check", action="store_true", help="compare with what is there and write nothing")
    given = parser.parse_args()
    if given.check:
        check(given.folder)
        return
    os.makedirs(given.folder, exist_ok=True)
    names = write(given.folder)
    starts, shown = answers(given.folder, [name for name in names if name != "hostile"])
    for name, lines in (("starts.txt", starts), ("names.txt", shown)):
        with open(os.path.join(given.folder, name), "w", encoding="utf-8") as file:
            file.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
