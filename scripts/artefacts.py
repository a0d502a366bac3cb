#!/usr/bin/python3
"""Builds the small Windows files that the sample installations need.

Every function takes plain values and returns bytes; the same values give the same bytes.
Nothing here comes from a real machine: programs are empty PE files with a version
resource, keys are made from their label by SHA-256, DPAPI blobs have the right layout and
meaningless contents. Run as a program it prints this text and what it can build.
"""

import argparse
import functools
import hashlib
import struct
import sys

from regf import filetime, utf16

MD5_DIGEST_INFO = bytes.fromhex("3020300c06082a864886f70d020505000410")
DPAPI_PROVIDER = bytes.fromhex("d08c9ddf0115d1118c7a00c04fc297eb")


def noise(label, length):
    """Bytes that look random and depend on the label only."""
    out = b""
    while len(out) < length:
        out += hashlib.sha256(f"{label}/{len(out)}".encode()).digest()
    return out[:length]


def guid_bytes(text):
    first, second, third, fourth, fifth = text.strip("{}").split("-")
    return struct.pack("<IHH", int(first, 16), int(second, 16), int(third, 16)) + bytes.fromhex(fourth + fifth)


# -- programs -------------------------------------------------------------------------------


def pe(version):
    """An empty 32-bit PE file whose version resource says `version` (four parts).

    Microsoft PE/COFF specification; VS_VERSIONINFO of the Windows SDK.
    """
    parts = [int(part) for part in version.split(".")]
    fixed = struct.pack("<13I", 0xFEEF04BD, 0x10000, parts[0] << 16 | parts[1], parts[2] << 16 | parts[3],
                        parts[0] << 16 | parts[1], parts[2] << 16 | parts[3], 0x3F, 0, 0x40004, 2, 0, 0, 0)
    head = utf16("VS_VERSION_INFO\0")
    info = pad4(struct.pack("<HHH", 0, len(fixed), 0) + head) + fixed
    info = struct.pack("<H", len(info)) + info[2:]
    directory = b""
    for identifier, target in ((16, 0x80000018), (1, 0x80000030), (0x409, 0x48)):
        directory += struct.pack("<IIHHHHII", 0, 0, 0, 0, 0, 1, identifier, target)
    section = directory + struct.pack("<IIII", 0x1000 + 0x58, len(info), 0, 0) + info
    raw = section.ljust(0x200, b"\0")
    dos = b"MZ".ljust(60, b"\0") + struct.pack("<I", 64)
    coff = b"PE\0\0" + struct.pack("<HHIIIHH", 0x14C, 1, 0, 0, 0, 224, 0x2102)
    optional = struct.pack("<HBBIIIIII", 0x10B, 6, 0, 0, 0x200, 0, 0, 0x1000, 0x1000)
    optional += struct.pack("<IIIHHHHHHIIIIHHIIIIII", 0x400000, 0x1000, 0x200, 4, 0, 0, 0, 4, 0, 0, 0x2000, 0x200, 0,
                            2, 0, 0x100000, 0x1000, 0x100000, 0x1000, 0, 16)
    optional += struct.pack("<IIIIII", 0, 0, 0, 0, 0x1000, len(section)) + b"\0" * (13 * 8)
    table = b".rsrc\0\0\0" + struct.pack("<IIIIIIHHI", len(section), 0x1000, 0x200, 0x200, 0, 0, 0, 0, 0x40000040)
    return (dos + coff + optional + table).ljust(0x200, b"\0") + raw


def pad4(data):
    return data + b"\0" * (-len(data) % 4)


# -- keys -----------------------------------------------------------------------------------


def prime(label, bits):
    """The first prime at or above a number made from the label."""
    candidate = int.from_bytes(noise(label, bits // 8), "big") | 1 << bits - 1 | 1 << bits - 2 | 1
    while any(candidate % small == 0 for small in (3, 5, 7, 11, 13)) or pow(2, candidate - 1, candidate) != 1 \
            or pow(3, candidate - 1, candidate) != 1:
        candidate += 2
    return candidate


@functools.lru_cache(maxsize=None)
def rsa(label, bits=512):
    """(n, e, d) of the key pair with that label."""
    exponent, count = 65537, 0
    while True:
        p, q = prime(f"{label}/p{count}", bits // 2), prime(f"{label}/q{count}", bits // 2)
        phi = (p - 1) * (q - 1)
        if p != q and phi % exponent:
            return p * q, exponent, pow(exponent, -1, phi)
        count += 1


@functools.lru_cache(maxsize=None)
def public_blob(label, bits=512):
    """RSA1: the public half in a CryptoAPI container."""
    modulus, exponent, _ = rsa(label, bits)
    length = bits // 8 + 8
    return b"RSA1" + struct.pack("<IIII", length, bits, bits // 8 - 1, exponent) + modulus.to_bytes(length, "little")


def dpapi_blob(label, master_key, length, description):
    """A DPAPI blob for LOCAL_MACHINE: right layout, meaningless contents."""
    text = utf16(description + "\0")
    blob = struct.pack("<I", 1) + DPAPI_PROVIDER + struct.pack("<I", 1) + guid_bytes(master_key)
    blob += struct.pack("<II", 0x20000004, len(text)) + text + struct.pack("<III", 0x6603, 0xC0, 16)
    blob += noise(label + "/salt", 16) + struct.pack("<III", 0, 0x8004, 0xA0)
    blob += struct.pack("<I", 16) + noise(label + "/hmac", 16)
    blob += struct.pack("<I", length) + noise(label + "/data", length)
    return blob + struct.pack("<I", 20) + noise(label + "/sign", 20)


def key_file(container, label, master_key):
    """A CryptoAPI container file with both key pairs (KULL_M_KEY_CAPI_BLOB of mimikatz)."""
    name = container.encode() + b"\0"
    parts = [name, noise(label + "/hash", 20)]
    lengths = {}
    for pair in ("signature", "exchange"):
        public = public_blob(f"{label}/{pair}")
        private = dpapi_blob(f"{label}/{pair}/private", master_key, 328, "CryptoAPI Private Key")
        export = dpapi_blob(f"{label}/{pair}/export", master_key, 8, "Export Flag")
        lengths[pair] = [len(public), len(private), len(export)]
        parts += [public, private, export]
    sign, exchange = lengths["signature"], lengths["exchange"]
    head = struct.pack("<10I", 2, 0, len(name), sign[0], sign[1], exchange[0], exchange[1], 20, sign[2], exchange[2])
    return head + b"".join(parts)


def key_file_name(container, guid):
    """MD5 of the lower-cased name with one NUL, as four little-endian words, and the GUID."""
    words = struct.unpack("<4I", hashlib.md5(container.lower().encode() + b"\0").digest())
    return "".join(f"{word:08x}" for word in words) + "_" + guid


def master_key_file(guid):
    """A DPAPI master key file: the 128-byte header and a section of the stated length."""
    section = struct.pack("<I", 2) + noise(guid + "/salt", 16) + struct.pack("<III", 4000, 0x8009, 0x6603) + noise(guid, 104)
    head = struct.pack("<III", 2, 0, 0) + utf16(guid) + struct.pack("<II", 0, 0) + struct.pack("<I", 6)
    return head.ljust(96, b"\0") + struct.pack("<QQQQ", len(section), 0, 0, 0) + section


# -- metabase -------------------------------------------------------------------------------


def session_key_blob(label):
    """IcKb of [MS-IMSA] 2.2.2: a session key signed by the container's signature key."""
    modulus, _, private = rsa(f"{label}/signature")
    digest = hashlib.md5(noise(label + "/session", 5)).digest()
    info = MD5_DIGEST_INFO + digest
    message = b"\0\1" + b"\xff" * (64 - 3 - len(info)) + b"\0" + info
    signature = pow(int.from_bytes(message, "big"), private, modulus).to_bytes(64, "little")
    wrapped = bytes.fromhex("010200000168000000a40000") + noise(label + "/wrapped", 63) + b"\0"
    body = struct.pack("<II", len(wrapped), 64) + wrapped + b"\0" * (-len(wrapped) % 8) + signature
    return b"IcKb" + struct.pack("<I", len(body)) + body


def metabase_bin(label):
    """Something with the texts and the session key of a binary metabase; its tree has no public description."""
    names = utf16("LM\0W3SVC\0SMTPSVC\0Schema\0Properties\0")
    return noise("metabase.bin", 0)[:0] + names + b"\0" * (-len(names) % 16) + session_key_blob(label) + b"\0" * 256


def metabase_xml(label, name):
    blob = session_key_blob(label).hex()
    return f"""<?xml version ="1.0"?>
<configuration xmlns="urn:microsoft-catalog:XML_Metabase_V64_0">
<MBProperty>
<IIS_Global	Location ="."
		ChangeNumber="17"
		HistoryMajorVersionNumber="3"
		SessionKey="{blob}"
	>
</IIS_Global>
<IIsWebService	Location ="/LM/W3SVC"
		AnonymousUserName="IUSR_{name}"
	>
</IIsWebService>
</MBProperty>
</configuration>
""".replace("\n", "\r\n").encode()


# -- traces ---------------------------------------------------------------------------------


def prefetch(name, runs, last_run):
    """A version 17 prefetch file (XP): run count at 0x90, last run at 0x78."""
    data = bytearray(0x98)
    struct.pack_into("<I4sII", data, 0, 17, b"SCCA", 0xF, len(data))
    data[16:16 + 2 * len(name)] = utf16(name)
    struct.pack_into("<I", data, 0x4C, 0x2F1E3C44)
    struct.pack_into("<Q", data, 0x78, filetime(last_run))
    struct.pack_into("<I", data, 0x90, runs)
    return bytes(data)


def content(spec):
    """Bytes of one `file` table of a recipe."""
    if "text" in spec:
        return spec["text"].replace("\n", "\r\n").encode(spec.get("encoding", "cp1252"))
    if "pe" in spec:
        return pe(spec["pe"])
    if "key" in spec:
        key = spec["key"]
        return key_file(key["container"], key["label"], key["master_key"])
    if "master_key" in spec:
        return master_key_file(spec["master_key"])
    if "metabase_bin" in spec:
        return metabase_bin(spec["metabase_bin"])
    if "metabase_xml" in spec:
        return metabase_xml(spec["metabase_xml"], spec.get("computer", "GOLDEN"))
    if "prefetch" in spec:
        return prefetch(spec["prefetch"], spec["runs"], spec["last_run"])
    if "zeros" in spec:
        return b"\0" * spec["zeros"]
    if "hex" in spec:
        return bytes.fromhex(spec["hex"])
    return b""


def main():
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    print(__doc__)
    return 0


if __name__ == "__main__":
    sys.exit(main())
