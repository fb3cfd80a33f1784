"""How does a style get another name everywhere, while its weights, and the report on them, stay what they are?

What is renamed stands beside the old one: made anew from the old one's own records, searched byte for byte for the
old name and, if it is a release, signed again and verified like anybody else's. Nothing is altered in place.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from handstyle import digests
from handstyle.collection.works import Collection
from handstyle.errors import ReleaseBroken, UsageMistake
from handstyle.finetuning.trained_style import RECORD, WEIGHTS, TrainedStyle
from handstyle.inspection import page
from handstyle.inspection.report import InspectionReport
from handstyle.keys import fingerprint
from handstyle.publication import foreign_seals, new_words, provenance, renamed_files, traces
from handstyle.publication.disclosure import CLASS_IMAGES, COLLECTION, PublishedCollection, published
from handstyle.publication.log_proof import PROOF, LogProof
from handstyle.publication.new_words import Asked, NewWords
from handstyle.publication.provenance import ENVELOPE, ListedFile, Statement
from handstyle.publication.verification import verify
from handstyle.publication.work_credentials import WorkCredential
from handstyle.records import Record, write
from handstyle.tensor_files import metadata_of, write_with_metadata

INSPECTION = "inspection"
# Style, collections, statement and the name before -> what the release carries of the log.
Prove = Callable[[TrainedStyle, Sequence[PublishedCollection], Statement, str], LogProof]


class Renamed(Record):
    """What `rename` leaves behind."""

    folder: str
    title: str
    name: str
    name_before: str
    identifier: str
    withdrew_identifier: bool
    tensors: str  # as before
    signer: str | None  # of a release
    signer_before: str | None
    files_searched: int
    left_out: tuple[str, ...]  # files that still held the old name and that are not ours to rewrite


def release_at(*places: Path) -> Path | None:
    return next((place for place in places if (place / ENVELOPE).is_file()), None)


def style_at(*places: Path) -> Path:
    """The run whose style is meant. Raises UsageMistake."""
    for place in places:
        if (place / "style" / RECORD).is_file():
            return place
    raise UsageMistake(
        f"there is no release and no style at {places[-1]}",
        hint="Name the folder of a release, or a run of the workspace.",
    )


def release(
    source: Path,
    into: Path,
    asked: Asked,
    key: Ed25519PrivateKey,
    prove: Prove | None = None,
    own_credentials: Mapping[str, WorkCredential] | None = None,
) -> Renamed:
    """The release in `source` under another name, in the empty folder `into`; `prove` logs it, where there is a log.
    `own_credentials` are those that works carry themselves: one that holds the old name stays behind."""
    old = renamed_files.Release.at(source)
    base = old.statement.lineage.base_provenance.words
    words = new_words.words_for(asked, old.statement.title, old.style, old.report, old.collections, [base])
    style = new_words.style_in(words, old.style, asked.on)
    weights, left_out = renamed_files.weights(old, words, into), renamed_files.other_files(old, words, into)
    signer = fingerprint(key.public_key())
    renamed_files.write_records(old, words, style, weights, signer, into)
    collections = [PublishedCollection.load(into / file) for file in old.collections]
    silent = {work: own for work, own in (own_credentials or {}).items()
              if not traces.in_bytes(own.told.encode(), words.sought)}  # fmt: skip
    foreign_seals.add(into, collections, style, weights, key, silent)
    seals = [file.path for file in old.statement.files if foreign_seals.is_one(file.path)]
    left_out += [path for path in seals if not (into / path).is_file()]  # what makes them is not installed here
    statement = old.statement.model_copy(
        update={
            "name": words.name,
            "title": words.title,
            "lineage": old.statement.lineage.model_copy(update={"recipe": style.recipe.digest}),
            "weights": tuple(weights),
            "files": tuple(_listed(into)),
        }
    )
    if prove is None and any(file.path == PROOF for file in old.statement.files):
        left_out.append(PROOF)  # it proves that the old name was logged
    if prove is not None:
        proof = prove(style, list(old.collections.values()), statement, old.statement.name)
        write(into / PROOF, digests.canonical(proof.as_json()))
        statement = statement.model_copy(update={"files": tuple(_listed(into))})
    write(into / ENVELOPE, provenance.sign(statement, key))
    searched = prove_gone(into, words)
    _require_intact(into)
    return _renamed(into, words, style, searched, signer, old.signer, left_out)


def run(
    style_folder: Path,
    inspection: Path | None,
    collection: Collection,
    class_images: Collection | None,
    asked: Asked,
    into: Path,
) -> Renamed:
    """The style of a run under another name, in the empty folder `into`, and beside it its inspection, if any."""
    style, collections = TrainedStyle.open(style_folder), {COLLECTION: published(collection)}
    collections |= {CLASS_IMAGES: published(class_images)} if class_images else {}
    report = InspectionReport.load(inspection / "report.json") if inspection else None
    words = new_words.words_for(asked, style.name, style, report, collections)
    style = new_words.style_in(words, style, asked.on).model_copy(update={"name": words.name})
    metadata = new_words.header_in(words, metadata_of(style_folder / WEIGHTS))
    write_with_metadata(into / "style" / WEIGHTS, style_folder / WEIGHTS, metadata)
    style.save(into / "style" / RECORD)
    if report and inspection:
        said, place = new_words.report_in(words, report, style), into / INSPECTION
        said.save(place / "report.json")
        shutil.copytree(inspection / "pictures", place / "pictures")
        write(place / "report.html", page.page(said, place / "pictures", public=False).encode())
    return _renamed(into, words, style, prove_gone(into, words), None, None, [])


def prove_gone(folder: Path, words: NewWords) -> int:
    """How many files were searched. Raises ReleaseBroken while the old name is left in one."""
    # The proof from a log says what these records say, and verification holds them against each other.
    passed_over = (*renamed_files.AS_SIGNED, COLLECTION, CLASS_IMAGES, *renamed_files.FOR_OTHERS, PROOF)
    found = traces.traces(folder, words.sought, passed_over=passed_over)
    for file in renamed_files.FOR_OTHERS:
        told = (folder / file).read_bytes() if (folder / file).is_file() else b""
        if name := traces.in_bytes(told, words.sought_beside_credit):
            found.append((file, f"holds {name!r}"))
    for file in (COLLECTION, CLASS_IMAGES):  # its permissions are credit, all of it
        path = folder / file
        works = PublishedCollection.load(path).works if path.is_file() else ()
        told = json.dumps([(work.name, work.caption) for work in works]).encode()
        if name := traces.in_bytes(told, words.sought):
            found.append((file, f"holds {name!r}"))
    if found:
        raise ReleaseBroken(
            "The old name could not be put away everywhere, so nothing was renamed",
            faults=[f"{where} {what}" for where, what in found],
            hint="Publish again from the workspace, or finetune again without that name.",
        )
    return sum(1 for path in folder.rglob("*") if path.is_file())


def _listed(folder: Path) -> Iterator[ListedFile]:
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        name = path.relative_to(folder).as_posix()
        yield ListedFile(path=name, sha256=digests.of_file(path), size=path.stat().st_size)


def _require_intact(folder: Path) -> None:
    answer = verify(folder)
    if answer.status == "broken":
        raise ReleaseBroken(
            "The release does not verify under its new name, so nothing was renamed",
            faults=[f"{finding.where} {finding.words}" for finding in answer.findings],
            hint="Publish again from the workspace it was made in.",
        )


def _renamed(
    folder: Path,
    words: NewWords,
    style: TrainedStyle,
    searched: int,
    signer: str | None,
    signer_before: str | None,
    left_out: list[str],
) -> Renamed:
    return Renamed(
        folder=str(folder),
        title=words.title,
        name=words.name,
        name_before=words.name_before,
        identifier=words.identifier,
        withdrew_identifier=words.withdraws_the_identifier,
        tensors=style.tensors,
        signer=signer,
        signer_before=signer_before,
        files_searched=searched,
        left_out=tuple(left_out),
    )
