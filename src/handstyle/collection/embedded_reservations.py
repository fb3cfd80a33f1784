"""Which reservations stand in a picture's own bytes?

A pure function of the bytes as they came, before anything is decoded: a program that only re-saves a picture drops all
of this without a word.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from handstyle.collection import content_credentials, metadata_packets, reservation_values, rsl_licences, xmp
from handstyle.collection.formats import FileFormat
from handstyle.collection.metadata_packets import Packet
from handstyle.collection.reservation_values import Reading, in_rights_field, in_software, in_words, reading

PLUS, DC, RIGHTS = (
    "http://ns.useplus.org/ldf/xmp/1.0/",
    "http://purl.org/dc/elements/1.1/",
    "http://ns.adobe.com/xap/1.0/rights/",
)
IPTC, TDM, TERMS = (
    "http://iptc.org/std/Iptc4xmpExt/2008-02-29/",
    "http://www.w3.org/ns/tdmrep",
    "http://purl.org/dc/terms/",
)
PHOTOSHOP, ADOBE, TIFF = (
    "http://ns.adobe.com/photoshop/1.0/",
    "http://ns.adobe.com/xap/1.0/",
    "http://ns.adobe.com/tiff/1.0/",
)
EXIF, EVENT = "http://ns.adobe.com/exif/1.0/", "http://ns.adobe.com/xap/1.0/sType/ResourceEvent#"

OWNERS = frozenset({(PLUS, "CopyrightOwnerName"), (RIGHTS, "Owner"), (TIFF, "Copyright")})
NOTICES = frozenset({(DC, "rights")})  # a notice where it carries the sign of one
RIGHTS_FIELDS = frozenset({(RIGHTS, "UsageTerms"), (PLUS, "OtherConstraints"), (PHOTOSHOP, "Instructions"), *NOTICES,
                           (TIFF, "Copyright")})  # fmt: skip
EXPRESSIONS = frozenset({(IPTC, "EmbdEncRightsExpr"), (IPTC, "LinkedEncRightsExpr")})
WORDS = frozenset({(DC, "description"), (DC, "title"), (DC, "subject"), (EXIF, "UserComment"), (PHOTOSHOP, "Headline"),
                   (ADOBE, "Label"), (TIFF, "ImageDescription")})  # fmt: skip
SOFTWARE = frozenset({(ADOBE, "CreatorTool"), (EVENT, "softwareAgent"), (TIFF, "Software")})
REMOTE = (TERMS, "provenance")
WANTED = OWNERS | NOTICES | RIGHTS_FIELDS | EXPRESSIONS | WORDS | SOFTWARE | {(PLUS, "DataMining"), REMOTE}
SIGN = re.compile(r"©|\(c\)|copyright|\bcopr\b", re.IGNORECASE)

# IPTC-IIM 4.2: record and number of a data set.
CHARACTERS, NOTICE, INSTRUCTIONS, CAPTION, KEYWORD, HEADLINE, PROGRAM = (
    *((1, 90), (2, 116), (2, 40), (2, 120), (2, 25)),
    *((2, 105), (2, 65)),
)
DATA_SETS = {NOTICE: "CopyrightNotice", INSTRUCTIONS: "SpecialInstructions", CAPTION: "Caption", KEYWORD: "Keywords",
             HEADLINE: "Headline", PROGRAM: "OriginatingProgram"}  # fmt: skip


def readings_in(data: bytes, kind: FileFormat) -> tuple[Reading, ...]:
    """Every signal once, in the order in which they stand in the file."""
    found: list[Reading] = []
    credentials = False
    for packet in metadata_packets.packets_in(data, kind):
        if packet.kind == "credentials":
            if not credentials:
                found += content_credentials.readings(data, kind, packet.where)
            credentials = True
        else:
            found += _of(packet)
    return tuple(dict.fromkeys(found))


def _of(packet: Packet) -> list[Reading]:
    if packet.kind == "xmp":
        return in_xmp(packet.data, packet.where)
    if packet.kind == "iptc":
        return in_iptc(packet.data, packet.where)
    if packet.kind == "text":
        return in_text(packet.key, _text(packet.data), packet.where)
    return [reading("metadata", packet.where, packet.data.decode(), "not readable")]


def _text(data: bytes) -> str:
    try:
        return data.decode("utf-8").strip("\0 \r\n\t")
    except UnicodeDecodeError:
        return data.decode("latin-1").strip("\0 \r\n\t")


# XMP


def in_xmp(data: bytes, where: str) -> list[Reading]:
    data = data.strip(b"\0 \r\n\t")
    if not data:
        return []
    try:
        root = xmp.parsed(data)
    except xmp.Unreadable as error:
        return [reading("metadata", where, f"it cannot be read: {error}", "not readable")]
    found = list(_tdm(root, where))
    for space, name, value in xmp.properties(root, WANTED):
        found += _property(space, name, value, where)
    for element in root.walk():
        names = [(element.space, element.name), *element.attributes]
        found += [reading("plus", where, f"{name} in the namespace {space!r}", "not readable")
                  for space, name in names if name == "DataMining" and space != PLUS]  # fmt: skip
        found += [reading("noai", f"{where}, {name}", f"{name}: {_value(element, space, name)}", "reserved")
                  for space, name in names if reservation_values.NOAI.fullmatch(name)]  # fmt: skip
        if element.space.rstrip("/") == rsl_licences.SPACE and element.name == "rsl":
            found += rsl_licences.in_element(element, f"{where}, RSL", None)
    return found


def _value(element: xmp.Element, space: str, name: str) -> str:
    return element.attributes.get((space, name)) or " ".join(element.values())


def _property(space: str, name: str, value: str, where: str) -> Iterator[Reading]:
    key, at = (space, name), f"{where}, {_prefixed(space, name)}"
    if key == (PLUS, "DataMining"):
        yield reading("plus", at, value, reservation_values.plus(value))
    elif key in EXPRESSIONS:
        yield reading("plus", at, value, "on conditions")
    elif key == REMOTE:
        words = f"{value}: the content credentials lie elsewhere, and nothing is fetched"
        yield reading("c2pa", at, words, "not readable")
    elif key in SOFTWARE:
        yield from in_software(at, value)
    elif key in WORDS:
        yield from in_words(at, value)
    if key in RIGHTS_FIELDS:
        yield from in_rights_field(at, value)
    if key in OWNERS or (key in NOTICES and SIGN.search(value)):
        yield from _owner(at, value)


def _owner(where: str, value: str) -> list[Reading]:
    names = "; ".join(filter(None, (part.strip() for part in value.split("\0"))))  # EXIF: photographer, then editor
    return [reading("owner", where, names, "owner")] if names else []


def _prefixed(space: str, name: str) -> str:
    prefixes = {PLUS: "plus", DC: "dc", RIGHTS: "xmpRights", IPTC: "Iptc4xmpExt", PHOTOSHOP: "photoshop", ADOBE: "xmp",
                TIFF: "tiff", EXIF: "exif", TERMS: "dcterms", EVENT: "stEvt"}  # fmt: skip
    return f"{prefixes[space]}:{name}"


def _tdm(root: xmp.Element, where: str) -> Iterator[Reading]:
    """`tdm:reservation` with `tdm:policy`, in the namespace with a slash, a hash or nothing at its end."""
    found: dict[str, list[str]] = {"reservation": [], "policy": []}
    for element in root.walk():
        for (space, name), value in element.attributes.items():
            if space.rstrip("/#") == TDM and name in found:
                found[name].append(value.strip())
        if element.space.rstrip("/#") == TDM and element.name in found:
            found[element.name] += element.values() or [""]
    for value in found["reservation"]:
        policy = found["policy"][0] if found["policy"] else None
        words = f"{value}, policy {policy}" if policy else value
        yield reading("tdmrep", f"{where}, tdm:reservation", words, reservation_values.tdmrep(value, policy))


# IPTC-IIM


def in_iptc(data: bytes, where: str) -> list[Reading]:
    found: list[Reading] = []
    try:
        for key, content in _data_sets(data):
            if key in DATA_SETS:
                at, text = f"{where}, {key[0]}:{key[1]:02d} {DATA_SETS[key]}", _text(content)
                found += in_software(at, text) if key == PROGRAM else []
                found += in_rights_field(at, text) if key in (NOTICE, INSTRUCTIONS) else in_words(at, text)
                found += _owner(at, text) if key == NOTICE else []
    except ValueError as error:
        found.append(reading("metadata", where, f"it cannot be read: {error}", "not readable"))
    return found


def _data_sets(data: bytes) -> Iterator[tuple[tuple[int, int], bytes]]:
    at = 0
    while at < len(data) and data[at:].strip(b"\0"):
        if data[at] != 0x1C or at + 5 > len(data):
            raise ValueError("its data sets are not laid out as they must be")
        key, length = (data[at + 1], data[at + 2]), int.from_bytes(data[at + 3 : at + 5])
        at += 5
        if length & 0x8000:  # of that many bytes, which hold the length
            size = length & 0x7FFF
            length = int.from_bytes(data[at : at + size]) if size <= 8 else len(data)
            at += size
        if at + length > len(data):
            raise ValueError("it is cut short")
        yield key, data[at : at + length]
        at += length


# EXIF and other texts


def in_text(key: str, text: str, where: str) -> list[Reading]:
    """`key` as PNG and EXIF call it."""
    plain = re.sub(r"[^a-z]", "", key.lower())
    if plain in ("software", "creatortool"):
        return in_software(where, text)
    if plain == "copyright":
        return _owner(where, text) + in_rights_field(where, text)
    if plain in ("rights", "usageterms", "license", "licence", "disclaimer"):
        return in_rights_field(where, text) + (_owner(where, text) if SIGN.search(text) else [])
    if plain in ("tdmreservation", "datamining", "contentusage"):
        return _header(plain, text, where)
    if reservation_values.NOAI.fullmatch(key):
        return [reading("noai", where, f"{key}: {text}", "reserved")]
    return in_words(where, text) + (_owner(where, text) if plain == "comment" and text.startswith(("©", "(c)")) else [])


def _header(plain: str, text: str, where: str) -> list[Reading]:
    """What a program copied out of the answer of a web server."""
    if plain == "tdmreservation":
        return [reading("tdmrep", where, text, reservation_values.tdmrep(text))]
    if plain == "datamining":
        return [reading("plus", where, text, reservation_values.plus(text))]
    return [reading("aipref", where, term, says) for term, says in reservation_values.aipref(text)]
