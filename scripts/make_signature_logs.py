#!/usr/bin/env python3
"""Writes the known events, and events that look like them, into testdata/event_logs, from the formats alone.

Each log is written as .evt (make_event_logs.py) and as .evtx (evtx_log.py), as far as the event exists in both. What a record
must be known as stands in the name of its computer, which no rule looks at:

  signatures.*  EVT-...: that known event; every spelling of every code, and services by key, by English name
  lookalikes.*  NONE: no known event: the same id of another source, the same event of another service, the code in words,
                another code, another path
  failures.*    "7023 W3SVC": that line of evt.service_failures; NONE: none
  history.*     a rename, a boot, MSDTC removed and installed, an update, an upgrade, each beside what only looks like it

Usage: make_signature_logs.py FOLDER
"""

import sys
from pathlib import Path

import evtx_log
import make_event_logs

SCM = "Service Control Manager"
START = 1_109_664_000
IIS_CODES = [0x80090005, 0x80090006, 0x8009000B, 0x8009000D, 0x8009000F, 0x80090016, 0x80090020, 0x800CC819, 0x800CC81D]
NO_EVT, NO_EVTX = "no evt", "no evtx"


def spellings(code):
    """Every way in which a log writes a code."""
    signed = code - (1 << 32)
    found = [f"{code}", f"{signed}", f"%%{code}", f"%%{signed}", f"0x{code:08X}", f"0x{code:08x}", f"{code:08X}", f"{code:08x}",
             f"%%0x{code:08x}", f"{code} (0x{code:08X})"]
    return found


def signatures():
    """(expected, source, id, strings, data, where it does not exist)"""
    w3 = "World Wide Web Publishing Service"
    found = [
        ("EVT-116-W3SVC", "W3SVC", 116, ["/LM/W3SVC/"], "03000000", None),
        ("EVT-116-W3SVC", "W3SVC", 116, ["/lm/w3svc/1"], "03000000", None),
        ("EVT-116-SMTPSVC", "SMTPSVC", 116, ["/LM/SMTPSVC/"], "03000000", None),
        ("EVT-116-MSFTPSVC", "MSFTPSVC", 116, ["/LM/MSFTPSVC/"], "03000000", None),
        ("EVT-7000-PSYSDUP2", SCM, 7000, ["Psysdup2", "%%2"], "", NO_EVTX),
        ("EVT-7022-W3SVC", SCM, 7022, [w3], "", None),
        ("EVT-42-CERTSVC", "CertSvc", 42, ["Root CA", "0x80090016"], "", None),
        ("EVT-1009-CLUSSVC", "ClusSvc", 1009, [], "", None),
        ("EVT-1058-CLUSSVC", "ClusSvc", 1058, ["clusres.dll"], "", None),
        ("EVT-4440-COMPLUS", "COM+", 4440, [], "", None),
        ("EVT-6167-LSASRV", "LsaSrv", 6167, ["CLONE1"], "", NO_EVT),
        ("EVT-6008", "EventLog", 6008, ["08:00:00", "01.03.2005"], "", None),
    ]
    for event_id in (4101, 4106, 4107, 4154, 4163, 53313):
        found.append((f"EVT-{event_id}-MSDTC", "MSDTC", event_id, [], "", None))
    found.append(("EVT-4101-MSDTC", "MSDTC Client", 4101, [], "", None))
    found.append(("EVT-4454-MSDTC", "MSDTC Client", 4454, [], "", NO_EVT))
    for text in ("3", "%%3", "0x3", "%%2147942403", "%%-2147024893", "0x80070003"):
        found.append(("EVT-7023-W3SVC-PATH", SCM, 7023, [w3, text], "", None))
    for text in spellings(0x8009000F):
        found.append(("EVT-7023-W3SVC-EXISTS", SCM, 7023, ["W3SVC", text], "", None))
    for text in spellings(0x80090016):
        found.append(("EVT-7024-CERTSVC", SCM, 7024, ["Certificate Services", text], "", None))
    for text in spellings(0xC0001006):
        found.append(("EVT-7024-MSDTC", SCM, 7024, ["Distributed Transaction Coordinator", text], "", None))
    for number, code in enumerate(IIS_CODES):
        every = spellings(code)
        for event_id, text in ((7024, every[number % len(every)]), (7023, every[(number + 3) % len(every)])):
            found.append((f"EVT-IISADMIN-{code:08X}", SCM, event_id, ["IIS Admin Service", text], "", None))
    for text in spellings(0x80090006):
        found.append(("EVT-IISADMIN-80090006", SCM, 7024, ["IISADMIN", text], "", None))
    return found


def lookalikes():
    """The first record of each known event with another source; and what differs in one thing only."""
    found, seen = [], set()
    for name, _, event_id, strings, data, where in signatures():
        if name not in seen:
            seen.add(name)
            found.append(("NONE", "Acme Agent", event_id, strings, data, where))
    www, path = "World Wide Web Publishing Service", "Das System kann den angegebenen Pfad nicht finden."
    missing = "Der Schlüsselsatz ist nicht vorhanden."
    found += [
        ("NONE", source, event_id, strings, data, None)
        for source, event_id, strings, data in [
            # Another code, another path, no data.
            ("W3SVC", 116, ["/LM/W3SVC/"], "05000000"),
            ("W3SVC", 116, ["/LM/W3SVC/"], ""),
            ("W3SVC", 116, ["/LM/SMTPSVC/"], "03000000"),
            ("SMTPSVC", 116, ["/LM/W3SVC/"], "03000000"),
            ("MSFTPSVC", 116, ["/LM/NNTPSVC/"], "03000000"),
            (SCM, 7023, [www, "%%35"], ""),
            (SCM, 7023, [www, "2148073479"], ""),
            (SCM, 7024, ["IIS Admin Service", "%%1066"], ""),
            (SCM, 7024, ["IIS Admin Service", "2148073477999"], ""),
            # Another service with the same code.
            (SCM, 7023, ["Windows Time", "%%3"], ""),
            (SCM, 7024, ["Acme Agent", "2148073478"], ""),
            (SCM, 7022, ["Acme Agent"], ""),
            (SCM, 7000, ["Acme Agent", "%%2"], ""),
            # The code is in the name of the service and not behind it.
            (SCM, 7024, ["2148073478", "%%1"], ""),
            # In words: a text in a language is no code.
            (SCM, 7023, [www, path], ""),
            (SCM, 7024, ["IIS Admin Service", missing], ""),
            (SCM, 7024, ["Zertifikatdienste", missing], ""),
            ("W3SVC", 116, ["Der Metabasispfad konnte nicht geöffnet werden."], "03000000"),
            ("CertSvc", 42, ["Root CA", missing], ""),
            # Another id of the same source.
            ("MSDTC", 4102, [], ""),
            ("COM+", 4441, [], ""),
            ("LsaSrv", 6168, ["CLONE1"], ""),
            ("MSDTC Client 2", 4101, [], ""),
        ]
    ]
    return found


def failures():
    service = "World Wide Web Publishing Service"
    found = []
    for event_id in (7000, 7001, 7002, 7003, 7009, 7017, 7018, 7019, 7020, 7021, 7022, 7023, 7024):
        # 7009 has the time that was waited before the service.
        strings = ["30000", service] if event_id == 7009 else [service, "%%1"]
        found.append((f"{event_id} W3SVC", SCM, event_id, strings, "", None))
        other = ["30000", "WWW-Publishingdienst"] if event_id == 7009 else ["WWW-Publishingdienst", "%%1"]
        found.append(("NONE", SCM, event_id, other, "", None))
        found.append(("NONE", "Acme Agent", event_id, strings, "", None))
    # Started and stopped, and a type of start that was changed: no failures.
    for event_id in (7035, 7036, 7040):
        found.append(("NONE", SCM, event_id, [service, "running"], "", None))
    return found


def history():
    upgrade = {"Installwasanupgrade": "true"}
    return [
        ("GOLDEN", "EventLog", 6009, ["5.00.", "2195"], "", None),
        ("GOLDEN", "EventLog", 6005, [], "", None),
        ("GOLDEN", "Acme Agent", 6005, [], "", None),
        ("GOLDEN", "EventLog", 6011, ["GOLDEN", "CLONE1"], "", None),
        ("CLONE1", "Acme Agent", 6011, ["GOLDEN", "ACME"], "", None),
        ("CLONE1", "MSDTC", 4104, [], "", None),
        ("CLONE1", "MSDTC", 4105, [], "", None),
        ("CLONE1", "MSDTC Client 2", 4104, [], "", None),
        ("CLONE1", "Acme Agent", 4104, [], "", None),
        ("CLONE1", "MSDTC", 4104, [], "", None),
        ("CLONE1", "NtServicePack", 4377, ["Windows 2000", "KB884872"], "", NO_EVTX),
        ("CLONE1", "Acme Agent", 4377, ["Windows 2000", "KB999999"], "", None),
        ("CLONE1", "Acme Agent", 2003, {"Installwasanupgrade": "false"}, "", NO_EVT),
        ("CLONE1", "Microsoft-Windows-Setup", 2003, upgrade, "", NO_EVT),
    ]


def evt(records):
    there = [one for one in records if one[5] != NO_EVT]
    return make_event_logs.plain([
        make_event_logs.tight(number, START + number, source, 0xC0000000 | event_id, list(strings), bytes.fromhex(data),
                              computer=expected)
        for number, (expected, source, event_id, strings, data, _) in enumerate(there, 1)])


def evtx(records):
    there = [one for one in records if one[5] != NO_EVTX]
    events = []
    for number, (expected, source, event_id, strings, data, _) in enumerate(there, 1):
        spec = {"time": f"2021-06-15T12:{number // 60:02}:{number % 60:02}Z", "source": source, "id": event_id,
                "strings": strings, "computer": expected}
        events.append({**spec, "data": data} if data else spec)
    return evtx_log.log(events)


def main():
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for name, make in (("signatures", signatures), ("lookalikes", lookalikes), ("failures", failures), ("history", history)):
        (folder / f"{name}.evt").write_bytes(evt(make()))
        (folder / f"{name}.evtx").write_bytes(evtx(make()))


if __name__ == "__main__":
    main()
