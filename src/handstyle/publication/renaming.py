"""How does a style get another name everywhere, while its weights, and the report on them, stay what they are?

What is renamed stands beside the old one: made anew from the old one's own records, searched byte for byte for the
old name and, if it is a release, signed again and verified like anybody else's. Nothing is altered in place.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from handstyle import digests
from handstyle.collection.permission import CONSENTS
from handstyle.collection.works import Collection
from handstyle.diffusion import base_provenance
from handstyle.errors import ReleaseBroken, UsageMistake
from handstyle.finetuning.trained_style import RECORD, WEIGHTS, TrainedStyle
from handstyle.inspection import page
from handstyle.inspection.report import InspectionReport
from handstyle.keys import fingerprint
from handstyle.publication import card, new_words, pictures_in_page, provenance, release_records, traces
from handstyle.publication.clearance import CLASS_IMAGE, Clearance, attributions
from handstyle.publication.disclosure import CLASS_IMAGES, COLLECTION, PublishedCollection, published
from handstyle.publication.new_words import Asked, NewWords
from handstyle.publication.provenance import ENVELOPE, ListedFile, Statement
from handstyle.publication.verification import verify
from handstyle.records import Record, write
from handstyle.tensor_files import metadata_of, write_with_metadata

# What holders, licences and the makers of a base say stays as they said it: nobody may rewrite that.
AS_SIGNED = (f"{CONSENTS}/", f"{release_records.LICENCES}/", base_provenance.FILE)
INSPECTION = "inspection"


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


@dataclass(frozen=True)
class Release:
    """The records of a release as they are."""

    folder: Path
    statement: Statement
    signer: str
    style: TrainedStyle
    collections: dict[str, PublishedCollection]  # works and class images, by the names of their files
    report: InspectionReport

    @classmethod
    def at(cls, folder: Path) -> Release:
        """Raises ReleaseBroken for one that does not hold. That it names somebody is why one renames."""
        answer = verify(folder)
        if faults := [finding for finding in answer.findings if finding.kind not in ("name", "permission")]:
            raise ReleaseBroken(
                f"{folder} does not hold, so it is not signed under another name",
                faults=[f"{finding.where} {finding.words}" for finding in faults],
                hint="Fetch it again, or publish again from the workspace it was made in.",
            )
        statement, signer = provenance.opened((folder / ENVELOPE).read_bytes())
        return cls(
            folder,
            statement,
            signer,
            TrainedStyle.load(folder / release_records.STYLE),
            release_records.collections_in(folder, statement),
            InspectionReport.load(folder / release_records.REPORT),
        )


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


def release(source: Path, into: Path, asked: Asked, key: Ed25519PrivateKey) -> Renamed:
    """The release in `source` under another name, in the empty folder `into`."""
    old = Release.at(source)
    base = old.statement.lineage.base_provenance.words
    words = new_words.words_for(asked, old.statement.title, old.style, old.report, old.collections, [base])
    style = new_words.style_in(words, old.style, asked.on)
    weights, left_out = _weights(old, words, into), _other_files(old, words, into)
    signer = fingerprint(key.public_key())
    _write_records(old, words, style, weights, signer, into)
    statement = old.statement.model_copy(
        update={
            "name": words.name,
            "title": words.title,
            "lineage": old.statement.lineage.model_copy(update={"recipe": style.recipe.digest}),
            "weights": tuple(weights),
            "files": tuple(_listed(into)),
        }
    )
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
    found = traces.traces(folder, words.sought, passed_over=(*AS_SIGNED, COLLECTION, CLASS_IMAGES))
    for file in (COLLECTION, CLASS_IMAGES):  # its permissions are credit, all of it
        path = folder / file
        works = PublishedCollection.load(path).works if path.is_file() else ()
        told = json.dumps([(work.name, work.caption) for work in works])
        if name := traces.in_bytes(told.encode(), words.sought):
            found.append((file, f"holds {name!r}"))
    if found:
        raise ReleaseBroken(
            "The old name could not be put away everywhere, so nothing was renamed",
            faults=[f"{where} {what}" for where, what in found],
            hint="Publish again from the workspace, or finetune again without that name.",
        )
    return sum(1 for path in folder.rglob("*") if path.is_file())


def _weights(old: Release, words: NewWords, into: Path) -> list[provenance.Weights]:
    """The same bytes of tensors behind new headers."""
    weights = []
    for file in old.statement.weights:
        original = old.folder / release_records.WEIGHTS / file.path
        renamed = file.model_copy(update={"path": words.path(file.path)})
        metadata = new_words.header_in(words, metadata_of(original))
        write_with_metadata(into / release_records.WEIGHTS / renamed.path, original, metadata)
        weights.append(renamed)
    return weights


def _other_files(old: Release, words: NewWords, into: Path) -> list[str]:
    """Every other file that is not made anew. Returns those that had to be left out."""
    anew = {
        *release_records.ALWAYS,
        CLASS_IMAGES,
        *(f"{release_records.WEIGHTS}/{file.path}" for file in old.statement.weights),
    }
    left_out = []
    for listed in old.statement.files:
        if listed.path in anew:
            continue
        data, path = (old.folder / listed.path).read_bytes(), words.path(listed.path)
        signed = listed.path.startswith(AS_SIGNED)
        if words.holds(path):
            path = f"{Path(listed.path).parent.as_posix()}/{listed.sha256[:16]}{Path(listed.path).suffix}"
        if not signed:
            data = _said_anew(words, data)
        if words.holds(path) or (not signed and traces.in_bytes(data, words.sought)):
            left_out.append(listed.path)
        else:
            write(into / path, data)
    return left_out


def _said_anew(words: NewWords, data: bytes) -> bytes:
    try:
        return words.say(data.decode("utf-8")).encode()
    except UnicodeDecodeError:
        return data


def _write_records(
    old: Release, words: NewWords, style: TrainedStyle, weights: list[provenance.Weights], signer: str, into: Path
) -> None:
    report, cleared = new_words.report_in(words, old.report, style), _cleared(old, words)
    style.save(into / release_records.STYLE)
    style.recipe.to_toml(into / release_records.RECIPE)
    for file, collection in old.collections.items():
        _collection_in(words, collection).save(into / file)
    report.save(into / release_records.REPORT)
    with pictures_in_page.pictures(old.folder / release_records.REPORT_PAGE) as pictures:
        write(into / release_records.REPORT_PAGE, page.page(report, pictures, public=True).encode())
    works, beside = old.collections[COLLECTION], old.collections.get(CLASS_IMAGES)
    text = card.text(style, works, report, cleared, weights, signer, beside)
    write(into / release_records.CARD, text.encode())
    write(into / release_records.LICENCE, card.licence_text(cleared).encode())


def _collection_in(words: NewWords, collection: PublishedCollection) -> PublishedCollection:
    """A caption that holds the old name is not shown any more; the collection's digest binds it all the same."""

    def kept(text: str | None) -> str | None:
        return None if text is None or words.holds(text) else text

    works = [work.model_copy(update={"name": kept(work.name), "caption": kept(work.caption)})
             for work in collection.works]  # fmt: skip
    return collection.model_copy(update={"works": tuple(works)})


def _cleared(old: Release, words: NewWords) -> Clearance:
    """What card and licence say of the release, from its own statement."""
    statement, beside = old.statement, old.collections.get(CLASS_IMAGES)
    return Clearance(
        title=words.title,
        name=words.name,
        on=statement.published,
        style=old.style.tensors,
        collection=old.style.collection,
        report=statement.lineage.report,
        licence=statement.licence,
        base=statement.lineage.base_provenance,
        distribution=statement.distribution,
        recipients=statement.recipients,
        attributions=(
            *attributions(old.collections[COLLECTION]),
            *(attributions(beside, CLASS_IMAGE) if beside else ()),
        ),
        reasons=(),
    )


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
