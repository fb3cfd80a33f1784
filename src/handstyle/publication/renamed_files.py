"""Which files does a release hold once its style is called otherwise?

All that it held: records, cards and records for others made anew from its own records; headers of weights rewritten
before the same tensors; what holders and licences say, and makers of a base, as they said it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from handstyle.collection.permission import CONSENTS
from handstyle.diffusion import base_provenance
from handstyle.errors import ReleaseBroken
from handstyle.finetuning.trained_style import TrainedStyle
from handstyle.inspection import page
from handstyle.inspection.report import InspectionReport
from handstyle.publication import (
    card,
    copyright_policy,
    dialects,
    foreign_seals,
    new_words,
    package,
    pictures_in_page,
    provenance,
    records_for_others,
    release_records,
    traces,
)
from handstyle.publication.clearance import CLASS_IMAGE, Clearance, attributions
from handstyle.publication.disclosure import CLASS_IMAGES, COLLECTION, PublishedCollection
from handstyle.publication.log_proof import PROOF
from handstyle.publication.new_words import NewWords
from handstyle.publication.provenance import ENVELOPE, Statement
from handstyle.publication.records_for_others import BILL_OF_MATERIALS, CROISSANT, POLICY, SUMMARY
from handstyle.publication.verification import verify
from handstyle.records import write
from handstyle.tensor_files import digest, metadata_of, tensors_in, write_tensors, write_with_metadata

# What holders, licences and the makers of a base say stays as they said it: nobody may rewrite that.
AS_SIGNED = (f"{CONSENTS}/", f"{release_records.LICENCES}/", base_provenance.FILE)
FOR_OTHERS = (CROISSANT, BILL_OF_MATERIALS, SUMMARY, POLICY)


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


def weights(old: Release, words: NewWords, into: Path) -> list[provenance.Weights]:
    """The same bytes of tensors behind new headers; where a new word lies among them, it is called by the new one."""
    weights = []
    for file in old.statement.weights:
        original = old.folder / release_records.WEIGHTS / file.path
        renamed = file.model_copy(update={"path": words.path(file.path)})
        target = into / release_records.WEIGHTS / renamed.path
        metadata = new_words.header_in(words, metadata_of(original))
        with tensors_in(original) as tensors:
            before, after = (f"{dialects.BUNDLED}{word}." for word in (words.identifier_before, words.identifier))
            if words.withdraws_the_identifier and any(name.startswith(before) for name in tensors):
                called = {name.replace(before, after, 1): tensor for name, tensor in tensors.items()}
                write_tensors(target, called, metadata)
                renamed = renamed.model_copy(update={"tensors": digest(called)})
            else:
                write_with_metadata(target, original, metadata)
        weights.append(renamed)
    return weights


def other_files(old: Release, words: NewWords, into: Path) -> list[str]:
    """Every other file that is not made anew. Returns those that had to be left out."""
    anew = {
        *release_records.ALWAYS,
        *(CLASS_IMAGES, PROOF),
        *(f"{release_records.WEIGHTS}/{file.path}" for file in old.statement.weights),
    }
    left_out = []
    for listed in old.statement.files:
        if listed.path in anew or foreign_seals.is_one(listed.path):
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


def write_records(
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
    for path, content in _for_others(old, style, cleared, weights, signer, into).items():
        write(into / path, content)


def _for_others(
    old: Release, style: TrainedStyle, cleared: Clearance, weights: list[provenance.Weights], signer: str, into: Path
) -> dict[str, bytes]:
    """Made anew as far as the old release has them; whom people turn to stays."""
    listed = {file.path for file in old.statement.files}
    told = (old.folder / POLICY).read_text(encoding="utf-8") if POLICY in listed else ""
    made = records_for_others.files(
        PublishedCollection.load(into / COLLECTION),
        style,
        cleared,
        package.digests_for_others(into, weights),
        class_images=old.collections.get(CLASS_IMAGES),
        contact=copyright_policy.contact_told(told),
        signer=signer,
    )
    return {path: content for path, content in made.items() if path in listed}


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
        territory=statement.territory,
        attributions=(
            *attributions(old.collections[COLLECTION]),
            *(attributions(beside, CLASS_IMAGE) if beside else ()),
        ),
        reasons=(),
    )
