"""A release that was changed, or put together to deceive: is it broken, and is what is wrong named?"""

from __future__ import annotations

import base64
import json
import os
import shutil
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tests.hostile.case import Case, End, Ended, Place, Words
from tests.hostile.shelf import KEY

from handstyle.digests import canonical, of_bytes
from handstyle.keys import fingerprint

ENVELOPE = "handstyle.json"
KOHYA, DIFFUSERS = "weights/soft-outline.safetensors", "weights/pytorch_lora_weights.safetensors"
TYPE = "application/vnd.handstyle.release+json; version=1"
STRANGER = Ed25519PrivateKey.from_private_bytes(bytes(32))


def verified(name: str, change: Callable[[Path], object], ends: End, *more: object) -> Case:
    def make(place: Place) -> Words:
        release = Path(shutil.copytree(place.shelf.release, place.given / "release"))
        change(release)
        return ["verify", release, *more]

    return Case(name, make, ends)


def broken(kind: str, where: str) -> End:
    """The release does not hold, and this is among what does not."""

    def check(ended: Ended) -> None:
        found = {(finding["kind"], finding["where"]) for finding in ended.told["findings"]}
        assert (ended.code, ended.told["status"]) == (3, "broken"), ended.told
        assert (kind, where) in found, found
        assert "Traceback" not in json.dumps(ended.told)

    return check


def status(code: int, word: str) -> End:
    def check(ended: Ended) -> None:
        assert (ended.code, ended.told["status"]) == (code, word), ended.told

    return check


# What lies in the folder


def to(name: str, data: bytes | str) -> Callable[[Path], object]:
    return lambda release: (release / name).write_bytes(data.encode() if isinstance(data, str) else data)


def gone(name: str) -> Callable[[Path], object]:
    return lambda release: (release / name).unlink()


def flipped(name: str) -> Callable[[Path], object]:
    def flip(release: Path) -> None:
        data = bytearray((release / name).read_bytes())
        data[len(data) // 2] ^= 1
        (release / name).write_bytes(data)

    return flip


def linked(name: str, target: str | None = None) -> Callable[[Path], object]:
    """The file itself moves out of the release, and a link takes its place."""

    def link(release: Path) -> None:
        away = release.parent / "away"
        (release / name).rename(away)
        (release / name).symlink_to(target or away)

    return link


def special(name: str) -> Callable[[Path], object]:
    def pipe(release: Path) -> None:
        (release / name).unlink()
        os.mkfifo(release / name)

    return pipe


def swapped(release: Path) -> None:
    one, other = (release / name for name in (KOHYA, DIFFUSERS))
    first, second = one.read_bytes(), other.read_bytes()
    one.write_bytes(second)
    other.write_bytes(first)


FILES = [
    "README.md",
    "LICENSE.md",
    "collection.json",
    "recipe.toml",
    "style.json",
    "report.json",
    "report.html",
    KOHYA,
    DIFFUSERS,
]
IN_THE_FOLDER = [
    verified("as it was signed", lambda release: None, status(0, "intact")),
    *(verified(f"a bit of {name} flipped", flipped(name), broken("changed", name)) for name in FILES),
    *(verified(f"{name} gone", gone(name), broken("missing", name)) for name in FILES),
    *(verified(f"{name} emptied", to(name, b""), broken("changed", name)) for name in ("README.md", KOHYA)),
    verified("two files swapped", swapped, broken("changed", KOHYA)),
    verified("a program added", to("run.py", "print()"), broken("extra", "run.py")),
    verified("a hidden file added", to(".gitattributes", "*"), broken("extra", ".gitattributes")),
    verified("a file with a command for a terminal added", to("a\x1b[2J", ""), broken("extra", r"a\x1b[2J")),
    verified("a file with a name that is not UTF-8 added",
            lambda r: Path(os.fsdecode(os.fsencode(r) + b"/\xe9")).touch(), broken("extra", "\\udce9")),
    verified("an empty folder added", lambda release: (release / "more").mkdir(), broken("extra", "more")),
    verified("forty folders in one another added", lambda r: (r / "/".join("d" * 40)).mkdir(parents=True),
            broken("extra", "/".join("d" * 34))),
    verified("a file that is a link", linked("README.md"), broken("link", "README.md")),
    verified("a file that is a link to a device", linked("README.md", "/dev/zero"), broken("link", "README.md")),
    verified("a file that is a link to itself", linked("README.md", "README.md"), broken("link", "README.md")),
    verified("a folder that is a link", linked("weights"), broken("link", "weights")),
    verified("a file that is a pipe", special("style.json"), broken("missing", "style.json")),
    verified("a file that is a folder", lambda r: ((r / "README.md").unlink(), (r / "README.md").mkdir()),
            broken("missing", "README.md")),
    verified("a key that I trust signed another one", lambda release: None, status(3, "unknown"), "--trust",
            "strangers"),
]  # fmt: skip


# The envelope


def unsealed(release: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    envelope = json.loads((release / ENVELOPE).read_bytes())
    return envelope, json.loads(base64.b64decode(envelope["payload"]))


def sealed(payload: bytes, key: Ed25519PrivateKey = KEY, kind: str = TYPE) -> dict[str, Any]:
    """As DSSE has it: the signature is over the type and the payload."""
    signature = key.sign(b"DSSEv1 %d %s %d %s" % (len(kind), kind.encode(), len(payload), payload))
    public = key.public_key()
    parts = {
        "publicKey": base64.b64encode(public.public_bytes_raw()).decode(),
        "sig": base64.b64encode(signature).decode(),
    }
    signatures = [{"keyid": fingerprint(public), **parts}]
    return {"payload": base64.b64encode(payload).decode(), "payloadType": kind, "signatures": signatures}


def enveloped(change: Callable[[dict[str, Any]], object]) -> Callable[[Path], object]:
    """The envelope with something else in it, written as ours are."""

    def rewrite(release: Path) -> None:
        envelope, _ = unsealed(release)
        change(envelope)
        (release / ENVELOPE).write_bytes(canonical(envelope))

    return rewrite


def signature(**changes: Any) -> Callable[[Path], object]:
    return enveloped(lambda envelope: envelope["signatures"][0].update(changes))


NOBODY = broken("signature", ENVELOPE)
MANY_KEYS = "{" + ",".join(f'"{number}":1' for number in range(300_000)) + ',"299999":2}'
THE_ENVELOPE = [
    verified("no envelope", gone(ENVELOPE), NOBODY),
    *(
        verified(f"an envelope of {name}", to(ENVELOPE, content), NOBODY)
        for name, content in {
            "nothing": b"",
            "NUL": bytes(1000),
            "an empty table": b"{}",
            "a list": b"[]",
            "5 MB": b" " * (5 << 20),
            "lists in lists without an end": b"[" * 100_000,
            "tables in tables without an end": b'{"a":' * 100_000,
            "a number of 5000 digits": b"9" * 5000,
            "not a number": b'{"payload":NaN}',
            "half a character": b'{"payload":"\\ud800"}',
            "300,000 keys of which the last stands twice": MANY_KEYS.encode(),
        }.items()
    ),
    verified("an envelope of UTF-16", lambda r: to(ENVELOPE, (r / ENVELOPE).read_text().encode("utf-16"))(r), NOBODY),
    verified("an envelope behind a mark of order of bytes",
            lambda r: to(ENVELOPE, b"\xef\xbb\xbf" + (r / ENVELOPE).read_bytes())(r), NOBODY),
    verified("an envelope laid out for people", lambda r: to(ENVELOPE, json.dumps(unsealed(r)[0], indent=1))(r),
            NOBODY),
    verified("an envelope with a key twice",
            lambda r: to(ENVELOPE, (r / ENVELOPE).read_bytes()[:-1] + b',"payload":""}')(r), NOBODY),
    verified("an envelope with a key too many", enveloped(lambda envelope: envelope.update(more=1)), NOBODY),
    verified("an envelope that is a pipe", special(ENVELOPE), broken("signature", ENVELOPE)),
    verified("an envelope that is a link", linked(ENVELOPE), broken("link", ENVELOPE)),
    verified("an envelope that is a folder", lambda r: ((r / ENVELOPE).unlink(), (r / ENVELOPE).mkdir()), NOBODY),
    verified("of another type", enveloped(lambda envelope: envelope.update(payloadType="text/plain")), NOBODY),
    verified("no signature", enveloped(lambda envelope: envelope.update(signatures=[])), NOBODY),
    verified("two signatures", enveloped(lambda envelope: envelope["signatures"].append(envelope["signatures"][0])),
            NOBODY),
    verified("signatures that are none", enveloped(lambda envelope: envelope.update(signatures=7)), NOBODY),
    verified("a signature that is a word", enveloped(lambda envelope: envelope.update(signatures=["a"])), NOBODY),
    verified("the signature of nought", signature(sig=base64.b64encode(bytes(64)).decode()), NOBODY),
    verified("a signature of three bytes", signature(sig="AAAA"), NOBODY),
    verified("a signature that is a number", signature(sig=3), NOBODY),
    verified("a signature with a blank in it", signature(sig="AA AA"), NOBODY),
    verified("a signature in another spelling", signature(sig="AB=="), NOBODY),
    verified("another key", signature(publicKey=base64.b64encode(bytes(32)).decode()), NOBODY),
    verified("a key of one byte", signature(publicKey="AA=="), NOBODY),
    verified("the name of another key", signature(keyid="SHA256:" + "A" * 43), NOBODY),
    verified("the signature of somebody else's words",
            enveloped(lambda envelope: envelope.update(payload=sealed(b"{}")["payload"])), NOBODY),
    verified("signed for another purpose",
            lambda r: to(ENVELOPE, canonical(sealed(canonical(unsealed(r)[1]), kind="text/plain")))(r), NOBODY),
]  # fmt: skip


# What a signer put together


def signed(
    change: Callable[[dict[str, Any]], object],
    before: Callable[[Path], object] = lambda release: None,
    key: Ed25519PrivateKey = KEY,
) -> Callable[[Path], object]:
    """A validly signed statement that lists the folder as it is after `before`, and says what `change` makes of it."""

    def sign(release: Path) -> None:
        before(release)
        _, statement = unsealed(release)
        for file in statement["files"]:
            if (release / file["path"]).is_file():
                data = (release / file["path"]).read_bytes()
                file.update(sha256=of_bytes(data), size=len(data))
        change(statement)
        (release / ENVELOPE).write_bytes(canonical(sealed(canonical(statement), key)))

    return sign


def listing(path: str, **facts: Any) -> Callable[[Path], object]:
    return signed(lambda statement: statement["files"].append({"path": path, "sha256": "a" * 64, "size": 1, **facts}))


def rewritten(name: str, data: bytes | str) -> Callable[[Path], object]:
    return signed(lambda statement: None, to(name, data))


def edited(name: str, change: Callable[[dict[str, Any]], object]) -> Callable[[Path], object]:
    def edit(release: Path) -> None:
        record = json.loads((release / name).read_bytes())
        change(record)
        (release / name).write_text(json.dumps(record), encoding="utf-8")

    return signed(lambda statement: None, edit)


def tensors(header: bytes | dict[str, Any], data: bytes = b"") -> Callable[[Path], object]:
    """Weights of one's own making, signed for as if they were the style's."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return rewritten(DIFFUSERS, struct.pack("<Q", len(text)) + text + data)


PATHS = {
    "above it": "../style.json",
    "from the root": "/etc/passwd",
    "on a drive": "C:\\x",
    "with a backslash": "weights\\x",
    "with NUL": "a\0b",
    "by a detour": "./README.md",
    "with two slashes": "weights//x",
    "of a device": "nul.txt",
    "with a dot behind": "README.md.",
    "of nothing": "",
    "with a line break": "README.md\n",
    "in other letters": "RЕADME.md",
    "of a megabyte": "a" * (1 << 20) + ".",
}
TABLE = {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}
BY_A_SIGNER = [
    *(verified(f"lists a path {name}", listing(path),
            broken("path", path if path.isprintable() else ascii(path)[1:-1])) for name, path in PATHS.items()),
    verified("lists a file twice", listing("README.md"), broken("path", "README.md")),
    verified("lists a file twice in other case", listing("readme.MD"), broken("path", "readme.MD")),
    verified("lists its own envelope", listing(ENVELOPE), broken("path", ENVELOPE)),
    verified("lists a file that is not there", listing("more.txt"), broken("missing", "more.txt")),
    verified("lists a file of less than nothing", listing("more.txt", size=-1), NOBODY),
    verified("lists a file of half a byte", listing("more.txt", size=0.5), NOBODY),
    verified("lists a digest in capitals", listing("more.txt", sha256="A" * 64), NOBODY),
    verified("lists nothing", signed(lambda statement: statement.update(files=[])), broken("extra", "README.md")),
    verified("says something nobody asked", signed(lambda statement: statement.update(note="x")), NOBODY),
    verified("a name that is a table", signed(lambda statement: statement.update(name={})), NOBODY),
    verified("a name that would steer a terminal", signed(lambda statement: statement.update(name="\x1b[2J")),
            status(0, "intact")),
    verified("another format", signed(lambda statement: statement.update(format="handstyle/release/2")), NOBODY),
    verified("another number of works", signed(lambda statement: statement["lineage"].update(number_of_works=99)),
            broken("record", "collection.json")),
    verified("weights above it", signed(lambda statement: statement["weights"][0].update(path="../style.json")),
            broken("weights", "weights/../style.json")),
    verified("weights in a format nobody knows",
            signed(lambda statement: statement["weights"][0].update(format="pickle")), NOBODY),
    verified("no weights", signed(lambda statement: statement.update(weights=[])), broken("weights", "weights")),
    *(
        verified(f"{name} is {what}", rewritten(name, content), broken("record", name))
        for name in ("style.json", "collection.json", "report.json")
        for what, content in {"a list": "[]", "empty": "", "lists without an end": "[" * 100_000,
                "a key twice": '{"a": 1, "a": 2}'}.items()
    ),
    verified("a style that is an empty table", rewritten("style.json", "{}"), broken("record", "style.json")),
    verified("a style of 65 MB", rewritten("style.json", b" " * (65 << 20)), broken("record", "style.json")),
    verified("a style whose recipe is a list", edited("style.json", lambda record: record.update(recipe=[])),
            broken("record", "style.json")),
    verified("a style whose alpha is a word",
            edited("style.json", lambda record: record["recipe"].update(lora_alpha="much")),
            broken("record", "style.json")),
    verified("a style of other weights", edited("style.json", lambda record: record.update(tensors="c" * 64)),
            broken("record", "style.json")),
    verified("a report with a number that is none", rewritten("report.json", '{"style": NaN}'),
            broken("record", "report.json")),
    verified("a collection whose works are a number", edited("collection.json", lambda record: record.update(works=2)),
            broken("record", "collection.json")),
    verified("a collection of nobody's works", edited("collection.json", lambda record: record.update(rights={})),
            broken("record", "collection.json")),
    verified("a recipe that is no TOML", rewritten("recipe.toml", "rank = "), broken("record", "recipe.toml")),
    verified("a recipe with a key of a hundred thousand parts",
            rewritten("recipe.toml", "a" + ".a" * 100_000 + " = 1"), broken("record", "recipe.toml")),
    verified("a recipe of another rank", rewritten("recipe.toml", "rank = 7"), broken("record", "recipe.toml")),
    verified("weights that are a pickle", rewritten(DIFFUSERS, b"\x80\x04\x95pickle"), broken("record", "style.json")),
    verified("weights that are swapped", signed(lambda statement: None, swapped), broken("weights", KOHYA)),
    verified("weights without tensors", tensors({}), broken("weights", DIFFUSERS)),
    verified("weights with a header up to the end of the world",
            rewritten(DIFFUSERS, struct.pack("<Q", 2**63) + b"{}"), broken("record", "style.json")),
    verified("weights with a header of lists without an end", tensors(b"[" * 100_000), broken("record", "style.json")),
    verified("weights with a tensor twice",
            tensors(b'{"a":' + json.dumps(TABLE).encode() + b',"a":' + json.dumps(TABLE).encode() + b"}", bytes(4)),
            broken("record", "style.json")),
    verified("weights that overlap", tensors({"a": TABLE, "b": TABLE}, bytes(4)), broken("record", "style.json")),
    verified("weights of 2**80 numbers", tensors({"a": {**TABLE, "shape": [2**40, 2**40]}}, bytes(4)),
            broken("record", "style.json")),
    # Found beside fuzzing: to multiply them took forty seconds.
    verified("weights of 200,000 axes", tensors({"a": {**TABLE, "shape": [2**53 - 1] * 200_000}}, bytes(4)),
            broken("record", "style.json")),
    verified("weights with a header of 17 MB", tensors(b"{" + b" " * (17 << 20) + b"}"),
            broken("record", "style.json")),
    verified("weights of less than nothing", tensors({"a": {**TABLE, "shape": [-1]}}, bytes(4)),
            broken("record", "style.json")),
    verified("weights of a type nobody knows", tensors({"a": {**TABLE, "dtype": "F4"}}, bytes(4)),
            broken("record", "style.json")),
    verified("weights whose metadata is a list", tensors({"__metadata__": []}), broken("record", "style.json")),
]  # fmt: skip


def with_strangers(case: Case) -> Case:
    """`--trust strangers` is a file beside the release."""

    def make(place: Place) -> Words:
        words = list(case.make(place))
        if "strangers" in words:
            words[words.index("strangers")] = place.write("strangers", fingerprint(STRANGER.public_key()) + "\n")
        return words

    return Case(case.name, make, case.ends)


CASES: list[Case] = [with_strangers(case) for case in (*IN_THE_FOLDER, *THE_ENVELOPE, *BY_A_SIGNER)]
