#!/usr/bin/env python3
"""A second reader of Windows INF files, to compare the program's reader with.

usage: inf_reference.py FILE

Prints one line an entry: section, line number, key or "-", number of fields, then the fields, all parted by tabs and
escaped as JSON strings. Grammar: Windows Driver Kit, "General Syntax Rules for INF Files" and "INF Strings Section".
Works on whole regular expressions and not character by character, so that it shares no method with the program.
"""
import json
import re
import sys

# A quoted piece (not closed: up to the end), a %key% without , = ", a comment, or any character.
TOKEN = re.compile(r'"((?:[^"]|"")*)("|$)|(%[^%,="]*%)|(;.*$)|(.)', re.S)


def text_of(data):
    for mark, codec in ((b"\xff\xfe", "utf-16-le"), (b"\xef\xbb\xbf", "utf-8")):
        if data.startswith(mark):
            return data[len(mark):].decode(codec)
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace")


def tokens(line):
    out = []
    for match in TOKEN.finditer(line.strip()):
        quoted, _, key, comment, char = match.groups()
        if quoted is not None:
            out.append(("q", quoted.replace('""', '"')))
        elif key is not None:
            out.append(("t", key))
        elif comment is not None:
            break
        else:
            out.append(("c", char))
    while out and out[-1][0] == "c" and out[-1][1].isspace():
        out.pop()
    return out


def logical_lines(text):
    pending, start = [], None
    for number, line in enumerate(re.split(r"\r\n|\r|\n", text.split("\x1a")[0]), 1):
        if start is None and line.lstrip().startswith("["):
            yield number, line.strip()[1:].split("]")[0].strip(), None
            continue
        start = start or number
        piece = tokens(line)
        continued = False
        while piece and piece[-1] == ("c", "\\"):
            piece.pop()
            continued = True
        pending += piece
        if not continued:
            if pending:
                yield start, None, pending
            pending, start = [], None
    if pending:
        yield start, None, pending


def render(piece):
    marked = "".join(("\x01" + value + "\x01") if kind == "q" else value for kind, value in piece)
    return marked.strip().replace("\x01", "")


def split(piece):
    key, fields, current, seen = None, [], [], False
    for token in piece:
        if token == ("c", "=") and key is None and not fields:
            key, current = render(current), []
        elif token == ("c", ","):
            fields.append(render(current))
            current = []
        else:
            current.append(token)
    if fields or render(current) or any(kind == "q" for kind, _ in current):
        fields.append(render(current))
    return key, fields


def quote(text):
    return json.dumps(text, ensure_ascii=False)


def main():
    sys.stdout.reconfigure(encoding="utf-8")
    text = text_of(open(sys.argv[1], "rb").read())
    names, sections, section = [], {}, None
    for number, header, piece in logical_lines(text):
        if piece is None:
            section = header.lower()
            if section not in sections:
                names.append(header)
                sections[section] = []
        elif section is not None:
            sections[section].append((number, *split(piece)))
    strings = {}
    for _, key, fields in sections.get("strings", []):
        if key is not None:
            strings.setdefault(key.lower(), ",".join(fields))

    def expand(value):
        return re.sub(
            "%([^%]*)%", lambda m: "%" if not m[1] else strings.get(m[1].lower(), m[0]), value
        )

    for name in names:
        raw = re.fullmatch(r"strings(\.[0-9a-f]{1,4})?", name.lower())
        for number, key, fields in sections[name.lower()]:
            if not raw:
                key = key if key is None else expand(key)
                fields = [expand(field) for field in fields]
            cells = [quote(name), str(number), "-" if key is None else quote(key), str(len(fields))]
            sys.stdout.write("\t".join(cells + [quote(field) for field in fields]) + "\n")


main()
