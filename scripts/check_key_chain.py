#!/usr/bin/env python3
"""Opens the synthetic key chains with impacket and dpapick3, programs that had no part in making them.

For each chain of testdata/keys: the boot key, the LSA key and DPAPI_SYSTEM from the hives; the
master keys with the right half, and their refusal of the wrong one; every DPAPI blob of every
key file; the private keys, whose moduli must be those of the manifest; and, with pycryptodome
and the private keys that dpapick3 read, the signatures, the session key and the properties of
the live metabase. What a program cannot open for a fault of its own is listed in CANNOT and
must stay so. Neither program knows the metabase: that its blobs are right rests on [MS-IMSA]
and the published samples alone.

    scripts/check_key_chain.py            needs impacket and dpapick3 (pip) in this Python
    scripts/check_key_chain.py --version  says which, and fails where one is missing
"""

import argparse
import hashlib
import importlib.metadata
import json
import os
import re
import struct
import sys

KEYS = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "testdata", "keys")
ENTROPY = b"Hj1diQ6kpUx7VC4m\0"
# impacket derives type-2 session keys only; dpapick3 0.7.1 reads LSA secrets of NT 5 with code for Python 2.
CANNOT = {("w2k", "impacket", "export flags"), ("w2k", "dpapick3", "DPAPI_SYSTEM"), ("xp", "dpapick3", "DPAPI_SYSTEM")}


class Report:
    """Counts what was opened; the first disagreement ends the run."""

    def __init__(self, chain):
        self.chain, self.lines = chain, []

    def same(self, program, what, found, expected):
        right = found == expected
        if (self.chain, program, what) in CANNOT:
            if right:
                raise SystemExit(f"{self.chain}: {program} now opens {what}; take it out of CANNOT")
            self.lines.append(f"{program} cannot open {what}")
            return
        if not right:
            raise SystemExit(f"{self.chain}: {program}: {what} should be {show(expected)}, is {show(found)}")
        self.lines.append(f"{program}: {what}")

    def show(self):
        for line in sorted(set(self.lines)):
            print(f"{self.chain}: {line} ({self.lines.count(line)})")


def show(value):
    return value.hex() if isinstance(value, bytes) else value


def attempt(action, *arguments):
    """The result, or None where the program fails: it refuses, or cannot read what it is given."""
    try:
        return action(*arguments)
    except Exception as fault:  # pylint: disable=broad-except
        if isinstance(fault, (KeyboardInterrupt, SystemExit)):
            raise
        return None


def read(folder, path):
    with open(os.path.join(folder, *path.split("/")), "rb") as file:
        return file.read()


# -- hives ----------------------------------------------------------------------------------


def hives(report, folder, manifest):
    from dpapick3 import registry
    from impacket.examples.secretsdump import LocalOperations, LSASecrets
    system, security = (os.path.join(folder, "config", name) for name in ("SYSTEM", "SECURITY"))
    secrets = {name: bytes.fromhex(value) for name, value in manifest["secrets"].items()}
    both = {"machine": secrets["machine"].hex(), "user": secrets["user"].hex()}

    boot_key = LocalOperations(system).getBootKey()
    report.same("impacket", "boot key", boot_key, secrets["boot_key"])
    found = {}

    def keep(_, text):
        for half, value in re.findall(r"dpapi_(machine|user)key:0x([0-9a-f]{40})", text):
            found.setdefault(half, value)

    reader = LSASecrets(security, boot_key, isRemote=False, perSecretCallback=keep)
    reader.dumpSecrets()
    reader.finish()
    report.same("impacket", "DPAPI_SYSTEM", found, both)

    other = registry.Regedit()
    report.same("dpapick3", "boot key", other.get_syskey(system), secrets["boot_key"])
    report.same("dpapick3", "LSA key", other.get_lsa_key(security), secrets["lsa_key"])
    values = attempt(other.get_lsa_secrets, security, system) or {}
    text = values.get("DPAPI_SYSTEM", {}).get("CurrVal") or b""
    report.same("dpapick3", "DPAPI_SYSTEM", {"machine": text[4:24].hex(), "user": text[24:44].hex()}, both)


# -- master keys ----------------------------------------------------------------------------


def with_impacket(data, secret):
    from impacket.dpapi import MasterKey, MasterKeyFile
    head = MasterKeyFile(data)
    return MasterKey(data[len(head):][:head["MasterKeyLen"]]).decrypt(secret)


def with_dpapick3(data, secret):
    from dpapick3.masterkey import MasterKeyFile
    file = MasterKeyFile(data)
    file.decryptWithKey(secret)
    return file.masterkey.key if file.masterkey.decrypted else None


def master_keys(report, folder, manifest):
    keys = {}
    for entry in manifest["master_keys"]:
        if not entry["present"]:
            continue
        data, key = read(folder, entry["path"]), bytes.fromhex(entry["key"])
        right, wrong = entry["half"], {"machine": "user", "user": "machine"}[entry["half"]]
        for program, opened in (("impacket", with_impacket), ("dpapick3", with_dpapick3)):
            report.same(program, "master key", opened(data, bytes.fromhex(manifest["secrets"][right])), key)
            report.same(program, "wrong half refused", opened(data, bytes.fromhex(manifest["secrets"][wrong])), None)
        keys[entry["guid"]] = key
    return keys


# -- key files ------------------------------------------------------------------------------


def impacket_blob(data, key, entropy=None):
    from impacket.dpapi import DPAPI_BLOB
    return DPAPI_BLOB(data).decrypt(key, entropy)


def key_file(report, folder, entry, keys):
    """Opens one key file; returns its private keys."""
    from dpapick3.probes.certificate import PrivateKeyBlob
    raw = read(folder, entry["path"])
    lengths = struct.unpack_from("<10I", raw)
    parts, at = [], 40
    # name, hash, then public, private and flags of the signature pair and of the exchange pair.
    for index in (2, 7, 3, 4, 8, 5, 6, 9):
        parts.append(raw[at:at + lengths[index]])
        at += lengths[index]
    report.same("dpapick3", "container name", PrivateKeyBlob(raw).description, entry["container"].encode())
    key, found = keys.get(entry["master_key"]), {}
    for kind, (public, private, flags) in (("signature", parts[2:5]), ("exchange", parts[5:8])):
        if kind not in entry["pairs"]:
            continue
        stated = entry["pairs"][kind]
        report.same("dpapick3", "public modulus", hashlib.sha256(PrivateKeyBlob.RSAHeader(public).data[::-1]).hexdigest(),
                    stated["modulus_sha256"])
        if key is None:
            other = next(iter(keys.values()))
            probe = PrivateKeyBlob.RSAPrivKey(private)
            report.same("dpapick3", "blob refused with another master key", probe.try_decrypt_with_key(other), False)
            report.same("impacket", "blob refused with another master key", attempt(impacket_blob, private, other), None)
            continue
        report.same("impacket", "export flags", attempt(impacket_blob, flags, key, ENTROPY), b"\0\0\0\0")
        clear = attempt(impacket_blob, private, key) or b""
        report.same("impacket", "private key blob", clear[:4], b"RSA2")
        report.same("dpapick3", "export flags", PrivateKeyBlob.RSAFlags(flags).try_decrypt_with_key(key), True)
        probe = PrivateKeyBlob.RSAPrivKey(private)
        report.same("dpapick3", "private key blob", probe.try_decrypt_with_key(key), True)
        pair = rsa(probe.clearKey)
        report.same("dpapick3", "private key", f"{pair.n:x}", stated["modulus"])
        found[kind] = pair
    return found


def rsa(clear):
    """The key for pycryptodome, which checks that n = p*q and that d and the coefficient fit."""
    from Crypto.PublicKey import RSA
    number = lambda raw: int.from_bytes(raw, "little")  # noqa: E731
    p, q = number(clear.prime1), number(clear.prime2)
    if number(clear.coefficient) * q % p != 1 or number(clear.exponent1) != number(clear.privExponent) % (p - 1):
        raise SystemExit("the parts of a private key do not fit each other")
    return RSA.construct((number(clear.modulus), clear.pubexp, number(clear.privExponent), p, q), consistency_check=True)


# -- metabase -------------------------------------------------------------------------------


def blobs(data):
    """All IcKb and IcDb whose lengths fit: (kind, encrypted, signature)."""
    if data.lstrip().startswith(b"<?xml"):
        data = b"".join(bytes.fromhex(text) for text in re.findall(r'"([0-9a-f]{32,})"', re.sub(r"\s", "", data.decode())))
    found = []
    for match in re.finditer(rb"Ic[KD]b", data):
        at = match.start()
        if at + 16 > len(data):
            continue
        length, encrypted, signed = struct.unpack_from("<III", data, at + 4)
        if length == 8 + (encrypted + 7) // 8 * 8 + signed and at + 8 + length <= len(data):
            end = at + 8 + length
            found.append((match.group(), data[at + 16:at + 16 + encrypted], data[end - signed:end]))
    return found


def metabase(report, folder, manifest, entry, pairs):
    from Crypto.Cipher import ARC4, PKCS1_v1_5
    from Crypto.Hash import MD5
    from Crypto.Signature import pkcs1_15
    found = blobs(read(folder, entry["path"]))
    kinds = [kind for kind, _, _ in found]
    report.same("this script", "session key blobs", kinds.count(b"IcKb"), entry["session_key_blobs"])
    report.same("this script", "property blobs", kinds.count(b"IcDb"), entry["data_blobs"])
    session = next(encrypted for kind, encrypted, _ in found if kind == b"IcKb")
    key = PKCS1_v1_5.new(pairs["exchange"]).decrypt(session[12:][::-1], None)
    report.same("pycryptodome", "session key", key.hex(), manifest["session_key"])
    for kind, encrypted, signature in found:
        clear = ARC4.new(key + b"\0" * 11).decrypt(encrypted) if kind == b"IcDb" else b""
        texts = [clear] if kind == b"IcDb" else [key, key[::-1]]
        verifier = pkcs1_15.new(pairs["signature"])
        right = [verified(verifier, MD5.new(text), signature[::-1]) for text in texts]
        report.same("pycryptodome", "signature of a blob", any(right), True)
    properties = [ARC4.new(key + b"\0" * 11).decrypt(encrypted) for kind, encrypted, _ in found if kind == b"IcDb"]
    stated = [b"\0\0\0\0" + bytes.fromhex(one["clear"]) for one in manifest["properties"]]
    report.same("pycryptodome", "clear text of the properties", sorted(properties), sorted(stated))


def verified(verifier, digest, signature):
    try:
        verifier.verify(digest, signature)
        return True
    except ValueError:
        return False


def check(folder):
    with open(os.path.join(folder, "manifest.json"), encoding="utf-8") as text:
        manifest = json.load(text)
    report = Report(manifest["generation"])
    hives(report, folder, manifest)
    keys = master_keys(report, folder, manifest)
    files = {entry["name"]: key_file(report, folder, entry, keys) for entry in manifest["key_files"]}
    live = next(entry for entry in manifest["metabases"] if entry["live"])
    metabase(report, folder, manifest, live, files[live["paired_with"][0]])
    report.show()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keys", default=KEYS, help="folder of the chains")
    parser.add_argument("--version", action="store_true", help="versions of the other programs")
    given = parser.parse_args()
    try:
        versions = {name: importlib.metadata.version(name) for name in ("impacket", "dpapick3", "pycryptodome")}
    except importlib.metadata.PackageNotFoundError as missing:
        print(f"{missing} is not installed in {sys.executable}", file=sys.stderr)
        return 2
    print(", ".join(f"{name} {version}" for name, version in versions.items()))
    if not given.version:
        for name in ("w2k", "xp", "vista"):
            check(os.path.join(given.keys, name))
    return 0


if __name__ == "__main__":
    sys.exit(main())
