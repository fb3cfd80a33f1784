"""Is every reservation found in a picture's own bytes, and is none invented?"""

from __future__ import annotations

import struct
import sys
import zlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent))  # tests are imported one by one, so what they share needs a place

from reserved_files import (
    VOCABULARY,
    iptc,
    jumbf,
    plus,
    readings,
    resource,
    saved,
    with_chunk,
    with_exif,
    with_iptc,
    with_segment,
    with_xmp,
    xmp,
)  # fmt: skip

from handstyle.collection.content_credentials import NOT_INSTALLED
from handstyle.collection.embedded_reservations import in_xmp
from handstyle.collection.formats import READABLE, FileFormat
from handstyle.collection.reservation_values import Reading

XMP_HEAD = b"http://ns.adobe.com/xap/1.0/\0"
EXTENDED_HEAD = b"http://ns.adobe.com/xmp/extension/\0"


def only(found: tuple[Reading, ...] | list[Reading]) -> tuple[str, str]:
    """The signal and what it says, of the one reading there is."""
    (one,) = found
    return one.signal, one.says


@pytest.mark.parametrize("kind", READABLE)
def test_a_picture_without_metadata_carries_no_signal(kind: FileFormat) -> None:
    assert readings(saved(kind), kind) == ()


# IPTC/PLUS, every value of the vocabulary in every format


PLUS = [
    ("DMI-UNSPECIFIED", "open"),
    ("DMI-ALLOWED", "open"),
    ("DMI-PROHIBITED", "reserved"),
    ("DMI-PROHIBITED-AIMLTRAINING", "reserved"),
    ("DMI-PROHIBITED-GENAIMLTRAINING", "reserved"),
    ("DMI-PROHIBITED-EXCEPTSEARCHENGINEINDEXING", "on conditions"),
    ("DMI-PROHIBITED-SEECONSTRAINT", "on conditions"),
    ("DMI-PROHIBITED-SEEEMBEDDEDRIGHTSEXPR", "on conditions"),
    ("DMI-PROHIBITED-SEELINKEDRIGHTSEXPR", "on conditions"),
    ("DMI-SOMETHING-NEW", "not readable"),
    ("", "not readable"),
]


@pytest.mark.parametrize("kind", READABLE)
@pytest.mark.parametrize(("value", "says"), PLUS)
def test_data_mining_of_iptc_and_plus(kind: FileFormat, value: str, says: str) -> None:
    (found,) = readings(with_xmp(kind, plus(value)), kind)
    assert (found.signal, found.says) == ("plus", says)
    assert found.value == f"{VOCABULARY}{value}"
    assert "XMP" in found.where and "plus:DataMining" in found.where


@pytest.mark.parametrize(
    "packet",
    [
        xmp(f"<plus:DataMining>{VOCABULARY}DMI-PROHIBITED</plus:DataMining>"),
        xmp(f'<plus:DataMining rdf:resource="{VOCABULARY}DMI-PROHIBITED"/>'),
        xmp(f"<plus:DataMining><rdf:Bag><rdf:li>{VOCABULARY}DMI-PROHIBITED</rdf:li></rdf:Bag></plus:DataMining>"),
        plus("DMI-PROHIBITED").replace(b"plus", b"p"),
        plus("DMI-PROHIBITED").decode().encode("utf-16"),
        b"\xef\xbb\xbf" + plus("DMI-PROHIBITED"),
        plus("DMI-PROHIBITED") + bytes(100),
    ],
    ids=["element", "resource", "bag", "another prefix", "UTF-16", "byte order mark", "padding"],
)
def test_a_property_counts_however_it_is_written(packet: bytes) -> None:
    assert {one.says for one in in_xmp(packet, "XMP")} & {"reserved", "not readable"}


@pytest.mark.parametrize(
    "packet",
    [
        plus("DMI-PROHIBITED").replace(VOCABULARY.encode(), b""),
        xmp(attributes=f'my:DataMining="{VOCABULARY}DMI-ALLOWED"'),
    ],
    ids=["without its vocabulary", "in another namespace"],
)
def test_data_mining_that_is_not_spelled_as_it_must_be_is_refused(packet: bytes) -> None:
    assert only(in_xmp(packet, "XMP")) == ("plus", "not readable")


@pytest.mark.parametrize("name", ["EmbdEncRightsExpr", "LinkedEncRightsExpr"])
def test_a_rights_expression_that_nobody_reads_is_a_condition(name: str) -> None:
    packet = xmp(f"<Iptc4xmpExt:{name}><rdf:Bag><rdf:li>PE9ETD4=</rdf:li></rdf:Bag></Iptc4xmpExt:{name}>")
    assert only(in_xmp(packet, "XMP")) == ("plus", "on conditions")


# TDMRep in XMP


@pytest.mark.parametrize(
    ("attributes", "says"),
    [
        ('tdm:reservation="1"', "reserved"),
        ('tdm:reservation="0"', "open"),
        ('tdm:reservation="1" tdm:policy="https://ada.example/policy.json"', "on conditions"),
        ('tdm:reservation="2"', "not readable"),
        ('tdm:reservation="yes"', "not readable"),
        ('tdm:reservation=""', "not readable"),
    ],
)
def test_a_reservation_of_tdmrep_in_xmp(attributes: str, says: str) -> None:
    assert only(in_xmp(xmp(attributes=attributes), "XMP")) == ("tdmrep", says)


# Words among the rights, descriptions, programs


@pytest.mark.parametrize(
    ("inside", "signal"),
    [
        ("<xmpRights:UsageTerms>No use in training AI models.</xmpRights:UsageTerms>", "rights note"),
        ("<xmpRights:UsageTerms>Keine Nutzung für KI.</xmpRights:UsageTerms>", "rights note"),
        ("<xmpRights:UsageTerms>Text and data mining is reserved</xmpRights:UsageTerms>", "rights note"),
        ("<plus:OtherConstraints>Not for machine learning</plus:OtherConstraints>", "rights note"),
        ("<photoshop:Instructions>noai</photoshop:Instructions>", "noai"),
        ("<dc:rights><rdf:Alt><rdf:li>NoAI, NoImageAI</rdf:li></rdf:Alt></dc:rights>", "noai"),
        ("<dc:subject><rdf:Bag><rdf:li>cat</rdf:li><rdf:li>#NoAI</rdf:li></rdf:Bag></dc:subject>", "noai"),
        ("<dc:description>a cat; noimageai</dc:description>", "noai"),
        ("<my:noai>true</my:noai>", "noai"),
        ("<dc:description>protected with Glaze 2.1</dc:description>", "cloak"),
        ("<xmp:CreatorTool>Glaze 2.1</xmp:CreatorTool>", "cloak"),
        ("<stEvt:softwareAgent>Nightshade 1.0.2</stEvt:softwareAgent>", "cloak"),
    ],
)
def test_notes_in_words(inside: str, signal: str) -> None:
    (found,) = in_xmp(xmp(inside), "XMP")
    assert found.signal == signal and found.objects


@pytest.mark.parametrize(
    "inside",
    [
        "<dc:description>Ada paints in the rain</dc:description>",
        "<dc:description>a pot in a blue glaze, made in a training workshop</dc:description>",
        "<xmp:CreatorTool>Krita 5.2</xmp:CreatorTool>",
        "<xmpRights:UsageTerms>For editorial use only</xmpRights:UsageTerms>",
        "<xmpRights:Marked>True</xmpRights:Marked>",
        "<xmpRights:WebStatement>https://ada.example/terms</xmpRights:WebStatement>",
        "<dc:rights>Ask me before you print it</dc:rights>",
        "<dc:creator><rdf:Seq><rdf:li>Ada Example</rdf:li></rdf:Seq></dc:creator>",
    ],
)
def test_other_words_are_no_signal(inside: str) -> None:
    assert in_xmp(xmp(inside), "XMP") == []


@pytest.mark.parametrize(
    "inside",
    [
        "<dc:rights><rdf:Alt><rdf:li>© 2024 Example Press</rdf:li></rdf:Alt></dc:rights>",
        "<xmpRights:Owner><rdf:Bag><rdf:li>Example Press</rdf:li></rdf:Bag></xmpRights:Owner>",
        "<tiff:Copyright>Example Press</tiff:Copyright>",
        '<plus:CopyrightOwner><rdf:Seq><rdf:li rdf:parseType="Resource"><plus:CopyrightOwnerName>Example Press'
        "</plus:CopyrightOwnerName></rdf:li></rdf:Seq></plus:CopyrightOwner>",
    ],
)
def test_an_owner_in_xmp_is_named(inside: str) -> None:
    (found,) = in_xmp(xmp(inside), "XMP")
    assert found.says == "owner" and "Example Press" in found.value


def test_credentials_that_lie_elsewhere_are_not_fetched_and_refuse() -> None:
    packet = xmp(attributes='dcterms:provenance="https://cloud.example/manifest.c2pa"')
    (found,) = in_xmp(packet, "XMP")
    assert (found.signal, found.says) == ("c2pa", "not readable") and "https://cloud.example" in found.value


def test_an_rsl_licence_inside_xmp_is_read() -> None:
    packet = xmp('<rsl:rsl><rsl:content url="/"><rsl:license><rsl:prohibits type="usage">ai-train</rsl:prohibits>'
                 "</rsl:license></rsl:content></rsl:rsl>")  # fmt: skip
    assert only(in_xmp(packet, "XMP")) == ("rsl", "reserved")


# Packets that cannot be read


BOMB = (
    b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">'
    b'<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;">]>'
)


@pytest.mark.parametrize("kind", READABLE)
@pytest.mark.parametrize(
    "packet",
    [
        plus("DMI-ALLOWED")[:300],
        b"<x:xmpmeta",
        b"hello",
        BOMB + plus("DMI-ALLOWED").replace(b"DMI-ALLOWED", b"&c;"),
        b'<!DOCTYPE x SYSTEM "file:///etc/passwd">' + plus("DMI-ALLOWED"),
        b"<a>" * 200 + b"</a>" * 200,
        b'<?xml version="1.0" encoding="nonsense"?><a/>',
        plus("DMI-ALLOWED").replace(b"plus:DataMining", b"unbound:DataMining"),
        plus("DMI-ALLOWED").replace(b"DMI-ALLOWED", b"DMI-\xff\xfe"),
    ],
    ids=["cut short", "one tag", "words", "entities", "DTD", "too deep", "encoding", "unbound", "not UTF-8"],
)
def test_a_packet_that_cannot_be_read_is_refused(kind: FileFormat, packet: bytes) -> None:
    found = readings(with_xmp(kind, packet), kind)
    assert found and all((one.signal, one.says) == ("metadata", "not readable") for one in found)


def test_a_packet_of_nothing_is_no_signal() -> None:
    assert readings(with_xmp("PNG", b"  \0\0")) == ()


# Where formats keep them


def test_a_compressed_text_of_a_png_is_unpacked() -> None:
    packet = b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(plus("DMI-PROHIBITED"))
    assert only(readings(with_chunk(b"iTXt", packet))) == ("plus", "reserved")


@pytest.mark.parametrize("chunk", [b"iTXt", b"zTXt"])
def test_a_text_that_cannot_be_unpacked_is_refused(chunk: bytes) -> None:
    head = b"XML:com.adobe.xmp\0\1\0\0\0" if chunk == b"iTXt" else b"XML:com.adobe.xmp\0\0"
    packed = zlib.compress(plus("DMI-ALLOWED"))
    assert only(readings(with_chunk(chunk, head + packed[:-9]))) == ("metadata", "not readable")
    assert only(readings(with_chunk(chunk, head + b"junk"))) == ("metadata", "not readable")


@pytest.mark.parametrize("name", ["xmp", "APP1"])
def test_the_raw_profile_of_another_program_is_read(name: str) -> None:
    content = XMP_HEAD + plus("DMI-PROHIBITED")
    digits = content.hex()
    lines = "\n".join(digits[at : at + 72] for at in range(0, len(digits), 72))
    text = f"Raw profile type {name}\0\n{name}\n{len(content):>8}\n{lines}\n".encode()
    assert only(readings(with_chunk(b"tEXt", text))) == ("plus", "reserved")


def test_a_raw_profile_of_iptc_is_read() -> None:
    content = resource(0x0404, iptc((2, 40, b"noai")))
    text = f"Raw profile type iptc\0\niptc\n{len(content):>8}\n{content.hex()}\n".encode()
    assert only(readings(with_chunk(b"tEXt", text))) == ("noai", "reserved")


def test_both_parts_of_a_long_packet_are_read() -> None:
    second = plus("DMI-PROHIBITED")
    identifier = b"0123456789ABCDEF0123456789ABCDEF"
    first = xmp(
        attributes=f'xmlns:xmpNote="http://ns.adobe.com/xmp/note/" xmpNote:HasExtendedXMP="{identifier.decode()}"'
    )
    half = len(second) // 2
    pieces = [
        (0xE1, EXTENDED_HEAD + identifier + struct.pack(">II", len(second), at) + second[at : at + half + 1])
        for at in (half + 1, 0)
    ]
    whole = with_segment((0xE1, XMP_HEAD + first), *pieces)
    assert ("plus", "reserved") in {(one.signal, one.says) for one in readings(whole, "JPEG")}
    for lacking in (with_segment((0xE1, XMP_HEAD + first)), with_segment((0xE1, XMP_HEAD + first), pieces[1])):
        assert ("metadata", "not readable") in {(one.signal, one.says) for one in readings(lacking, "JPEG")}


@pytest.mark.parametrize("kind", READABLE)
def test_xmp_outside_of_its_place_counts_too(kind: FileFormat) -> None:
    found = readings(saved(kind) + plus("DMI-PROHIBITED"), kind)
    assert only(found) == ("plus", "reserved")
    assert "outside" in found[0].where


def test_the_strictest_of_several_packets_does_not_get_lost() -> None:
    data = with_segment((0xE1, XMP_HEAD + plus("DMI-ALLOWED")), (0xE1, XMP_HEAD + plus("DMI-PROHIBITED")))
    assert {one.says for one in readings(data, "JPEG")} == {"open", "reserved"}


# IPTC-IIM and EXIF


@pytest.mark.parametrize(
    ("sets", "expected"),
    [
        ([(2, 116, b"(c) 2024 Example Press")], ("owner", "owner")),
        ([(2, 40, b"Not for AI training")], ("rights note", "not readable")),
        ([(2, 25, b"noai")], ("noai", "reserved")),
        ([(2, 120, b"Protected by Nightshade")], ("cloak", "reserved")),
        ([(2, 65, b"Glaze")], ("cloak", "reserved")),
    ],
)
def test_data_sets_of_iptc(sets: list[tuple[int, int, bytes]], expected: tuple[str, str]) -> None:
    assert only(readings(with_iptc(iptc((1, 90, b"\x1b%G"), *sets)), "JPEG")) == expected


@pytest.mark.parametrize(
    "content", [b"junk", iptc((2, 116, b"Example Press"))[:-3], iptc((2, 25, b"cat")) + b"\x1c\x02"]
)
def test_iptc_that_is_cut_short_is_refused(content: bytes) -> None:
    assert ("metadata", "not readable") in {(one.signal, one.says) for one in readings(with_iptc(content), "JPEG")}


def test_image_resources_that_make_no_sense_are_refused() -> None:
    for content in (b"junkjunkjunkjunk", resource(0x0404, iptc((2, 25, b"cat")))[:-4]):
        found = readings(with_segment((0xED, b"Photoshop 3.0\0" + content)), "JPEG")
        assert only(found) == ("metadata", "not readable")


@pytest.mark.parametrize("kind", READABLE)
def test_exif_names_an_owner_and_a_program(kind: FileFormat) -> None:
    found = readings(with_exif(kind, Copyright="Example Press", Software="Glaze 2.1"), kind)
    assert {(one.signal, one.says) for one in found} == {("owner", "owner"), ("cloak", "reserved")}


@pytest.mark.parametrize(
    ("key", "text", "expected"),
    [
        (b"Copyright", b"Example Press", ("owner", "owner")),
        (b"noai", b"1", ("noai", "reserved")),
        (b"Comment", b"noai", ("noai", "reserved")),
        (b"X-Robots-Tag", b"noai, noimageai", ("noai", "reserved")),
        (b"tdm-reservation", b"1", ("tdmrep", "reserved")),
        (b"Content-Usage", b"train-ai=n", ("aipref", "reserved")),
        (b"License", b"no machine learning", ("rights note", "not readable")),
        (b"Software", b"WebGlaze", ("cloak", "reserved")),
    ],
)
def test_texts_of_a_png(key: bytes, text: bytes, expected: tuple[str, str]) -> None:
    assert only(readings(with_chunk(b"tEXt", key + b"\0" + text))) == expected


def test_a_comment_of_a_jpeg_is_read() -> None:
    assert only(readings(with_segment((0xFE, b"#noai")), "JPEG")) == ("noai", "reserved")


# Content credentials without what reads them


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (with_chunk(b"caBX", jumbf()), "PNG"),
        (with_segment((0xEB, b"JP\0\1\0\0\0\1" + jumbf())), "JPEG"),
        (saved("WebP")[:4] + struct.pack("<I", len(saved("WebP")) + 8 + 44 - 8) + saved("WebP")[8:] + b"C2PA"
         + struct.pack("<I", 44) + bytes(44), "WebP"),
        (saved("JPEG") + jumbf(), "JPEG"),
        (saved("TIFF") + jumbf(), "TIFF"),
    ],
)  # fmt: skip
def test_credentials_without_their_reader_are_refused(
    data: bytes, kind: FileFormat, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "c2pa", None)
    (found,) = readings(data, kind)
    assert (found.signal, found.says, found.value) == ("c2pa", "not readable", NOT_INSTALLED)


# Whatever the bytes


PACKETS = [plus("DMI-PROHIBITED"), plus("DMI-ALLOWED"), xmp("<dc:rights>© Example Press</dc:rights>")]


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(PACKETS), st.integers(0, 2000), st.binary(max_size=8), st.integers(0, 20))
def test_a_mutilated_packet_is_read_or_refused_and_never_passed_over(
    packet: bytes, at: int, put: bytes, dropped: int
) -> None:
    """Whatever is done to a prohibition, it does not become silence while its packet is there."""
    mutilated = packet[: at % len(packet)] + put + packet[at % len(packet) + dropped :]
    found = in_xmp(mutilated, "XMP")  # no other error
    whole = b"DMI-PROHIBITED" in mutilated and b"plus:DataMining" in mutilated
    if whole and packet is PACKETS[0]:
        assert any(one.objects for one in found)


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=400), st.sampled_from(READABLE))
def test_any_bytes_are_read_without_another_error(content: bytes, kind: FileFormat) -> None:
    heads = {"PNG": saved("PNG")[:8], "JPEG": b"\xff\xd8", "WebP": b"RIFF\0\0\0\0WEBP", "TIFF": b"II*\0\x08\0\0\0"}
    readings(heads[kind] + content, kind)
    readings(with_chunk(b"eXIf", content))
    readings(with_iptc(content), "JPEG")
