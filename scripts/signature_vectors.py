#!/usr/bin/env python3
"""Writes testdata/proof/signatures.json: RSA keys and signatures over MD5 digests, made by openssl.

Usage: signature_vectors.py FILE

Each entry has the modulus and the signature as hexadecimal numbers, most significant digit first, and the digest that was
signed. The keys are new on every run; the file in testdata is one run's, and nothing secret hangs on it.
"""

import hashlib
import json
import subprocess
import sys
import tempfile
from pathlib import Path

KEYS = [(512, 65537), (512, 3), (768, 65537), (1024, 65537), (2048, 65537), (4096, 65537), (520, 65537)]


def openssl(*arguments, data=b""):
    return subprocess.run(["openssl", *arguments], input=data, check=True, capture_output=True).stdout


def vector(folder, bits, exponent):
    key = folder / f"{bits}-{exponent}.pem"
    openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", f"rsa_keygen_bits:{bits}",
            "-pkeyopt", f"rsa_keygen_pubexp:{exponent}", "-out", str(key))
    message = f"signed with {bits} bits".encode()
    modulus = openssl("rsa", "-in", str(key), "-noout", "-modulus").decode().strip().split("=")[1]
    signature = openssl("dgst", "-md5", "-sign", str(key), data=message)
    return {
        "bits": bits,
        "exponent": exponent,
        "modulus": modulus.lower(),
        "signature": signature.hex(),
        "sha256_signature": openssl("dgst", "-sha256", "-sign", str(key), data=message).hex() if bits > 520 else None,
        "md5": hashlib.md5(message).hexdigest(),
    }


def main():
    with tempfile.TemporaryDirectory() as folder:
        vectors = [vector(Path(folder), bits, exponent) for bits, exponent in KEYS]
    Path(sys.argv[1]).write_text(json.dumps(vectors, indent=1) + "\n")


main()
