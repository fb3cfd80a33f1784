"""Which parsers read what people and handstyle itself have written?"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tests.hostile import mutations
from tests.hostile.bench import (
    Bench,
    by_suffix,
    in_folder,
    mutating,
    named,
    of_cases,
    of_one_file,
)
from tests.hostile.mutations import Chance, partwise

if TYPE_CHECKING:
    pass


def captions(folder: Path) -> Bench:
    from tests.hostile import captions as cases
    from tests.hostile.png import GOOD

    from handstyle.collection.intake import collect
    from handstyle.collection.rights import own_work
    from handstyle.collection.rights_plan import for_all
    from handstyle.collection.works import Collection
    from handstyle.records import load_json

    given = folder / "given"
    given.mkdir()
    (given / "boat.png").write_bytes(GOOD)
    _, put, restore = in_folder({}, given)
    examples = of_cases(cases.CASES, "boat.txt", "metadata.jsonl", "metadata.csv")

    def read() -> object:
        collection = collect(given, rights=for_all(own_work("Ada")), validation=0.0)
        saved = collection.save(folder / "collection.json")
        assert Collection.read(load_json(saved), where="") == collection
        return None

    def mutate(data: bytes, chance: Chance, others: Sequence[bytes]) -> bytes:
        return mutating(lambda name: partwise(mutations.lines_of, b"".join))(data, chance, others)

    return Bench(examples, put, read, given, mutate, restore)


def permissions(folder: Path) -> Bench:
    from tests.collection.consents import signed
    from tests.hostile import rights as cases

    from handstyle.collection.rights_plan import read_rights_toml

    given = folder / "given"
    given.mkdir()
    (given / "letter.pdf").write_bytes(b"%PDF a letter")
    (given / "ada.consent.json").write_bytes(signed().data)
    consented = b'[[rights]]\nconsent = "ada.consent.json"\nevidence = ["letter.pdf"]\n'

    def read() -> object:
        plan = read_rights_toml(given / "rights.toml")
        assert all(record.digest for name in ("boat.png", "ships/a [1].png") for record in plan.rights_for(name))
        return None

    examples = [*of_cases(cases.CASES, "rights.toml"), consented]
    return Bench(examples, (given / "rights.toml").write_bytes, read, given, mutations.tomlwise)


def terms(folder: Path) -> Bench:
    """From what is asked for to the statement and its page: what is drafted must be what is opened again."""
    from tests.collection import consents

    from handstyle.collection import consent, consent_page
    from handstyle.collection.terms import Terms, statement, toml

    asked = consents.asked()
    example = toml(author=asked.author, holders=asked.holders, on=consents.TODAY, scope=asked.scope)

    def read(path: Path) -> object:
        asked = Terms.at(path)
        made = statement(asked, consents.WORKS, background="white", on=consents.TODAY, beside=path.parent)
        drafted = consent.drafted(made)
        assert consent.opened(drafted.data, "the draft").statement == made
        assert consent_page.page(drafted)
        return None

    more = [consents.asked(distribution="named", recipients=["Kim"], commercial=True, territory=["DE"])]
    examples = [example, *(toml(author="Ada", holders=a.holders, on=consents.TODAY, scope=a.scope) for a in more)]
    return of_one_file("terms.toml", [text.encode() for text in examples], read, mutations.tomlwise)(folder)


def recipes(folder: Path) -> Bench:
    from handstyle.finetuning.recipe import PRESETS, Recipe

    def read(path: Path) -> object:
        recipe = Recipe.from_toml(path)
        assert Recipe.from_toml(recipe.to_toml(folder / "again.toml")) == recipe
        assert recipe.digest and recipe.words("a boat") and recipe.max_train.in_steps(30, recipe.train_batch_size)
        return None

    examples = [*(path.read_bytes() for path in sorted(PRESETS.glob("*.toml"))), Recipe().as_toml().encode()]
    return of_one_file("recipe.toml", examples, read, mutations.tomlwise)(folder)


def licences(folder: Path) -> Bench:
    from handstyle.collection.licence_expressions import spelled
    from handstyle.collection.rights import open_licence

    def read(path: Path) -> object:
        text = path.read_text(encoding="utf-8", errors="replace")
        record = open_licence(text, "Ada", "https://example.org")
        assert record.licence == spelled(record.licence or "") and record.digest
        return None

    examples = [b"CC-BY-4.0", b"MIT AND Apache-2.0", b"(GPL-2.0-or-later WITH Classpath-exception-2.0 OR MIT) AND ISC"]
    return of_one_file("licence.txt", examples, read, partwise(mutations.words_of, b" ".join))(folder)


def records(folder: Path) -> Bench:
    """The records that a workspace, a style's folder and a release are made of: read, written, read again."""
    from tests.publication.ingredients import gathered

    from handstyle.finetuning.manifest import RunManifest
    from handstyle.inspection import page
    from handstyle.records import Record, load_json
    from handstyle.workspace import Current, OriginalFolder

    given = folder / "given"
    for place in (given, folder / "ingredients"):
        place.mkdir()
    made = gathered(folder / "ingredients")
    manifest = RunManifest(
        collection="c" * 64, works=2, base=made.style.base, recipe=made.style.recipe, resolution=64, steps=4,
        environment={"torch": "2"},
    )  # fmt: skip
    found: dict[str, Record] = {
        "collection.json": made.collection, "style.json": made.style, "report.json": made.report,
        "manifest.json": manifest, "current.json": Current(collection="c" * 64), "clearance.json": made.cleared,
        "folder.json": OriginalFolder(folder="/works"),
    }  # fmt: skip
    current: list[str] = []
    _, put_one, restore = in_folder({}, given)

    def put(data: bytes) -> None:
        current[:] = [put_one(data).name]

    def read() -> object:
        kind = type(found[current[0]])
        record = kind.load(given / current[0])
        assert kind.read(load_json(record.save(folder / "again.json")), where="") == record and record.digest
        if current[0] == "report.json":
            page.page(record, folder, public=True)  # type: ignore[arg-type]
        return None

    examples = [named(name, json.dumps(record.as_json()).encode()) for name, record in found.items()]
    return Bench(examples, put, read, given, mutating(by_suffix), restore)


def ledger(folder: Path) -> Bench:
    """The lines that count pictures."""
    from datetime import date

    from handstyle.generation import ledger as ours

    path = folder / "whole.jsonl"
    for number in range(3):
        ours.add(path, "made", ["a" * 64], number, "b" * 64, date(2026, 11, 25))

    def read(path: Path) -> object:
        assert ours.count(path, "a" * 64).made <= 3 * 10**9
        return None

    mutate = partwise(mutations.lines_of, b"".join)
    return of_one_file("ledger.jsonl", [path.read_bytes()], read, mutate)(folder)
