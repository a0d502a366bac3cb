#!/usr/bin/env python3
"""Prints every record of an event log as libevt or libevtx reads it, one JSON object a line.

What the tests hold the reader of the program against, field by field. Of a record of .evt: offset, number, both times, source,
computer, id with qualifiers, type, user SID, strings and data. Of one of .evtx: offset, time of writing, and of its XML
what the page docs/formats/event-logs.md says of it. The XML is read with the parser of Python. Records that the library
counts as recovered come last and say so. Needs python3-libevt and python3-libevtx.

Usage: event_log_reference.py FILE (.evt or .evtx, told apart by content)
"""

import json
import re
import sys
import xml.etree.ElementTree as ElementTree

# Characters that XML does not allow and libevtx writes all the same; the crate `evtx` and Windows write `_`.
NOT_XML = re.compile("[\\x00-\\x08\\x0b\\x0c\\x0e-\\x1f\\ufffe\\uffff]")


def optional(read):
    """A value that the library fails to give where the record has none."""
    try:
        return read()
    except OSError:
        return None


def evt_record(record, recovered):
    identifier = record.event_identifier
    return {
        "offset": record.offset,
        "record": record.identifier,
        "time": record.get_creation_time_as_integer(),
        "written": record.get_written_time_as_integer(),
        "source": record.source_name,
        "computer": record.computer_name,
        "event_id": identifier & 0xFFFF,
        "qualifiers": identifier >> 16,
        "level": record.event_type,
        "user_sid": record.user_security_identifier,
        "strings": [record.get_string(index) for index in range(record.number_of_strings)],
        "data": (optional(record.get_data) or b"").hex(),
        "recovered": recovered,
    }


def local(element):
    return element.tag.rpartition("}")[2]


def leaves(element):
    """The elements without elements in them, in their order."""
    if len(element) == 0:
        yield element
    for child in element:
        yield from leaves(child)


def evtx_record(record, recovered):
    # A parser makes one line feed of a carriage return and a line feed; the text has both.
    xml = NOT_XML.sub("_", record.xml_string.rstrip("\0")).replace("\r", "&#13;")
    root = ElementTree.fromstring(xml)
    system = next(child for child in root if local(child) == "System")
    found = {local(child): child for child in system}

    def content(name):
        return (found[name].text or "") if name in found else None

    def attribute(name, key):
        return found[name].get(key) if name in found else None

    behind = [leaf for part in root if part is not system and len(part) for leaf in leaves(part)]
    texts = [leaf.text or "" for leaf in behind]
    given = [optional(lambda index=index: record.get_string(index)) for index in range(record.number_of_strings)]
    if len(given) == len(texts):
        # In its XML the library leaves out texts of white space.
        texts = [other if not text and other and not other.strip() else text for text, other in zip(texts, given)]
    strings, data = [], ""
    for leaf, text in zip(behind, texts):
        if local(leaf) == "Binary":
            data = text.strip().lower()
        else:
            strings.append([leaf.get("Name") if local(leaf) == "Data" else local(leaf), text])
    return {
        "offset": record.offset,
        "number": record.identifier,
        "written": record.get_written_time_as_integer(),
        "record": content("EventRecordID"),
        "time": attribute("TimeCreated", "SystemTime"),
        "provider": attribute("Provider", "Name"),
        "event_source": attribute("Provider", "EventSourceName"),
        "computer": content("Computer"),
        "channel": content("Channel"),
        "event_id": content("EventID"),
        "qualifiers": attribute("EventID", "Qualifiers"),
        "level": content("Level"),
        "user_sid": attribute("Security", "UserID"),
        "strings": strings,
        "data": data,
        "recovered": recovered,
    }


def main():
    with open(sys.argv[1], "rb") as file:
        is_evtx = file.read(8) == b"ElfFile\0"
    if is_evtx:
        import pyevtx as library
    else:
        import pyevt as library
    show = evtx_record if is_evtx else evt_record
    log = library.file()
    log.open(sys.argv[1])
    for count, record_of, recovered in (
        (log.number_of_records, log.get_record, False),
        (log.number_of_recovered_records, log.get_recovered_record, True),
    ):
        for index in range(count):
            try:
                line = show(record_of(index), recovered)
            except (OSError, ElementTree.ParseError) as error:
                line = {"error": str(error), "recovered": recovered}
            print(json.dumps(line))


if __name__ == "__main__":
    main()
