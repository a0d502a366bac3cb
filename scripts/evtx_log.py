#!/usr/bin/env python3
"""Writes event logs of Vista and later (.evtx) from plain values, from the format alone.

Specification: libevtx, "Windows XML Event Log (EVTX) format": file header, chunks of 64 KiB with their checksums, records
of binary XML. The XML is written without templates, every name in its first place, as the format allows; Windows itself
writes templates. libevtx (pyevtx 20260705) reads the XML as it was meant. Run as a program it writes one log of three events:

    evtx_log.py FILE
"""

import struct
import sys
import zlib

import regf

CHUNK = 65536
HEADER = 4096


class Fragment:
    """Binary XML at a place of a chunk; names that were written before are referred to."""

    def __init__(self, offset, names):
        self.offset, self.names, self.data = offset, names, bytearray()

    def here(self):
        return self.offset + len(self.data)

    def name(self, text):
        known = self.names.get(text)
        place = known if known is not None else self.here() + 4
        self.data += struct.pack("<I", place)
        if known is None:
            self.names[text] = place
            value = 0
            for character in text:
                value = (value * 65599 + ord(character)) & 0xFFFFFFFF
            self.data += struct.pack("<IHH", 0, value & 0xFFFF, len(text)) + regf.utf16(text) + b"\0\0"

    def value(self, text):
        self.data += struct.pack("<BBH", 5, 1, len(text)) + regf.utf16(text)

    def element(self, name, attributes=(), content=()):
        """`content` is a text, or a list of elements as (name, attributes, content)."""
        # The dependency identifier is for templates only.
        self.data.append(0x41 if attributes else 0x01)
        at_size = len(self.data)
        self.data += b"\0\0\0\0"
        self.name(name)
        if attributes:
            at_list = len(self.data)
            self.data += b"\0\0\0\0"
            for number, (key, text) in enumerate(attributes):
                self.data.append(0x06 if number == len(attributes) - 1 else 0x46)
                self.name(key)
                self.value(text)
            struct.pack_into("<I", self.data, at_list, len(self.data) - at_list - 4)
        if not content:
            self.data.append(0x03)
        else:
            self.data.append(0x02)
            if isinstance(content, str):
                self.value(content)
            else:
                for child in content:
                    self.element(*child)
            self.data.append(0x04)
        struct.pack_into("<I", self.data, at_size, len(self.data) - at_size - 4)


def event(number, spec, computer, channel):
    """The elements of one event; `spec` has time, source, id, level and strings (a list, or a table of names)."""
    strings = spec.get("strings", [])
    named = list(strings.items()) if isinstance(strings, dict) else [(None, text) for text in strings]
    data = [("Data", [("Name", name)] if name else [], text) for name, text in named]
    if "data" in spec:
        data.append(("Binary", [], spec["data"].upper()))
    provider = [("Name", spec["source"])]
    if "event_source" in spec:
        provider.append(("EventSourceName", spec["event_source"]))
    system = [
        ("Provider", provider, ()),
        ("EventID", [("Qualifiers", str(spec.get("qualifiers", 49152)))], str(spec["id"])),
        ("Level", [], str(spec.get("level", 2))),
        ("TimeCreated", [("SystemTime", spec["time"].replace("Z", ".0000000Z"))], ()),
        ("EventRecordID", [], str(number)),
        ("Channel", [], channel),
        ("Computer", [], spec.get("computer", computer)),
    ]
    namespace = [("xmlns", "http://schemas.microsoft.com/win/2004/08/events/event")]
    return "Event", namespace, [("System", [], system)] + ([("EventData", [], data)] if data else [])


def log(events, computer="GOLDEN", channel="System"):
    """The bytes of a log of one chunk."""
    body, names, last = bytearray(), {}, 0
    for number, spec in enumerate(events, 1):
        last = 512 + len(body)
        xml = Fragment(last + 24, names)
        xml.data += b"\x0f\x01\x01\x00"
        xml.element(*event(number, spec, computer, channel))
        xml.data.append(0)
        size = 24 + len(xml.data) + 4
        body += struct.pack("<IIQQ", 0x2A2A, size, number, regf.filetime(spec["time"])) + xml.data + struct.pack("<I", size)
    if 512 + len(body) > CHUNK:
        raise ValueError("the events do not fit into one chunk")
    count, free = len(events), 512 + len(body)
    head = bytearray(512)
    struct.pack_into("<8sQQQQIIII", head, 0, b"ElfChnk\0", 1, count, 1, count, 128, last, free, zlib.crc32(bytes(body)))
    struct.pack_into("<I", head, 124, zlib.crc32(bytes(head[:120]) + bytes(head[128:])))
    first = bytearray(HEADER)
    struct.pack_into("<8sQQQIHHHH", first, 0, b"ElfFile\0", 0, 0, count + 1, 128, 1, 3, HEADER, 1)
    struct.pack_into("<I", first, 124, zlib.crc32(bytes(first[:120])))
    return bytes(first) + (bytes(head) + bytes(body)).ljust(CHUNK, b"\0")


def main():
    events = [
        {"time": "2021-06-15T12:00:00Z", "source": "EventLog", "id": 6005, "level": 4, "qualifiers": 32768},
        {"time": "2021-06-15T12:01:00Z", "source": "Service Control Manager", "id": 7024,
         "strings": {"param1": "IIS Admin Service", "param2": "%%2148073478"}},
        {"time": "2021-06-15T12:02:00Z", "source": "W3SVC", "id": 116, "strings": ["/LM/W3SVC/"], "data": "03000000"},
    ]
    with open(sys.argv[1], "wb") as file:
        file.write(log(events))


if __name__ == "__main__":
    main()
