#!/usr/bin/env python3
"""Writes the event logs (.evt) of testdata/event_logs, from the format alone.

Specification: Windows SDK, EVENTLOGRECORD; libevt, "Windows Event Log (EVT) format". No code of the program is used, so
the files test its reader from outside. Each file is one case:

  kb884872_system.evt   the failure of KB884872: W3SVC 116, SCM 7023 with code 3, SCM 7024 with 0x80090006
  clone_application.evt MSDTC removed and installed twice, met its double (4101), COM+ 4440
  wrapped.evt           a ring: the oldest record reaches over the end of the file, the rest are behind the header
  dirty.evt             the same records as kb884872_system.evt, never closed: the header is stale
  lying.evt             a record whose string count is too high, one whose data lies outside, one cut off
  german_system.evt     SCM 7024 with the German name of the service and the signed code
  empty.evt             a log that was cleared: a header, an end mark, no record
  clock_system.evt      W3SVC 116 with code 5, IIS Admin 7024 twice: the second in 1980, then a time in 2005 again
  msdtc_application.evt MSDTC met its double and was installed anew; removed and installed a year apart; removed, and
                        installed after the clock was set back; its log was lost (4163), then it started (4097)

Usage: make_event_logs.py FOLDER
"""

import struct
import sys
from pathlib import Path

HEADER = 48
ERROR, WARNING, INFORMATION = 1, 2, 4
START = 1_109_664_000  # 2005-03-01 08:00:00 UTC


def text(value):
    return value.encode("utf-16-le") + b"\0\0"


def record(number, seconds, source, event_id, strings=(), data=b"", kind=ERROR, computer="GOLDEN", count=None,
           data_offset=None, sid=b"", aligned=True):
    """One record with its length at both ends, padded to four bytes. Windows aligns only a SID; libevt reads the data of a
    record only if no gap lies between names and strings."""
    names = text(source) + text(computer)
    if aligned or sid:
        names += b"\0" * (-len(names) % 4)
    sid_offset = 56 + len(names)
    names += sid
    string_offset = 56 + len(names)
    body = b"".join(text(string) for string in strings)
    at_data = string_offset + len(body)
    tail = body + data
    tail += b"\0" * (-(string_offset + len(tail)) % 4)
    length = string_offset + len(tail) + 4
    fixed = struct.pack(
        "<I4sIIIIHHHHIIIIII", length, b"LfLe", number, seconds, seconds, event_id, kind,
        len(strings) if count is None else count, 0, 0, 0, string_offset, len(sid), sid_offset, len(data),
        at_data if data_offset is None else data_offset)
    return fixed + names + tail + struct.pack("<I", length)


def tight(*values, **named):
    """A record without a gap, as Windows writes it."""
    return record(*values, aligned=False, **named)


def end_mark(begin, end, current, oldest):
    return struct.pack("<10I", 0x28, 0x11111111, 0x22222222, 0x33333333, 0x44444444, begin, end, current, oldest, 0x28)


def header(begin, end, current, oldest, size, flags):
    return struct.pack("<I4s10I", HEADER, b"LfLe", 1, 1, begin, end, current, oldest, size, flags, 0, HEADER)


def plain(records, dirty=False):
    """A log that never wrapped."""
    body = b"".join(records)
    end, current = HEADER + len(body), len(records) + 1
    mark = end_mark(HEADER, end, current, 1)
    size = end + len(mark)
    size += -size % 4096
    first = header(HEADER, HEADER, 1, 0, size, 1) if dirty else header(HEADER, end, current, 1, size, 0)
    return (first + body + mark).ljust(size, b"\0")


def wrapped():
    """Record 3 is the oldest; record 5 begins before the end of the file and ends behind the header."""
    old = [tight(n, START + n, "EventLog", 0x80000000 | 6005, kind=INFORMATION) for n in (3, 4)]
    over = tight(5, START + 5, "Service Control Manager", 0xC0000000 | 7000, ["Psysdup2", "%%2"])
    new = tight(6, START + 6, "EventLog", 0x80000000 | 6006, kind=INFORMATION)
    cut = len(over) - 40
    rest = over[cut:]
    end = HEADER + len(rest) + len(new)
    gap = b"\0" * 64
    begin = end + 40 + len(gap)
    size = begin + sum(map(len, old)) + cut
    mark = end_mark(begin, end, 7, 3)
    return header(begin, end, 7, 3, size, 2) + rest + new + mark + gap + b"".join(old) + over[:cut]


def kb884872():
    scm = "Service Control Manager"
    return [
        tight(1, START, "EventLog", 0x80000000 | 6009, ["5.00.", "2195", "Service Pack 4", "Uniprocessor Free"],
               kind=INFORMATION),
        tight(2, START, "EventLog", 0x80000000 | 6005, kind=INFORMATION),
        tight(3, START + 60, "W3SVC", 0xC0000000 | 116, ["/LM/W3SVC/"], struct.pack("<I", 3)),
        tight(4, START + 60, "SMTPSVC", 0xC0000000 | 116, ["/LM/SMTPSVC/"], struct.pack("<I", 3)),
        tight(5, START + 61, scm, 0xC0000000 | 7023, ["World Wide Web Publishing Service", "%%3"]),
        tight(6, START + 62, scm, 0xC0000000 | 7024, ["IIS Admin Service", "2148073478 (0x80090006)"]),
        tight(7, START + 63, scm, 0xC0000000 | 7001,
               ["World Wide Web Publishing Service", "IIS Admin Service", "%%1066"]),
        tight(8, START + 64, scm, 0xC0000000 | 7023, ["Windows Time", "%%3"]),
        tight(9, START + 90, "EventLog", 0x80000000 | 6011, ["GOLDEN", "CLONE1"], kind=INFORMATION, computer="CLONE1"),
        tight(10, START + 91, "NtServicePack", 0x40000000 | 4377, ["Windows 2000", "KB884872"], kind=INFORMATION,
               computer="CLONE1"),
    ]


def clone_application():
    events = [("MSDTC", 0x40000000 | 4105), ("MSDTC", 0x40000000 | 4104), ("MSDTC Client 2", 0xC0000000 | 4104),
              ("MSDTC", 0x40000000 | 4105), ("MSDTC", 0x40000000 | 4104), ("MSDTC Client", 0xC0000000 | 4101),
              ("COM+", 0x80000000 | 4440)]
    return [tight(n, START + n, source, event_id, kind=INFORMATION)
            for n, (source, event_id) in enumerate(events, 1)]


def clock():
    scm = "Service Control Manager"
    iis = ["IIS Admin Service", "2148073478"]
    return [
        tight(1, START, "EventLog", 0x80000000 | 6005, kind=INFORMATION),
        tight(2, START + 60, "W3SVC", 0xC0000000 | 116, ["/LM/W3SVC/"], struct.pack("<I", 5)),
        tight(3, START + 62, scm, 0xC0000000 | 7024, iis),
        tight(4, 315_532_860, scm, 0xC0000000 | 7024, iis),
        tight(5, START + 90, "EventLog", 0x80000000 | 6006, kind=INFORMATION),
    ]


def msdtc():
    removed, installed, year = 0x40000000 | 4105, 0x40000000 | 4104, 365 * 86_400
    events = [
        (START, "MSDTC Client", 0xC0000000 | 4101), (START + 60, "MSDTC", removed), (START + 130, "MSDTC", installed),
        (START + year, "MSDTC", removed), (START + 2 * year, "MSDTC", installed),
        (START + 2 * year + 60, "MSDTC", removed), (1_009_843_240, "MSDTC", installed),
        (START + 3 * year, "MSDTC", 0xC0000000 | 4163), (START + 3 * year + 5, "MSDTC", 0x40000000 | 4097),
    ]
    return [tight(n, seconds, source, event_id, kind=ERROR if event_id & 0x80000000 else INFORMATION)
            for n, (seconds, source, event_id) in enumerate(events, 1)]


def empty():
    size = 4096
    mark = end_mark(HEADER, HEADER, 1, 0)
    return (header(HEADER, HEADER, 1, 0, size, 0) + mark).ljust(size, b"\0")


def lying():
    good = tight(1, START, "EventLog", 0x80000000 | 6005, kind=INFORMATION)
    many = tight(2, START + 1, "Service Control Manager", 7000, ["W3SVC", "%%2"], count=60_000)
    away = tight(3, START + 2, "W3SVC", 116, ["/LM/W3SVC/"], b"\3\0\0\0", data_offset=0xFFFFFFF0)
    cut = tight(4, START + 3, "W3SVC", 116, ["/LM/W3SVC/"], b"\3\0\0\0")[:-8]
    return plain([good, many, away, cut])


def main():
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    german = [tight(1, START, "Service Control Manager", 0xC0000000 | 7024,
                     ["IIS-Verwaltungsdienst", "%%-2146893818"], computer="VORLAGE")]
    files = {
        "kb884872_system.evt": plain(kb884872()),
        "clone_application.evt": plain(clone_application()),
        "wrapped.evt": wrapped(),
        "dirty.evt": plain(kb884872(), dirty=True),
        "lying.evt": lying(),
        "german_system.evt": plain(german),
        "empty.evt": empty(),
        "clock_system.evt": plain(clock()),
        "msdtc_application.evt": plain(msdtc()),
    }
    for name, content in files.items():
        (folder / name).write_bytes(content)


if __name__ == "__main__":
    main()
