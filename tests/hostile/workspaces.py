"""A workspace that was damaged, edited or half-written: is it told, and is nothing of it believed or lost?"""

from __future__ import annotations

import json
import os
import shutil
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.hostile.case import Case, End, Ended, Place, Words, refused
from tests.hostile.png_files import whole
from tests.hostile.samples import NOISE
from tests.hostile.shelf import finetuning, put_workspace

Damage = Callable[[Path], object]
CHANGES = ("current.json", "*.lock", "cache", "cache/*", "inspections/*", "pictures/*")  # what each verb may write


def after(
    shelved: str, verb: str, name: str, damage: Damage, ends: End, *more: object, may_change: tuple[str, ...] = ()
) -> Case:
    """A verb in a workspace as another verb left it, with something in it damaged."""

    def make(place: Place) -> Words:
        put_workspace(getattr(place.shelf, shelved), place.shelf.works, place)
        damage(place.workspace)
        base = place.shelf.base
        words: dict[str, Words] = {
            "collect": ["collect", place.given / "works", "--mine", "Ada", "--leave-out", "none"],
            "encode": ["encode", "--base", base],
            "finetune": finetuning(base),
            "generate": ["generate", "a boat", "--steps", 1, "--base", base],
            "publish": ["publish", "--name", "Soft ink", "--base", base],
            "inspect": ["inspect", "--base", base],
        }
        return [*words[verb], *more, "-w", place.workspace]

    return Case(f"{verb}: {name}", make, ends, (*CHANGES, *may_change))


def the(workspace: Path, pattern: str) -> Path:
    return sorted(workspace.glob(pattern))[0]


def to(pattern: str, data: bytes | str) -> Damage:
    return lambda workspace: the(workspace, pattern).write_bytes(data.encode() if isinstance(data, str) else data)


def edited(pattern: str, change: Callable[[Any], object]) -> Damage:
    def edit(workspace: Path) -> None:
        record = json.loads(the(workspace, pattern).read_bytes())
        change(record)
        the(workspace, pattern).write_text(json.dumps(record), encoding="utf-8")

    return edit


def gone(pattern: str) -> Damage:
    return lambda workspace: the(workspace, pattern).unlink()


def cut(pattern: str) -> Damage:
    return lambda workspace: the(workspace, pattern).write_bytes(the(workspace, pattern).read_bytes()[:-7])


def flipped(pattern: str) -> Damage:
    def flip(workspace: Path) -> None:
        data = bytearray(the(workspace, pattern).read_bytes())
        data[-3] ^= 1
        the(workspace, pattern).write_bytes(data)

    return flip


def as_folder(pattern: str) -> Damage:
    def replace(workspace: Path) -> None:
        path = the(workspace, pattern)
        path.unlink()
        path.mkdir()

    return replace


def as_pipe(pattern: str) -> Damage:
    def replace(workspace: Path) -> None:
        path = the(workspace, pattern)
        path.unlink()
        os.mkfifo(path)

    return replace


def as_endless(pattern: str) -> Damage:
    def replace(workspace: Path) -> None:
        path = the(workspace, pattern)
        path.unlink()
        path.symlink_to("/dev/zero")

    return replace


def many_keys(pattern: str) -> Damage:
    return to(pattern, "{" + ",".join(f'"k{number}":1' for number in range(100_000)) + "}")


# The pointers and the collection

CURRENT, COLLECTION, FOLDER = "current.json", "collections/*/collection.json", "collections/*/folder.json"
DIGEST = "a" * 64
POINTERS = [
    after("collected", "encode", f"current.json is {name}", damage, refused(words))
    for name, damage, words in [
        ("gone", gone(CURRENT), "there is no collection"),
        ("empty", to(CURRENT, ""), "current.json cannot be read"),
        ("NUL", to(CURRENT, bytes(100)), "current.json cannot be read"),
        ("cut", cut(CURRENT), "current.json cannot be read"),
        ("a list", to(CURRENT, "[]"), "is not a valid Current"),
        ("lists without an end", to(CURRENT, "[" * 100_000), "current.json cannot be read"),
        ("a hundred thousand keys", many_keys(CURRENT), "unknown key"),
        ("a key twice", to(CURRENT, '{"run": "a", "run": "b"}'), "stands in it twice"),
        ("a folder", as_folder(CURRENT), "there is no collection"),
        ("a pipe", as_pipe(CURRENT), "there is no collection"),
        ("a device without an end", as_endless(CURRENT), "there is no collection"),
        ("a key nobody knows", to(CURRENT, '{"colection": null}'), "did you mean `collection`?"),
        ("the digest of nothing here", to(CURRENT, json.dumps({"collection": DIGEST})), "holds no collection"),
        ("a path", to(CURRENT, '{"collection": "../../../etc"}'), "collection: "),
        ("a digest that is a number", to(CURRENT, '{"collection": 7}'), "collection: "),
    ]
]
RUNS = [
    after("collected", "generate", f"current.json names {name}", to(CURRENT, json.dumps({"run": run})), end)
    for name, run, end in [
        ("no run", "never", refused("there is no style", 2)),
        ("a path", "../../runs", refused("run: ")),
        ("a hidden folder", ".git", refused("run: ")),
        ("a run with NUL", "a\0b", refused("run: ")),
        ("nothing", "", refused("run: ")),
    ]
]  # fmt: skip


def encoded(found: int) -> End:
    """As many works and texts were in the cache; the others were encoded again."""

    def check(ended: Ended) -> None:
        assert ended.code == 0, ended.words
        assert ended.told["found"] == found

    return check


def other_works(workspace: Path) -> None:
    """A whole and valid collection under the name of another."""
    edited(COLLECTION, lambda record: record["works"].pop())(workspace)


COLLECTIONS = [
    after("collected", "encode", f"the collection {name}", damage,
            refused(words, 3 if words == "cannot be opened" else 1))
    for name, damage, words in [
        ("is gone", gone(COLLECTION), "holds no collection"),
        ("is empty", to(COLLECTION, ""), "collection.json cannot be read"),
        ("is cut", cut(COLLECTION), "collection.json cannot be read"),
        ("is UTF-16", to(COLLECTION, "{}".encode("utf-16")), "collection.json cannot be read"),
        ("is a folder", as_folder(COLLECTION), "holds no collection"),
        ("is a device without an end", as_endless(COLLECTION), "holds no collection"),
        ("has no works", edited(COLLECTION, lambda record: record.update(works=[])), "works: "),
        ("has a work twice", edited(COLLECTION, lambda record: record["works"].append(record["works"][0])),
                "each name may stand once"),
        ("has a work above its folder", edited(COLLECTION, lambda record: record["works"][0].update(name="../x.png")),
                "works.0.name: "),
        ("has a work with a width of nought", edited(COLLECTION, lambda record: record["works"][0].update(width=0)),
                "works.0.width: "),
        ("has a work with a width of 10**30",
                edited(COLLECTION, lambda record: record["works"][0].update(width=10**30)),
                "collection.json cannot be read"),
        ("has a work without words", edited(COLLECTION, lambda record: record["works"][0].update(caption="")),
                "works.0.caption: "),
        ("has a work with words of half a character", to(COLLECTION, '{"works": "\\ud800"}'),
                "collection.json cannot be read"),
        ("has a work nobody permitted", edited(COLLECTION, lambda record: record["works"][0].update(rights=DIGEST)),
                "refers to a rights record that is not here"),
        ("has a permission that was edited",
                edited(COLLECTION, lambda record: next(iter(record["rights"].values())).update(permits=["train"])),
                "has another digest"),
        ("has a key nobody knows", edited(COLLECTION, lambda record: record.update(note="x")), "note: unknown key"),
        ("is of another format", edited(COLLECTION, lambda record: record.update(format="handstyle/collection/9")),
                "format: "),
        ("is another one", other_works, "is not the collection"),
        ("does not know its folder", gone(FOLDER), "folder.json does not exist"),
        ("has a folder with NUL", to(FOLDER, '{"folder": "a\\u0000b"}'), "cannot be opened"),
        ("has a folder of nothing", to(FOLDER, '{"folder": ""}'), "cannot be opened"),
        ("has a folder that is a number", to(FOLDER, '{"folder": 7}'), "folder: "),
        ("has a folder that is not there", to(FOLDER, '{"folder": "/nowhere/at/all"}'), "cannot be opened"),
    ]
]  # fmt: skip


def works_of(workspace: Path) -> Path:
    return Path(json.loads(the(workspace, FOLDER).read_bytes())["folder"])


def work_linked_out(workspace: Path) -> None:
    ant = works_of(workspace) / "ant.png"
    ant.rename(workspace.parent / "ant.png")
    ant.symlink_to(workspace.parent / "ant.png")


ORIGINALS = [
    after("collected", "encode", f"a work {name}", damage, refused(words, 3))
    for name, damage, words in [
        ("was changed", lambda w: (works_of(w) / "ant.png").write_bytes(whole(NOISE)),
                "is not the file that was collected"),
        ("is gone", lambda w: (works_of(w) / "ant.png").unlink(), "cannot be opened"),
        ("was cut", lambda w: (works_of(w) / "ant.png").write_bytes(whole(NOISE)[:99]), "is damaged"),
        ("became a folder", lambda w: ((works_of(w) / "ant.png").unlink(), (works_of(w) / "ant.png").mkdir()),
                "cannot be opened"),
        ("became a pipe", lambda w: ((works_of(w) / "ant.png").unlink(), os.mkfifo(works_of(w) / "ant.png")),
                "cannot be opened"),
        ("became a link out of the folder", work_linked_out, "leads out of"),
        ("became a link to itself",
                lambda w: ((works_of(w) / "ant.png").unlink(), (works_of(w) / "ant.png").symlink_to("ant.png")),
                        "cannot be opened"),
    ]
]  # fmt: skip


# The cache: six works and seven texts

LATENT, TEXT = "latents", "text"
ENTRIES = 13


def entry(kind: str, change: Callable[[Path], object]) -> Damage:
    """Something done to the first entry of its kind."""

    def damage(workspace: Path) -> None:
        change(
            next(path for path in sorted(workspace.glob("cache/*/*.safetensors")) if f'"kind":"{kind}"' in header(path))
        )

    return damage


def header(path: Path) -> str:
    data = path.read_bytes()
    return data[8 : 8 + int.from_bytes(data[:8], "little")].decode()


def another(path: Path) -> Path:
    kind = '"kind":"latents"' if '"kind":"latents"' in header(path) else '"kind":"text"'
    return next(
        other for other in sorted(path.parents[1].glob("*/*.safetensors")) if other != path and kind in header(other)
    )


def swap(path: Path) -> None:
    other = another(path)
    content = path.read_bytes()
    path.write_bytes(other.read_bytes())
    other.write_bytes(content)


def written_again(change: Callable[[dict[str, Any]], dict[str, Any]]) -> Callable[[Path], object]:
    """Other tensors, with a digest that fits them: as only somebody who knows how could write them."""

    def write(path: Path) -> None:
        from handstyle.diffusion.checkpoints import digest_of, read_tensors, write_tensors

        tensors, metadata = read_tensors(path)
        changed = change(tensors)
        write_tensors(path, changed, {**metadata, "content": digest_of(changed)})

    return write


def each(change: Callable[[Any], Any]) -> Callable[[Path], object]:
    return written_again(lambda tensors: {name: change(tensor) for name, tensor in tensors.items()})


def pad(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"\0")


CACHE = [
    *(
        after("finished", "encode", f"an entry of {kind} {name}", entry(kind, change), encoded(ENTRIES - missing))
        for kind in (LATENT, TEXT)
        for name, change, missing in [
            ("is gone", lambda path: path.unlink(), 1),
            ("is empty", lambda path: path.write_bytes(b""), 1),
            ("is half-written", lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]), 1),
            ("has a byte too many", pad, 1),
            ("is a pickle", lambda path: path.write_bytes(b"\x80\x04\x95"), 1),
            ("has a header up to the end of the world", lambda path: path.write_bytes(struct.pack("<Q", 2**62)), 1),
            ("is a pipe", lambda path: (path.unlink(), os.mkfifo(path)), 1),
            ("is a device without an end", lambda path: (path.unlink(), path.symlink_to("/dev/zero")), 1),
            ("is swapped with another", swap, 2),
            ("is of another shape", each(lambda tensor: tensor[..., :1].contiguous()), 1),
            ("is of another type", each(lambda tensor: tensor.half()), 1),
            ("holds no numbers", each(lambda tensor: tensor * float("nan")), 1),
            ("lacks a tensor", written_again(lambda tensors: dict(list(tensors.items())[1:])), 1),
            ("has a tensor nobody knows",
                    written_again(lambda tensors: {**tensors, "more": next(iter(tensors.values())).clone()}), 1),
        ]
    ),
    after("finished", "encode", "an entry of latents is a folder", entry(LATENT, lambda p: (p.unlink(), p.mkdir())),
            refused("could not be written")),
    after("finished", "encode", "the whole cache is a file",
            lambda w: (shutil.rmtree(w / "cache"), (w / "cache").touch()), refused("could not be written")),
    after("finished", "encode", "the whole cache is gone", lambda w: shutil.rmtree(w / "cache"), encoded(0)),
    after("finished", "encode", "half-written entries of other processes",
            lambda w: (the(w, "cache/*") / ".x.part").write_bytes(b"half"), encoded(ENTRIES)),
]  # fmt: skip


# A run, its snapshots and its style

RUN, COST, LOG = "runs/*/run.json", "runs/*/cost.json", "runs/*/steps.jsonl"
STYLE, WEIGHTS = "runs/*/style/style.json", "runs/*/style/style.safetensors"
LAST, FIRST = "runs/*/snapshots/step-000004.safetensors", "runs/*/snapshots/step-000002.safetensors"
UNFINISHED = ("runs/*",)  # going on changes the run


def unfinished(*damages: Damage) -> Damage:
    """The style is gone, so the run has to go on from its snapshots."""

    def damage(workspace: Path) -> None:
        shutil.rmtree(the(workspace, "runs/*/style"))
        for each_damage in damages:
            each_damage(workspace)

    return damage


def ended(*said: str) -> End:
    def check(done: Ended) -> None:
        assert done.code == 0, done.words
        assert done.told["steps"] == 4
        assert all(words in done.words for words in said), done.words

    return check


def resumed(name: str, damage: Damage, ends: End) -> Case:
    return after("finished", "finetune", name, unfinished(damage), ends, "--resume", may_change=UNFINISHED)


def both(pattern_damage: Callable[[str], Damage]) -> Damage:
    return lambda workspace: (pattern_damage(LAST)(workspace), pattern_damage(FIRST)(workspace))


PASSED_OVER = ended("the snapshot before it is used")
SNAPSHOTS = [
    resumed("its last snapshot is whole", lambda workspace: None, ended()),
    resumed("its last snapshot has a bit flipped", flipped(LAST), PASSED_OVER),
    resumed("its last snapshot is cut", cut(LAST), PASSED_OVER),
    resumed("its last snapshot is empty", to(LAST, b""), PASSED_OVER),
    resumed("its last snapshot is a folder", as_folder(LAST), refused("Is a directory")),
    resumed("its last snapshot is a pipe", as_pipe(LAST), PASSED_OVER),
    resumed("its last snapshot is a device without an end", as_endless(LAST), PASSED_OVER),
    resumed("its last snapshot is the first under another name", lambda w: shutil.copy(the(w, FIRST), the(w, LAST)),
            ended()),
    resumed("a snapshot of step 10**30",
            lambda w: shutil.copy(the(w, FIRST), the(w, FIRST).with_name(f"step-{10**30}.safetensors")), ended()),
    resumed("a snapshot of step ١٢٣٤٥٦",
            lambda w: shutil.copy(the(w, FIRST), the(w, FIRST).with_name("step-١٢٣٤٥٦.safetensors")), ended()),
    resumed("both snapshots are cut", both(cut), refused("is not a whole safetensors file")),
    resumed("both snapshots are empty", both(lambda pattern: to(pattern, b"")),
            refused("is not a whole safetensors file")),
    resumed("no snapshot is left", both(gone), ended()),
    resumed("run.json is empty", to(RUN, ""), ended()),
    resumed("steps.jsonl is lists without an end", to(LOG, "[" * 100_000), ended()),
    resumed("steps.jsonl is NUL", to(LOG, bytes(1000)), ended()),
    resumed("cost.json is empty", to(COST, ""), refused("cost.json cannot be read")),
    after("finished", "finetune", "it is not asked to go on", unfinished(), refused("Continue it with --resume")),
]  # fmt: skip

STYLES = [
    after("finished", "generate", f"the style {name}", damage, refused(words, code))
    for name, damage, words, code in [
        ("is gone", gone(STYLE), "there is no style", 2),
        ("has a record that is empty", to(STYLE, ""), "style.json cannot be read", 1),
        ("has a record of a hundred thousand keys", many_keys(STYLE), "unknown key", 1),
        ("has a record of another format", edited(STYLE, lambda record: record.update(format="x")), "format: ", 1),
        ("has a recipe that is none", edited(STYLE, lambda record: record["recipe"].update(rank=0)), "recipe.rank: ",
                1),
        ("has no weights", gone(WEIGHTS), "is not a whole safetensors file", 1),
        ("has weights that were cut", cut(WEIGHTS), "is not a whole safetensors file", 1),
        ("has weights with a bit flipped", flipped(WEIGHTS), "does not hold the tensors its record names", 1),
        ("has weights that are a pickle", to(WEIGHTS, b"\x80\x04\x95"), "is not a whole safetensors file", 1),
        ("has weights that are a pipe", as_pipe(WEIGHTS), "is not a whole safetensors file", 1),
        ("has weights that are a device", as_endless(WEIGHTS), "is not a whole safetensors file", 1),
    ]
]  # fmt: skip


def weights(change: Callable[[Any], Any], rename: Callable[[str], str] = str) -> Damage:
    """Other weights, and a record that names them."""

    def damage(workspace: Path) -> None:
        from handstyle import digests
        from handstyle.diffusion.checkpoints import read_tensors, write_tensors

        path = the(workspace, WEIGHTS)
        tensors, metadata = read_tensors(path)
        write_tensors(path, {rename(name): change(tensor) for name, tensor in tensors.items()}, metadata)
        edited(STYLE, lambda record: record.update(tensors=digests.of_tensor_file(path)))(workspace)

    return damage


STYLES += [
    after("finished", "generate", f"the style has weights {name}", damage, refused(words, code))
    for name, damage, words, code in [
        ("that are no numbers", weights(lambda tensor: tensor * float("nan")), "not a number", 1),
        ("without an end", weights(lambda tensor: tensor + float("inf")), "not a number", 1),
        ("of another shape", weights(lambda tensor: tensor[:1].contiguous()), "was made for another base", 2),
        ("of other names", weights(lambda tensor: tensor, lambda name: f"x.{name}"), "was made for another base", 2),
    ]
]  # fmt: skip

REPORT = "inspections/*/report.json"
REPORTS = [
    after("inspected", "publish", f"the report {name}", damage, refused(words, code),
            may_change=("releases", "releases/*"))
    for name, damage, words, code in [
        ("is gone", gone(REPORT), "report.json does not exist", 1),
        ("is empty", to(REPORT, ""), "report.json cannot be read", 1),
        ("has a number that is none", to(REPORT, '{"works_withheld": NaN}'), "report.json cannot be read", 1),
        ("is of another style", edited(REPORT, lambda record: record.update(style=DIGEST)), "speaks of other weights",
                3),
        ("is of another collection", edited(REPORT, lambda record: record.update(collection=DIGEST)),
                "speaks of another collection", 3),
        ("lacks its findings", edited(REPORT, lambda record: record.pop("copying")), "copying: ", 1),
        ("names a picture above it",
                edited(REPORT, lambda record: record["works"][0].update(picture="../../../secret.png")),
                        "works.0.picture: ", 1),
    ]
]  # fmt: skip

CASES: list[Case] = [*POINTERS, *RUNS, *COLLECTIONS, *ORIGINALS, *CACHE, *SNAPSHOTS, *STYLES, *REPORTS]
