#!/usr/bin/python3
"""Ciphers, hashes and RSA keys for synthetic key material, in plain Python.

Written from FIPS 46-3 (DES), FIPS 197 (AES) and the CryptoAPI documentation, without a
cryptographic library: the program has its ciphers from one library, the outside check
(check_key_chain.py) from another, and this is a third. Slow, and not safe against anybody
who watches: nothing here may guard a real secret.

    scripts/ciphers.py --self-test    published vectors of DES, AES and RC4
"""

import argparse
import functools
import hashlib
import hmac
import math
import struct
import sys

DES, DES3, AES128, AES256, RC4 = 0x6601, 0x6603, 0x660E, 0x6610, 0x6801
RSA_KEYX = 0xA400
MD5, SHA1, HMAC, SHA512 = 0x8003, 0x8004, 0x8009, 0x800E
HASHES = {MD5: "md5", SHA1: "sha1", HMAC: "sha1", SHA512: "sha512"}
KEY_BYTES = {DES3: 24, AES128: 16, AES256: 32}
BLOCK_BYTES = {DES: 8, DES3: 8, AES128: 16, AES256: 16}


def noise(label, length):
    """Bytes that look random and depend on the label only."""
    out = b""
    while len(out) < length:
        out += hashlib.sha256(f"{label}/{len(out)}".encode()).digest()
    return out[:length]


def exclusive_or(first, second):
    return bytes(one ^ other for one, other in zip(first, second))


# -- DES (FIPS 46-3) ------------------------------------------------------------------------

IP = [start - 8 * step for start in (58, 60, 62, 64, 57, 59, 61, 63) for step in range(8)]
FP = [IP.index(bit + 1) + 1 for bit in range(64)]
EXPANSION = [(4 * (bit // 6) + bit % 6 - 1) % 32 + 1 for bit in range(48)]
ROUND_END = [16, 7, 20, 21, 29, 12, 28, 17, 1, 15, 23, 26, 5, 18, 31, 10, 2, 8, 24, 14, 32, 27, 3, 9, 19, 13, 30, 6, 22, 11, 4, 25]
CHOICE_1 = [57, 49, 41, 33, 25, 17, 9, 1, 58, 50, 42, 34, 26, 18, 10, 2, 59, 51, 43, 35, 27, 19, 11, 3, 60, 52, 44, 36,
            63, 55, 47, 39, 31, 23, 15, 7, 62, 54, 46, 38, 30, 22, 14, 6, 61, 53, 45, 37, 29, 21, 13, 5, 28, 20, 12, 4]
CHOICE_2 = [14, 17, 11, 24, 1, 5, 3, 28, 15, 6, 21, 10, 23, 19, 12, 4, 26, 8, 16, 7, 27, 20, 13, 2,
            41, 52, 31, 37, 47, 55, 30, 40, 51, 45, 33, 48, 44, 49, 39, 56, 34, 53, 46, 42, 50, 36, 29, 32]
SHIFTS = [1, 1, 2, 2, 2, 2, 2, 2, 1, 2, 2, 2, 2, 2, 2, 1]
BOXES = [[int(digit, 16) for digit in box] for box in (
    "e4d12fb83a6c5907" "0f74e2d1a6cb9538" "41e8d62bfc973a50" "fc8249175b3ea06d",
    "f18e6b34972dc05a" "3d47f28ec01a69b5" "0e7ba4d158c6932f" "d8a13f42b67c05e9",
    "a09e63f51dc7b428" "d709346a285ecbf1" "d6498f30b12c5ae7" "1ad069874fe3b52c",
    "7de3069a1285bc4f" "d8b56f03472c1ae9" "a690cb7df13e5284" "3f06a1d8945bc72e",
    "2c417ab6853fd0e9" "eb2c47d150fa3986" "421bad78f9c5630e" "b8c71e2d6f09a453",
    "c1af92680d34e75b" "af427c9561de0b38" "9ef528c3704a1db6" "432c95fabe17608d",
    "4b2ef08d3c975a61" "d0b7491ae35c2f86" "14bdc37eaf680592" "6bd814a7950fe23c",
    "d2846fb1a93e50c7" "1fd8a374c56b0e92" "7b419ce206adf358" "21e74a8dfc90356b")]


def permuted(value, width, table):
    out = 0
    for bit in table:
        out = out << 1 | value >> width - bit & 1
    return out


@functools.lru_cache(maxsize=256)
def des_schedule(key):
    halves = permuted(int.from_bytes(key, "big"), 64, CHOICE_1)
    left, right, rounds = halves >> 28, halves & 0xFFFFFFF, []
    for shift in SHIFTS:
        left = (left << shift | left >> 28 - shift) & 0xFFFFFFF
        right = (right << shift | right >> 28 - shift) & 0xFFFFFFF
        rounds.append(permuted(left << 28 | right, 56, CHOICE_2))
    return rounds


def des_block(key, block, decrypt=False):
    state = permuted(int.from_bytes(block, "big"), 64, IP)
    left, right = state >> 32, state & 0xFFFFFFFF
    schedule = des_schedule(bytes(key))
    for round_key in reversed(schedule) if decrypt else schedule:
        mixed, out = permuted(right, 32, EXPANSION) ^ round_key, 0
        for number, box in enumerate(BOXES):
            six = mixed >> 42 - 6 * number & 0x3F
            out = out << 4 | box[(six >> 4 & 2 | six & 1) * 16 + (six >> 1 & 15)]
        left, right = right, left ^ permuted(out, 32, ROUND_END)
    return permuted(right << 32 | left, 64, FP).to_bytes(8, "big")


def des3_block(key, block, decrypt=False):
    keys = [key[at:at + 8] for at in (0, 8, 16)]
    for number, part in enumerate(reversed(keys) if decrypt else keys):
        block = des_block(part, block, decrypt != (number == 1))
    return block


def odd_parity(key):
    return bytes(byte & 0xFE | bin(byte >> 1).count("1") + 1 & 1 for byte in key)


# -- AES (FIPS 197) -------------------------------------------------------------------------


def doubled(byte):
    return byte << 1 ^ (0x11B if byte & 0x80 else 0)


def times(first, second):
    out = 0
    while second:
        out ^= first if second & 1 else 0
        first, second = doubled(first), second >> 1
    return out


def aes_box():
    box, value, inverse = [0x63] * 256, 1, 1
    for _ in range(255):
        # 3 generates the field; 0xf6 is its inverse.
        value, inverse = times(value, 3), times(inverse, 0xF6)
        turned = inverse
        for shift in range(1, 5):
            turned ^= (inverse << shift | inverse >> 8 - shift) & 0xFF
        box[value] = turned ^ 0x63
    return box


BOX = aes_box()
BOX_BACK = [BOX.index(byte) for byte in range(256)]


@functools.lru_cache(maxsize=64)
def aes_schedule(key):
    words, length, constant = [list(key[at:at + 4]) for at in range(0, len(key), 4)], len(key) // 4, 1
    while len(words) < 4 * (length + 7):
        word = words[-1]
        if len(words) % length == 0:
            word = [BOX[byte] for byte in word[1:] + word[:1]]
            word[0] ^= constant
            constant = doubled(constant)
        elif length > 6 and len(words) % length == 4:
            word = [BOX[byte] for byte in word]
        words.append([one ^ other for one, other in zip(words[-length], word)])
    return [sum(words[at:at + 4], []) for at in range(0, len(words), 4)]


MIX = {2: [times(byte, 2) for byte in range(256)], 3: [times(byte, 3) for byte in range(256)],
       9: [times(byte, 9) for byte in range(256)], 11: [times(byte, 11) for byte in range(256)],
       13: [times(byte, 13) for byte in range(256)], 14: [times(byte, 14) for byte in range(256)], 1: list(range(256))}


def mixed_columns(state, row):
    out = []
    for at in range(0, 16, 4):
        for turn in range(4):
            byte = 0
            for number in range(4):
                byte ^= MIX[row[(number - turn) % 4]][state[at + number]]
            out.append(byte)
    return out


def aes_block(key, block, decrypt=False):
    schedule = aes_schedule(bytes(key))
    if decrypt:
        state = [one ^ other for one, other in zip(block, schedule[-1])]
        for number in range(len(schedule) - 2, -1, -1):
            state = [BOX_BACK[state[(at - 4 * (at % 4)) % 16]] for at in range(16)]
            state = [one ^ other for one, other in zip(state, schedule[number])]
            if number:
                state = mixed_columns(state, [14, 11, 13, 9])
        return bytes(state)
    state = [one ^ other for one, other in zip(block, schedule[0])]
    for number, round_key in enumerate(schedule[1:], 1):
        state = [BOX[state[(at + 4 * (at % 4)) % 16]] for at in range(16)]
        if number < len(schedule) - 1:
            state = mixed_columns(state, [2, 3, 1, 1])
        state = [one ^ other for one, other in zip(state, round_key)]
    return bytes(state)


# -- modes, RC4 -----------------------------------------------------------------------------


def block_cipher(algorithm):
    return {DES: des_block, DES3: des3_block, AES128: aes_block, AES256: aes_block}[algorithm]


def cbc_encrypt(algorithm, key, data, iv=None):
    """CBC without padding: `data` has whole blocks."""
    size, cipher = BLOCK_BYTES[algorithm], block_cipher(algorithm)
    last, out = iv or b"\0" * size, b""
    for at in range(0, len(data), size):
        last = cipher(key, exclusive_or(data[at:at + size], last))
        out += last
    return out


def padded(data, size):
    """PKCS#7."""
    count = size - len(data) % size
    return data + bytes([count]) * count


def ecb_encrypt(algorithm, key, data):
    size, cipher = BLOCK_BYTES[algorithm], block_cipher(algorithm)
    return b"".join(cipher(key, data[at:at + size]) for at in range(0, len(data), size))


def rc4(key, data):
    state, at = list(range(256)), 0
    for number in range(256):
        at = (at + state[number] + key[number % len(key)]) & 0xFF
        state[number], state[at] = state[at], state[number]
    out, at = bytearray(), 0
    for number, byte in enumerate(data, 1):
        first = number & 0xFF
        at = (at + state[first]) & 0xFF
        state[first], state[at] = state[at], state[first]
        out.append(byte ^ state[(state[first] + state[at]) & 0xFF])
    return bytes(out)


def mac(algorithm, key, *parts):
    return hmac.new(key, b"".join(parts), HASHES[algorithm]).digest()


def hashed(algorithm, *parts):
    return hashlib.new(HASHES[algorithm], b"".join(parts)).digest()


# -- RSA ------------------------------------------------------------------------------------

SMALL_PRIMES = math.prod(number for number in range(3, 2000, 2) if all(number % part for part in range(3, 45, 2) if part < number))


def prime(label, bits):
    """The first prime at or above a number made from the label."""
    candidate = int.from_bytes(noise(label, bits // 8), "big") | 1 << bits - 1 | 1 << bits - 2 | 1
    while math.gcd(candidate, SMALL_PRIMES) != 1 or pow(2, candidate - 1, candidate) != 1 or pow(3, candidate - 1, candidate) != 1:
        candidate += 2
    return candidate


class KeyPair:
    """An RSA key pair; the same label and size give the same numbers."""

    def __init__(self, label, bits):
        self.bits, self.bytes, self.e, count = bits, bits // 8, 65537, 0
        while True:
            self.p, self.q = prime(f"{label}/p{count}", bits // 2), prime(f"{label}/q{count}", bits // 2)
            phi = (self.p - 1) * (self.q - 1)
            if self.p != self.q and phi % self.e:
                break
            count += 1
        self.n, self.d = self.p * self.q, pow(self.e, -1, phi)

    def public(self, message):
        return pow(message, self.e, self.n)

    def private(self, message):
        return pow(message, self.d, self.n)


@functools.lru_cache(maxsize=None)
def key_pair(label, bits=512):
    return KeyPair(label, bits)


# -- self-test ------------------------------------------------------------------------------


def self_test():
    """Vectors of FIPS 46-3 practice (the example of J. Orlin Grabbe), FIPS 197 appendix C and RFC 6229."""
    block = bytes.fromhex("0123456789abcdef")
    key = bytes.fromhex("133457799bbcdff1")
    vectors = [
        (des_block(key, block), "85e813540f0ab405"),
        (des_block(key, bytes.fromhex("85e813540f0ab405"), True), "0123456789abcdef"),
        (des3_block(key * 3, block), "85e813540f0ab405"),
        (aes_block(bytes(range(16)), bytes.fromhex("00112233445566778899aabbccddeeff")), "69c4e0d86a7b0430d8cdb78070b4c55a"),
        (aes_block(bytes(range(32)), bytes.fromhex("00112233445566778899aabbccddeeff")), "8ea2b7ca516745bfeafc49904b496089"),
        (aes_block(bytes(range(32)), bytes.fromhex("8ea2b7ca516745bfeafc49904b496089"), True), "00112233445566778899aabbccddeeff"),
        (rc4(bytes.fromhex("0102030405"), b"\0" * 16), "b2396305f03dc027ccc3524a0a1118a8"),
    ]
    for number, (found, expected) in enumerate(vectors):
        if found.hex() != expected:
            raise SystemExit(f"self-test failed: vector {number} should be {expected}, is {found.hex()}")
    print("self-test: published vectors hold")
    return 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--self-test", action="store_true", help="compare with published vectors and end")
    return self_test() if parser.parse_args().self_test else 0


if __name__ == "__main__":
    sys.exit(main())
