#!/usr/bin/python3
"""Builds the small Windows files that the sample installations need.

Every function takes plain values and returns bytes; the same values give the same bytes.
Nothing here comes from a real machine: programs are empty PE files with a version
resource, keys are made from their label by SHA-256. Where the recipe names a chain, keys
and metabase are whole (key_chain.py); elsewhere their private parts have the right layout
and meaningless contents. Run as a program it prints this text and what it can build.
"""

import argparse
import struct
import sys

import evtx_log
import key_chain
import make_event_logs
from ciphers import key_pair, noise
from regf import filetime, utf16


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


# -- keys and metabase ----------------------------------------------------------------------


def closed_blob(label, master_key, length, description):
    """A DPAPI blob with the right layout and meaningless contents: no key opens it."""
    text = utf16(description + "\0")
    blob = struct.pack("<I", 1) + key_chain.DPAPI_PROVIDER + struct.pack("<I", 1) + key_chain.guid_bytes(master_key)
    blob += struct.pack("<II", 0x20000004, len(text)) + text + struct.pack("<III", 0x6603, 0xC0, 16)
    blob += noise(label + "/salt", 16) + struct.pack("<III", 0, 0x8004, 0xA0)
    blob += struct.pack("<I", 16) + noise(label + "/hmac", 16)
    blob += struct.pack("<I", length) + noise(label + "/data", length)
    return blob + struct.pack("<I", 20) + noise(label + "/sign", 20)


def closed_key_file(container, label, master_key):
    """A CryptoAPI container file with both key pairs whose private halves nothing opens."""
    name = container.encode() + b"\0"
    parts = [name, noise(label + "/hash", 20)]
    lengths = {}
    for pair in ("signature", "exchange"):
        public = key_chain.public_blob(key_pair(f"{label}/{pair}"))
        private = closed_blob(f"{label}/{pair}/private", master_key, 328, "CryptoAPI Private Key")
        export = closed_blob(f"{label}/{pair}/export", master_key, 8, "Export Flag")
        lengths[pair] = [len(public), len(private), len(export)]
        parts += [public, private, export]
    sign, exchange = lengths["signature"], lengths["exchange"]
    head = struct.pack("<10I", 2, 0, len(name), sign[0], sign[1], exchange[0], exchange[1], 20, sign[2], exchange[2])
    return head + b"".join(parts)


def closed_master_key_file(guid):
    """A DPAPI master key file that nothing opens: the 128-byte header and a section of the stated length."""
    section = struct.pack("<I", 2) + noise(guid + "/salt", 16) + struct.pack("<III", 4000, 0x8009, 0x6603) + noise(guid, 104)
    head = struct.pack("<III", 2, 0, 0) + utf16(guid) + struct.pack("<II", 0, 0) + struct.pack("<I", 6)
    return head.ljust(96, b"\0") + struct.pack("<QQQQ", len(section), 0, 0, 0) + section


def closed_session_key(label):
    """IcKb with a true signature of the label's key and a session key that nothing unwraps."""
    wrapped = bytes.fromhex("010200000168000000a40000") + noise(label + "/wrapped", 63) + b"\0"
    signature = key_chain.signed_hash(key_pair(f"{label}/signature"), key_chain.metabase_key(label))
    body = struct.pack("<II", len(wrapped), 64) + wrapped + b"\0" * (-len(wrapped) % 8) + signature
    return key_chain.crypto_blob(b"IcKb", body)


def closed_metabase_bin(label, texts=()):
    """Something with the texts and the session key of a binary metabase; its tree has no public description."""
    names = utf16("".join(text + "\0" for text in ("LM", "W3SVC", "SMTPSVC", "Schema", "Properties", *texts)))
    return names + b"\0" * (-len(names) % 16) + closed_session_key(label) + b"\0" * 256


def closed_metabase_xml(label, name):
    return f"""<?xml version ="1.0"?>
<configuration xmlns="urn:microsoft-catalog:XML_Metabase_V64_0">
<MBProperty>
<IIS_Global	Location ="."
		ChangeNumber="17"
		HistoryMajorVersionNumber="3"
		SessionKey="{closed_session_key(label).hex()}"
	>
</IIS_Global>
<IIsWebService	Location ="/LM/W3SVC"
		AnonymousUserName="IUSR_{name}"
	>
</IIsWebService>
</MBProperty>
</configuration>
""".replace("\n", "\r\n").encode()


def key(spec, system):
    """`key = { container, label, master_key, pairs }`; real where the installation has a chain."""
    if not system:
        return closed_key_file(spec["container"], spec["label"], spec["master_key"])
    pairs = spec.get("pairs", ("signature", "exchange"))
    return key_chain.key_file(system.generation, spec["container"], spec["label"], spec["master_key"], pairs)


def metabase(kind, spec, system):
    """`metabase_bin` or `metabase_xml = LABEL`: signed by the key of that label; `form` is encrypted, portable, clear or none;
    without a chain a binary one also holds the strings of `texts`."""
    label, computer = spec[f"metabase_{kind}"], spec.get("computer", "GOLDEN")
    if not system:
        return closed_metabase_bin(label, spec.get("texts", ())) if kind == "bin" else closed_metabase_xml(label, computer)
    bits, form = system.generation.bits, spec.get("form", "encrypted")
    session, properties = key_chain.metabase_contents(label, bits, form)
    return key_chain.binary(session, properties) if kind == "bin" else key_chain.xml(session, properties, computer)


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


def event_log(spec):
    """`evt = [...]`: a log of records (time, source, id, strings, data as hex, kind, computer); `dirty` leaves it unclosed."""
    records = []
    for number, one in enumerate(spec["evt"], 1):
        seconds = (filetime(one["time"]) - 116444736000000000) // 10000000
        information = one.get("kind") == "information"
        records.append(make_event_logs.record(
            number, seconds, one["source"], (0x40000000 if information else 0xC0000000) | one["id"], one.get("strings", []),
            bytes.fromhex(one.get("data", "")), make_event_logs.INFORMATION if information else make_event_logs.ERROR,
            one.get("computer", spec.get("computer", "GOLDEN"))))
    return make_event_logs.plain(records, dirty=spec.get("dirty", False))


def content(spec, system=None):
    """Bytes of one `file` table of a recipe; `system` has the secrets of an installation with a chain."""
    if "text" in spec:
        return spec["text"].replace("\n", "\r\n").encode(spec.get("encoding", "cp1252"))
    if "pe" in spec:
        return pe(spec["pe"])
    if "key" in spec:
        return key(spec["key"], system)
    if "master_key" in spec:
        guid = spec["master_key"]
        return key_chain.master_key_file(system, guid, spec.get("half", "machine")) if system else closed_master_key_file(guid)
    if "metabase_bin" in spec:
        return metabase("bin", spec, system)
    if "metabase_xml" in spec:
        return metabase("xml", spec, system)
    if "application_host" in spec:
        return key_chain.application_host(*spec["application_host"], spec.get("encrypted_value", True), spec.get("sites", False))
    if "prefetch" in spec:
        return prefetch(spec["prefetch"], spec["runs"], spec["last_run"])
    if "evt" in spec:
        return event_log(spec)
    if "evtx" in spec:
        return evtx_log.log(spec["evtx"], spec.get("computer", "GOLDEN"), spec.get("channel", "System"))
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
