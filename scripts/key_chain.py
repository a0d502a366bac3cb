#!/usr/bin/python3
"""Makes synthetic chains from the boot key of a Windows to the properties of its IIS metabase.

No chain of a real machine can be published: it is made of secrets. So every link is built
here from public descriptions ([MS-IMSA] 2.2.2 and 3.1.4.1; the readers of mimikatz,
impacket and dpapick3; Microsoft's CryptoAPI samples) for three generations of Windows:

    w2k    as 2000/XP: type-1 DPAPI blobs with 3DES and SHA-1, 512-bit pairs, MetaBase.bin
    xp     as XP/2003: type-2 DPAPI blobs with 3DES and SHA-1, 512-bit pairs, MetaBase.xml
    vista  as Vista and later: AES-256 and SHA-512, 1024-bit pairs, MetaBase.xml, applicationHost.config

and `sizes`: key files of 512 to 4096 bits, each with the session key that it signed. The
same label gives the same bytes; ciphers come from ciphers.py. check_key_chain.py opens the
results with other programs. manifest.json beside each chain says what must be found in it;
the secrets in it are as made up as the rest.

    scripts/key_chain.py                    writes testdata/keys anew
    scripts/key_chain.py --out DIR NAME...  writes these chains below DIR
    scripts/key_chain.py --check            compares with what is there
    scripts/key_chain.py --large FILE       a MetaBase.xml of 30 MB with 10,000 encrypted properties
"""

import argparse
import base64
import hashlib
import json
import os
import shutil
import struct
import sys
import tempfile

import regf
from ciphers import (AES128, AES256, BLOCK_BYTES, DES, DES3, HMAC, KEY_BYTES, RC4, RSA_KEYX, SHA1, SHA512, cbc_encrypt,
                     ecb_encrypt, exclusive_or, hashed, key_pair, mac, noise, odd_parity, padded, rc4)
from regf import utf16

HERE = os.path.dirname(os.path.abspath(__file__))
KEYS = os.path.join(os.path.dirname(HERE), "testdata", "keys")
MD5_DIGEST_INFO = bytes.fromhex("3020300c06082a864886f70d020505000410")
DPAPI_PROVIDER = bytes.fromhex("d08c9ddf0115d1118c7a00c04fc297eb")
EXPORT_ENTROPY = b"Hj1diQ6kpUx7VC4m\0"
BOOT_KEY_ORDER = [8, 5, 4, 2, 11, 9, 13, 3, 0, 6, 1, 12, 14, 10, 15, 7]
IIS_CONTAINER = "Microsoft Internet Information Server"
DCOM_CONTAINER = "MS IIS DCOM Server"


class Generation:
    """What differs between the generations of Windows."""

    def __init__(self, name, lsa, blob_type, cipher, digest, master_digest, rounds, bits, file_version):
        self.name, self.lsa, self.blob_type, self.cipher, self.digest = name, lsa, blob_type, cipher, digest
        self.master_digest, self.rounds, self.bits, self.file_version = master_digest, rounds, bits, file_version


GENERATIONS = {generation.name: generation for generation in (
    Generation("w2k", "nt5", 1, DES3, SHA1, HMAC, 4000, 512, 1),
    Generation("xp", "nt5", 2, DES3, SHA1, HMAC, 4000, 512, 2),
    Generation("vista", "nt6", 2, AES256, SHA512, SHA512, 8000, 1024, 2))}


def guid_bytes(text):
    first, second, third, fourth, fifth = text.strip("{}").split("-")
    return struct.pack("<IHH", int(first, 16), int(second, 16), int(third, 16)) + bytes.fromhex(fourth + fifth)


def guid_of(label):
    """A random-looking GUID of version 4."""
    raw = bytearray(noise(label, 16))
    raw[6], raw[8] = raw[6] & 0x0F | 0x40, raw[8] & 0x3F | 0x80
    text = raw.hex()
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))


def sha256_of(number):
    """SHA-256 of a modulus as it is written on paper: most significant byte first, no leading zeros."""
    return hashlib.sha256(number.to_bytes((number.bit_length() + 7) // 8, "big")).hexdigest()


# -- boot key, LSA key, DPAPI_SYSTEM --------------------------------------------------------


class System:
    """The secrets of one Windows and the hive values that hold them."""

    def __init__(self, label, generation):
        self.label, self.generation = label, generation
        self.scattered = noise(label + "/boot", 16)
        self.boot_key = bytes(self.scattered[at] for at in BOOT_KEY_ORDER)
        self.lsa_key = noise(label + "/lsa", 32 if generation.lsa == "nt6" else 16)
        self.machine, self.user = noise(label + "/machine", 20), noise(label + "/user", 20)

    def secret(self):
        return struct.pack("<I", 1) + self.machine + self.user

    def old_secret(self):
        return struct.pack("<I", 1) + noise(self.label + "/old-secret", 40)

    def half(self, name):
        return self.machine if name == "machine" else self.user

    def system_recipe(self):
        """Lines for the SYSTEM hive: the boot key lies in the class names of four keys."""
        lines = []
        for number, name in enumerate(("JD", "Skew1", "GBG", "Data")):
            text = self.scattered[4 * number:4 * number + 4].hex()
            lines.append(f"[ControlSet001\\Control\\Lsa\\{name}] class={utf16(text).hex()}")
        return "\n".join(lines) + "\n"

    def security_recipe(self):
        """Lines for the SECURITY hive: the LSA key under the boot key, DPAPI_SYSTEM under the LSA key.

        The revision (1.5 and 1.12) is what dpapick3 tells the two forms apart by.
        """
        nt6 = self.generation.lsa == "nt6"
        secret, changed = "Policy\\Secrets\\DPAPI_SYSTEM", struct.pack("<Q", regf.filetime("2003-07-01T08:20:00Z"))
        values = {"Policy\\PolRevision": struct.pack("<HH", 12 if nt6 else 5, 1),
                  "Policy\\PolEKList" if nt6 else "Policy\\PolSecretEncryptionKey": self.nt6_keys() if nt6 else self.nt5_keys(),
                  secret + "\\CurrVal": self.sealed_secret("current", self.secret()), secret + "\\CupdTime": changed,
                  secret + "\\OldVal": self.sealed_secret("old", self.old_secret()), secret + "\\OupdTime": changed}
        return "".join(f"[{path}]\n@=hex(0):{value.hex()}\n" for path, value in values.items())

    def sealed_secret(self, label, secret):
        if self.generation.lsa == "nt6":
            return self.nt6_sealed(label, self.lsa_key, lsa_text(secret))
        return self.nt5_sealed(secret)

    def nt5_keys(self):
        salt = noise(self.label + "/lsa-salt", 16)
        plain = noise(self.label + "/lsa-old", 16) + self.lsa_key + noise(self.label + "/lsa-rest", 16)
        sealed = rc4(hashlib.md5(self.boot_key + salt * 1000).digest(), plain)
        return struct.pack("<III", 1, 2, 0) + sealed + salt

    def nt5_sealed(self, secret):
        """DES in ECB mode, for each block the next seven bytes of the key, beginning anew at its end."""
        plain = struct.pack("<II", len(secret), 1) + secret
        plain += b"\0" * (-len(plain) % 8)
        out, rest = b"", self.lsa_key
        for at in range(0, len(plain), 8):
            out += ecb_encrypt(DES, spread(rest[:7]), plain[at:at + 8])
            rest = rest[7:]
            if len(rest) < 7:
                rest = self.lsa_key[len(rest):]
        return struct.pack("<II", len(out), len(out)) + b"\0\0\0\0" + out

    def nt6_keys(self):
        name = guid_bytes(guid_of(self.label + "/lsa-guid"))
        keys = struct.pack("<I", 1) + name + struct.pack("<II", 0, 1) + name + struct.pack("<II", 3, 32) + self.lsa_key
        return self.nt6_sealed("keys", self.boot_key, lsa_text(keys))

    def nt6_sealed(self, label, key, plain):
        salt = noise(f"{self.label}/{label}-salt", 32)
        head = struct.pack("<I", 1) + guid_bytes(guid_of(self.label + "/lsa-guid")) + struct.pack("<II", 3, 0)
        return head + salt + ecb_encrypt(AES256, hashlib.sha256(key + salt * 1000).digest(), plain)


def lsa_text(data):
    """The clear text of an LSA value since Vista: length, twelve zeros, data, to whole blocks."""
    plain = struct.pack("<IIII", len(data), 0, 0, 0) + data
    return plain + b"\0" * (-len(plain) % 16)


def spread(seven):
    """Eight DES key bytes from seven, parity bits set."""
    bits = int.from_bytes(seven, "big")
    return odd_parity(bytes(bits >> 49 - 7 * number << 1 & 0xFE for number in range(8)))


# -- DPAPI ----------------------------------------------------------------------------------


def derived(digest, secret, salt, length, rounds):
    """The PBKDF2 of Microsoft: the running value, and not the last one, goes back into the HMAC."""
    out, number = b"", 1
    while len(out) < length:
        value = mac(digest, secret, salt, struct.pack(">I", number))
        for _ in range(rounds - 1):
            value = exclusive_or(value, mac(digest, secret, value))
        out, number = out + value, number + 1
    return out[:length]


def master_key(guid):
    """The 64 bytes of the master key of that name."""
    return noise(guid + "/master", 64)


def master_section(generation, label, secret, key, padding):
    salt, inner = noise(label + "/salt", 16), noise(label + "/inner", 16)
    sign = mac(generation.master_digest, mac(generation.master_digest, secret, inner), key)
    block = BLOCK_BYTES[generation.cipher]
    plain = inner + sign + b"\0" * padding + key
    assert len(plain) % block == 0
    both = derived(generation.master_digest, secret, salt, KEY_BYTES[generation.cipher] + block, generation.rounds)
    sealed = cbc_encrypt(generation.cipher, both[:-block], plain, both[-block:])
    head = struct.pack("<I", 2) + salt + struct.pack("<III", generation.rounds, generation.master_digest, generation.cipher)
    return head + sealed


def master_key_file(system, guid, half="machine"):
    """A master key file of LocalSystem: the key, a backup under another secret, and an empty CREDHIST."""
    generation = system.generation
    padding = -(16 + len(mac(generation.master_digest, b"", b""))) % BLOCK_BYTES[generation.cipher]
    section = master_section(generation, guid, system.half(half), master_key(guid), padding)
    backup = master_section(generation, guid + "/backup", noise(guid + "/backup-secret", 20), noise(guid + "/old", 32), padding)
    history = struct.pack("<I", 3) + b"\0" * 16
    head = struct.pack("<III", generation.file_version, 0, 0) + utf16(guid) + struct.pack("<III", 0, 0, 6)
    head += struct.pack("<QQQQ", len(section), len(backup), len(history), 0)
    return head + section + backup + history


def preferred(guid, written="2003-07-01T09:00:00Z"):
    """The file `Preferred`: which master key is used next, and until when."""
    return guid_bytes(guid) + struct.pack("<Q", regf.filetime(written))


def session_key(generation, key, salt, entropy, more=b""):
    """HMAC of the blob's salt under SHA-1 of the master key. Type 1 put entropy and more into the outer hash."""
    short = hashlib.sha1(key).digest()
    if generation.blob_type == 2:
        return mac(generation.digest, short, salt, entropy, more)
    short = short.ljust(64, b"\0")
    inner = hashed(generation.digest, exclusive_or(short, b"\x36" * 64), salt)
    return hashed(generation.digest, exclusive_or(short, b"\x5c" * 64), inner, entropy, more)


def cipher_key(generation, session):
    """CryptDeriveKey: a hash that is too short for the cipher is hashed with two pads."""
    length = KEY_BYTES[generation.cipher]
    if len(session) < length:
        wide = session.ljust(64, b"\0")
        session = b"".join(hashed(generation.digest, exclusive_or(wide, pad * 64)) for pad in (b"\x36", b"\x5c"))
    key = session[:length]
    return odd_parity(key) if generation.cipher == DES3 else key


def dpapi_blob(generation, label, guid, clear, description, entropy=b""):
    """A blob of CryptProtectData for the local machine."""
    text, key, salt, check = utf16(description + "\0"), master_key(guid), noise(label + "/salt", 16), noise(label + "/check", 16)
    if generation.digest == SHA512:
        salt, check = noise(label + "/salt", 32), noise(label + "/check", 32)
    data = cbc_encrypt(generation.cipher, cipher_key(generation, session_key(generation, key, salt, entropy)),
                       padded(clear, BLOCK_BYTES[generation.cipher]))
    body = struct.pack("<I", 1) + guid_bytes(guid) + struct.pack("<II", 0x20000004, len(text)) + text
    body += struct.pack("<III", generation.cipher, 8 * KEY_BYTES[generation.cipher], len(salt)) + salt + struct.pack("<I", 0)
    body += struct.pack("<II", generation.digest, 8 * len(hashed(generation.digest))) + struct.pack("<I", len(check)) + check
    body += struct.pack("<I", len(data)) + data
    sign = session_key(generation, key, check, entropy, body)
    return struct.pack("<I", 1) + DPAPI_PROVIDER + body + struct.pack("<I", len(sign)) + sign


# -- CryptoAPI key files --------------------------------------------------------------------


def public_blob(pair):
    """RSA1: the public half, in clear."""
    return b"RSA1" + struct.pack("<IIII", pair.bytes + 8, pair.bits, pair.bytes - 1, pair.e) + little(pair.n, pair.bytes + 8)


def private_blob(pair):
    """RSA2: both halves, each number in a field that is longer by its share of eight bytes."""
    whole, half = pair.bytes + 8, (pair.bytes + 8) // 2
    parts = [little(number, half) for number in (pair.p, pair.q, pair.d % (pair.p - 1), pair.d % (pair.q - 1), pow(pair.q, -1, pair.p))]
    return b"RSA2" + public_blob(pair)[4:] + b"".join(parts) + little(pair.d, whole)


def little(number, length):
    return number.to_bytes(length, "little")


def key_file(generation, container, label, guid, pairs=("signature", "exchange"), bits=None):
    """A CryptoAPI container file (KULL_M_KEY_CAPI_BLOB of mimikatz)."""
    name = container.encode() + b"\0"
    parts, lengths = [name, noise(label + "/hash", 20)], {"signature": [0, 0, 0], "exchange": [0, 0, 0]}
    for kind in pairs:
        pair = key_pair(f"{label}/{kind}", bits or generation.bits)
        public = public_blob(pair)
        private = dpapi_blob(generation, f"{label}/{kind}/private", guid, private_blob(pair), "CryptoAPI Private Key")
        export = dpapi_blob(generation, f"{label}/{kind}/export", guid, struct.pack("<I", 0), "Export Flag", EXPORT_ENTROPY)
        lengths[kind] = [len(public), len(private), len(export)]
        parts += [public, private, export]
    sign, exchange = lengths["signature"], lengths["exchange"]
    head = struct.pack("<10I", 2, 0, len(name), sign[0], sign[1], exchange[0], exchange[1], 20, sign[2], exchange[2])
    return head + b"".join(parts)


def key_file_name(container, guid):
    """MD5 of the lower-cased name with one NUL, as four little-endian words, and the GUID."""
    words = struct.unpack("<4I", hashlib.md5(container.lower().encode() + b"\0").digest())
    return "".join(f"{word:08x}" for word in words) + "_" + guid


# -- blobs of the metabase ------------------------------------------------------------------


def signed_hash(pair, *hashed_parts):
    """EMSA-PKCS1-v1_5 with MD5, written backwards as the CryptoAPI does."""
    info = MD5_DIGEST_INFO + hashlib.md5(b"".join(hashed_parts)).digest()
    message = b"\0\1" + b"\xff" * (pair.bytes - 3 - len(info)) + b"\0" + info
    return little(pair.private(int.from_bytes(message, "big")), pair.bytes)


def crypto_blob(kind, body):
    return kind + struct.pack("<I", len(body)) + body


def sealed_blob(kind, label, encrypted, signature):
    padding = noise(label + "/padding", 8)[:-len(encrypted) % 8]
    return crypto_blob(kind, struct.pack("<II", len(encrypted), len(signature)) + encrypted + padding + signature)


def wrapped_key(pair, label, key):
    """The little-endian block of a SIMPLEBLOB: 00 02, random bytes without a zero, 00, key."""
    count = pair.bytes - 3 - len(key)
    random = bytes(byte % 255 + 1 for byte in noise(label + "/random", count))
    return little(pair.public(int.from_bytes(b"\0\2" + random + b"\0" + key, "big")), pair.bytes)


def metabase_key(label):
    """The 40-bit RC4 key of a metabase."""
    return noise(label + "/session", 5)


def session_key_blob(label, bits=512, forward=False):
    """IcKb: the session key for the exchange key, signed with the signature key of the same container.

    CryptHashSessionKey hashes the key backwards; `forward` makes the other case.
    """
    key = metabase_key(label)
    encrypted = struct.pack("<BBHII", 1, 2, 0, RC4, RSA_KEYX) + wrapped_key(key_pair(f"{label}/exchange", bits), label, key)
    signature = signed_hash(key_pair(f"{label}/signature", bits), key if forward else key[::-1])
    return sealed_blob(b"IcKb", label, encrypted, signature)


def data_blob(label, clear, bits=512, place=""):
    """IcDb: a property, under the session key with eleven zero bytes of salt."""
    plain = b"\0\0\0\0" + clear
    signature = signed_hash(key_pair(f"{label}/signature", bits), plain)
    return sealed_blob(b"IcDb", label + place, rc4(metabase_key(label) + b"\0" * 11, plain), signature)


def portable_blob(label):
    """A session key under a key made of a password: what a portable backup holds (an inference; no layout is public)."""
    encrypted = struct.pack("<BBHII", 1, 2, 0, RC4, RC4) + noise(label + "/portable", 12)
    return sealed_blob(b"IcKb", label, encrypted, noise(label + "/portable-hash", 16))


PROPERTIES = (("/LM/W3SVC", "IIsWebService", "AnonymousUserPass", utf16("Fm3)x_Kq9!\0")),
              ("/LM/W3SVC", "IIsWebService", "WAMUserPass", utf16("w-7Ruz*21Lp\0")),
              ("/LM/W3SVC/INFO", "IIsWebInfo", "AdminACL", b"\1\0\4\x80" + bytes(range(60))),
              ("/LM/SMTPSVC/1", "IIsSmtpServer", "RoutePassword", utf16("\0")))


def xml(session, properties, computer="GOLDEN", broken_lines=False):
    """MetaBase.xml with the session key and the encrypted properties given as bytes."""
    text = session.hex() if session is not None else None
    if text and broken_lines:
        text = "\r\n\t\t\t".join(text[at:at + 64] for at in range(0, len(text), 64))
    session_line = f'\t\tSessionKey="{text}"\n' if text is not None else ""
    places = {}
    for location, element, name, value in properties:
        places.setdefault((location, element), []).append(f'\t\t{name}="{value.hex()}"\n')
    places.setdefault(("/LM/W3SVC", "IIsWebService"), []).insert(0, f'\t\tAnonymousUserName="IUSR_{computer}"\n')
    body = "".join(f'<{element}\tLocation ="{location}"\n{"".join(lines)}\t>\n</{element}>\n'
                   for (location, element), lines in sorted(places.items()))
    return f"""<?xml version ="1.0"?>
<configuration xmlns="urn:microsoft-catalog:XML_Metabase_V64_0">
<MBProperty>
<IIS_Global	Location ="."
		BINSchemaTimeStamp="b6a3c7e1c67bc301"
		ChangeNumber="17"
		HistoryMajorVersionNumber="3"
{session_line}		XMLSchemaTimeStamp="9a27e1e1c67bc301"
	>
</IIS_Global>
{body}</MBProperty>
</configuration>
""".replace("\n", "\r\n").encode()


def binary(session, properties):
    """Something like MetaBase.bin: UTF-16 names and values between them, at no even place.

    Its tree has no public description, so this stands for the carving only: the words IcKb
    and IcDb also stand in it without being a blob.
    """
    out = noise("metabase.bin", 64) + utf16("LM\0Schema\0Properties\0Names\0")
    out += b"IcKb" + struct.pack("<III", 0xFFFFFFF8, 0xFFFFFFF0, 0xFFFFFFF0) + b"\0" * 5
    if session is not None:
        out += utf16("SessionKey\0") + struct.pack("<III", 9999, 3, len(session)) + session + b"\0\0\0"
    for location, _, name, value in properties:
        out += utf16(f"{location}\0{name}\0") + struct.pack("<II", 2, len(value)) + value + b"\0"
    return out + utf16("about IcDb\0") + b"IcDb" + struct.pack("<III", 200, 10, 64) + b"\0" * 300


def properties_of(label, bits=512):
    return [(location, element, name, data_blob(label, clear, bits, f"{location}/{name}"))
            for location, element, name, clear in PROPERTIES]


def metabase_contents(label, bits, form="encrypted"):
    """(session key, properties) of a metabase: encrypted, portable (under a password), clear, or none at all."""
    if form == "encrypted":
        return session_key_blob(label, bits), properties_of(label, bits)
    if form == "portable":
        return portable_blob(label), []
    if form == "clear":
        return crypto_blob(b"IcCb", b"\0" * 8), [(location, element, name, crypto_blob(b"IcCb", clear))
                                                for location, element, name, clear in PROPERTIES]
    return None, []


def large_metabase(label, count=10_000, size=30_000_000):
    """A metabase of `size` bytes and `count` encrypted properties; every hundredth blob is one of its own."""
    own = [data_blob(label, utf16(f"password {number}\0"), place=str(number)) for number in range(100)]
    filler = "x" * (size // count - 560)
    properties = [(f"/LM/W3SVC/{number}/ROOT", "IIsWebVirtualDir", "UNCPassword", own[number % 100]) for number in range(count)]
    text = xml(session_key_blob(label), properties).decode()
    return text.replace("\t>\r\n</IIsWebVirtualDir>", f'\t\tDefaultDoc="{filler}"\r\n\t>\r\n</IIsWebVirtualDir>').encode()


# -- IIS 7 ----------------------------------------------------------------------------------


def config_session_key(label, bits=1024, algorithm=AES128):
    """sessionKey of a provider: a SIMPLEBLOB for the exchange key of its container, in base64."""
    blob = struct.pack("<BBHII", 1, 2, 0, algorithm, RSA_KEYX)
    blob += wrapped_key(key_pair(f"{label}/exchange", bits), label + "/config", noise(label + "/config-key", KEY_BYTES[algorithm]))
    return base64.b64encode(blob).decode()


def application_host(configuration_label, was_label, encrypted_value=True, sites=False):
    """applicationHost.config with the providers of IIS 7, by default with one encrypted password, on demand with a site."""
    sealed = base64.b64encode(noise(was_label + "/value", 48)).decode()
    user = f' userName="GOLDEN\\shop" password="[enc:IISWASOnlyAesProvider:{sealed}:enc]"' if encrypted_value else ""
    site = """
    <sites>
      <site name="Default Web Site" id="1">
        <application path="/">
          <virtualDirectory path="/" physicalPath="%SystemDrive%\\inetpub\\wwwroot" />
        </application>
      </site>
    </sites>""" if sites else ""
    identity = "SpecificUser" if encrypted_value else "ApplicationPoolIdentity"
    rsa = "Microsoft.ApplicationHost.RsaProtectedConfigurationProvider"
    aes = "Microsoft.ApplicationHost.AesProtectedConfigurationProvider"
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<configuration>
  <configProtectedData>
    <providers>
      <add name="IISWASOnlyRsaProvider" type="{rsa}" description="Uses RsaCryptoServiceProvider to encrypt and decrypt" keyContainerName="iisWasKey" cspProviderName="" useMachineContainer="true" useOAEP="false" />
      <add name="AesProvider" type="{aes}" description="Uses an AES session key to encrypt and decrypt" keyContainerName="iisConfigurationKey" cspProviderName="" useOAEP="false" useMachineContainer="true" sessionKey="{config_session_key(configuration_label)}" />
      <add name="IISWASOnlyAesProvider" type="{aes}" description="Uses an AES session key to encrypt and decrypt" keyContainerName="iisWasKey" cspProviderName="" useOAEP="false" useMachineContainer="true" sessionKey="{config_session_key(was_label)}" />
    </providers>
  </configProtectedData>
  <system.applicationHost>
    <applicationPools>
      <add name="Shop">
        <processModel identityType="{identity}"{user} />
      </add>
    </applicationPools>{site}
  </system.applicationHost>
</configuration>
""".replace("\n", "\r\n").encode()


# -- whole chains ---------------------------------------------------------------------------


class Chain:
    """The files of one chain and what must be found in them."""

    def __init__(self, name):
        self.generation, self.files = GENERATIONS[name], {}
        self.system = System(f"chain/{name}", self.generation)
        self.machine_guid = guid_of(f"chain/{name}/machine-guid")
        self.manifest = {
            "about": "Synthetic; written by scripts/key_chain.py, which says how. Nothing here comes from a real machine.",
            "generation": name, "machine_guid": self.machine_guid, "lsa": self.generation.lsa, "blob_type": self.generation.blob_type,
            "hives": {"system": "config/SYSTEM", "security": "config/SECURITY", "control_set": 1},
            "secrets": {"boot_key": self.system.boot_key.hex(), "lsa_key": self.system.lsa_key.hex(),
                        "machine": self.system.machine.hex(), "user": self.system.user.hex()},
            "master_keys": [], "key_files": [], "metabases": []}

    def hives(self):
        minor = 3 if self.generation.lsa == "nt5" else 5
        for name, lines in (("SYSTEM", "[Select]\n\"Current\"=dword:00000001\n" + self.system.system_recipe()),
                            ("SECURITY", self.system.security_recipe())):
            hive = regf.parse_recipe(lines, regf.Hive(name, minor, written="2003-07-01T08:00:00Z"))
            self.files[f"config/{name}"] = hive.primary()

    def master_key(self, guid, half="machine", present=True):
        path = f"Protect/S-1-5-18/{'User/' if half == 'user' else ''}{guid}"
        if present:
            self.files[path] = master_key_file(self.system, guid, half)
            self.files[os.path.dirname(path) + "/Preferred"] = preferred(guid)
        self.manifest["master_keys"].append({
            "guid": guid, "path": path if present else None, "half": half, "present": present, "rounds": self.generation.rounds,
            "key": master_key(guid).hex()})
        return guid

    def key_file(self, label, container, guid, master, pairs=("signature", "exchange"), opens=True):
        name = key_file_name(container, guid)
        self.files[f"MachineKeys/{name}"] = key_file(self.generation, container, label, master, pairs)
        moduli = {}
        for kind in pairs:
            pair = key_pair(f"{label}/{kind}", self.generation.bits)
            moduli[kind] = {"bits": pair.bits, "exponent": pair.e, "modulus": f"{pair.n:x}", "modulus_sha256": sha256_of(pair.n)}
        self.manifest["key_files"].append({
            "path": f"MachineKeys/{name}", "name": name, "container": container, "guid": guid, "label": label, "master_key": master,
            "named_for_machine_guid": guid == self.machine_guid, "private_key_opens": opens, "pairs": moduli})
        return name

    def metabase(self, path, kind, session, properties, paired_with, verdict, live=False, session_text=None):
        make = {"xml": xml, "bin": binary}[kind]
        self.files[path] = session_text or make(session, properties)
        self.manifest["metabases"].append({
            "path": path, "kind": kind, "live": live, "verdict": verdict, "paired_with": paired_with,
            "session_key_blobs": int(session is not None), "data_blobs": len(properties)})

    def write(self, folder):
        files = dict(self.files)
        files["manifest.json"] = (json.dumps(self.manifest, indent=2, sort_keys=True) + "\n").encode()
        write_files(folder, files)


def write_files(folder, files):
    for path, data in files.items():
        place = os.path.join(folder, *path.split("/"))
        os.makedirs(os.path.dirname(place), exist_ok=True)
        with open(place, "wb") as out:
            out.write(data)


def generation_chain(name):
    """One machine: the key file named for it, a foreign one, one without its master key, and all forms of metabase."""
    chain, bits = Chain(name), GENERATIONS[name].bits
    own, old, foreign, lost = (f"chain/{name}/{part}" for part in ("own", "old", "foreign", "lost"))
    chain.hives()
    master = chain.master_key(guid_of(own + "/master"))
    chain.master_key(guid_of(own + "/user-master"), "user")
    absent = chain.master_key(guid_of(lost + "/master"), present=False)
    mine = chain.key_file(own, IIS_CONTAINER, chain.machine_guid, master)
    earlier = chain.key_file(old, IIS_CONTAINER, guid_of(old), master)
    chain.key_file(foreign, IIS_CONTAINER, guid_of(foreign), master)
    sealed = chain.key_file(lost, IIS_CONTAINER, guid_of(lost), absent, opens=False)
    chain.key_file(own + "/dcom", DCOM_CONTAINER, chain.machine_guid, master, pairs=("exchange",))
    chain.manifest["session_key"] = metabase_key(own).hex()
    chain.manifest["properties"] = [{"location": location, "name": key, "clear": clear.hex()} for location, _, key, clear in PROPERTIES]
    kind = "bin" if name == "w2k" else "xml"
    live, copy = ("MetaBase.bin", "MetaBack/backup.MD0") if kind == "bin" else ("MetaBase.xml", "History/MetaBase_0000000017_0000000000.xml")
    session = session_key_blob(own, bits, forward=name == "vista")
    properties = properties_of(own, bits)
    chain.metabase(live, kind, session, properties, [mine], "paired", live=True)
    chain.metabase(copy, kind, *metabase_contents(old, bits), [earlier], "paired")
    chain.metabase("MetaBack/lost.MD0", kind, *metabase_contents(lost, bits), [sealed], "paired")
    chain.metabase("MetaBack/stranger.MD0", kind, *metabase_contents(f"chain/{name}/stranger", bits), [], "not_paired")
    for form, verdict in (("portable", "portable"), ("clear", "clear_text"), ("none", "no_blob")):
        chain.metabase(f"MetaBack/{form}.MD0", kind, *metabase_contents(own, bits, form), [], verdict)
    if kind == "xml":
        chain.metabase("History/MetaBase_0000000016_0000000000.xml", kind, session, properties, [mine], "paired",
                       session_text=xml(session, properties, broken_lines=True))
    if name == "vista":
        configuration, was = f"chain/{name}/configuration", f"chain/{name}/was"
        for label, container in ((configuration, "iisConfigurationKey"), (was, "iisWasKey")):
            chain.key_file(label, container, chain.machine_guid, master, pairs=("exchange",))
        chain.files["applicationHost.config"] = application_host(configuration, was)
        chain.manifest["application_host"] = {
            "path": "applicationHost.config", "encrypted_values": 1,
            "session_keys": [{"provider": "AesProvider", "container": "iisConfigurationKey", "algorithm": AES128, "bits": bits},
                             {"provider": "IISWASOnlyAesProvider", "container": "iisWasKey", "algorithm": AES128, "bits": bits}]}
    return chain


SIZES = (512, 768, 1024, 1536, 2048, 3072, 4096)


def sizes(folder):
    """Key files of all sizes of modulus, each with the session key blob that it signed."""
    generation, files, entries = GENERATIONS["xp"], {}, []
    for bits in SIZES:
        label = f"sizes/{bits}"
        files[f"{bits}.key"] = key_file(generation, IIS_CONTAINER, label, guid_of("sizes/master"), bits=bits)
        files[f"{bits}.ickb"] = session_key_blob(label, bits)
        pair = key_pair(f"{label}/signature", bits)
        entries.append({"bits": bits, "key_file": f"{bits}.key", "session_key_blob": f"{bits}.ickb", "modulus_sha256": sha256_of(pair.n)})
    files["manifest.json"] = (json.dumps({"sizes": entries}, indent=2, sort_keys=True) + "\n").encode()
    write_files(folder, files)


MAKERS = {name: (lambda folder, name=name: generation_chain(name).write(folder)) for name in GENERATIONS} | {"sizes": sizes}


def equal(first, second):
    """Whether two folders hold the same files."""
    def contents(folder):
        found = {}
        for place, _, names in os.walk(folder):
            for name in names:
                with open(os.path.join(place, name), "rb") as file:
                    found[os.path.relpath(os.path.join(place, name), folder)] = file.read()
        return found
    return contents(first) == contents(second)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="chains to make; all if none is named", metavar="NAME")
    parser.add_argument("--out", default=KEYS, help="folder to write below")
    parser.add_argument("--check", action="store_true", help="compare with what is there and write nothing")
    parser.add_argument("--large", metavar="FILE", help="write only the large metabase, for the first key of `sizes`")
    given = parser.parse_args()
    if given.large:
        with open(given.large, "wb") as out:
            out.write(large_metabase("sizes/512"))
        return 0
    wrong = 0
    if unknown := set(given.names) - set(MAKERS):
        parser.error(f"no such chain: {', '.join(sorted(unknown))}; there are {', '.join(MAKERS)}")
    for name in given.names or MAKERS:
        with tempfile.TemporaryDirectory(prefix="goldseal-keys-") as work:
            MAKERS[name](work)
            target = os.path.join(given.out, name)
            if given.check:
                same = equal(work, target)
                wrong += not same
                print(f"{name}: " + ("as it is there" if same else "differs from what is there"))
                continue
            shutil.rmtree(target, ignore_errors=True)
            shutil.copytree(work, target)
            print(f"{name}: {target}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
