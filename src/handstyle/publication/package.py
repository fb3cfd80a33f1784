"""How does a style with its records become a folder that may leave the house?

    README.md          the card            report.html, report.json   the inspection, with what may be shown
    LICENSE.md         the licence         collection.json            the works, with what may be shown
    licences/          the works' texts    recipe.toml, style.json    how it was trained
    weights/           for other tools     consents/                  what the holders signed
    class-images.json  like collection     bom.cdx.json               for bills of materials
    croissant.json     for data sets       TRAINING_SUMMARY.md, COPYRIGHT_POLICY.md
    credentials/, model.sig, certificate.pem   what other tools verify, where the extra `publish` is installed
    log.json           that it was logged, where there is a log
                                           handstyle.json             the signed list of all the others

It is put together beside its place, verified like anybody else's, and then moved there whole.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from handstyle import digests
from handstyle.collection import permission
from handstyle.collection.consent import Consent
from handstyle.collection.involvement import involvement
from handstyle.collection.rights import RightsRecord
from handstyle.collection.works import Collection
from handstyle.diffusion import base_provenance
from handstyle.errors import RecordDamaged, ReleaseBroken, UsageMistake
from handstyle.finetuning.trained_style import TrainedStyle
from handstyle.keys import fingerprint
from handstyle.publication import card, foreign_seals, naming, provenance, records_for_others
from handstyle.publication.clearance import Clearance
from handstyle.publication.copyright_policy import Contact, contact_in
from handstyle.publication.disclosure import CLASS_IMAGES, COLLECTION, published_collection, published_style
from handstyle.publication.log_proof import PROOF, LogProof
from handstyle.publication.provenance import ENVELOPE, Lineage, ListedFile, Statement, Weights
from handstyle.publication.release_records import CARD, LICENCE, LICENCES, RECIPE, STYLE, WEIGHTS
from handstyle.publication.verification import verify
from handstyle.publication.work_credentials import WorkCredential
from handstyle.records import write
from handstyle.workspace import unfinished


def assemble(
    folder: Path,
    *,
    collection: Collection,
    style: TrainedStyle,
    cleared: Clearance,
    weights: Sequence[Weights],
    card_text: str,
    report_files: Mapping[str, bytes],
    consents: Mapping[str, Consent],
    evidence_folders: Sequence[Path],
    key: Ed25519PrivateKey,
    class_images: Collection | None = None,
    base_statement: bytes | None = None,
    contact: Contact | None = None,
    prove: Callable[[Statement], LogProof] | None = None,
    own_credentials: Mapping[str, WorkCredential] | None = None,
) -> None:
    """A release in `folder`, where its weights are already. `report_files` (report.json, report.html) hold nothing that
    may not be shown; `consents` are found by the digests of their statements; evidence of open licences is looked for
    in `evidence_folders` and goes along, and so does `base_statement`, what somebody signed of the base. `contact` is
    whom people turn to; else the keeper whom the consents name. `prove` logs what is about to be signed, where there is
    a log. `own_credentials` are those that works carry themselves."""
    published, public_style = published_collection(collection), published_style(style)
    published_beside = published_collection(class_images) if class_images else None
    public_style.save(folder / STYLE)
    style.recipe.to_toml(folder / RECIPE)
    published.save(folder / COLLECTION)
    if published_beside:
        published_beside.save(folder / CLASS_IMAGES)
    if base_statement is not None:
        write(folder / base_provenance.FILE, base_statement)
    every = [*collection.rights.values(), *(class_images.rights.values() if class_images else ())]
    texts = {CARD: card_text.encode(), LICENCE: card.licence_text(cleared).encode(), **report_files}
    for path, content in [*texts.items(), *_licence_files(every, evidence_folders)]:
        write(folder / path, content)
    for statement_digest, signed in consents.items():
        write(permission.file_of(statement_digest, folder), signed.data)
    others = records_for_others.files(
        published, public_style, cleared, digests_for_others(folder, weights),
        class_images=published_beside, contact=contact or contact_in(consents.values()),
        signer=fingerprint(key.public_key()),
    )  # fmt: skip
    for path, content in others.items():
        write(folder / path, content)
    collections = [found for found in (published, published_beside) if found]
    foreign_seals.add(folder, collections, public_style, weights, key, own_credentials or {})
    statement = _statement(folder, collection, class_images, style, cleared, weights)
    if prove is not None:
        write(folder / PROOF, digests.canonical(prove(statement).as_json()))
        statement = _statement(folder, collection, class_images, style, cleared, weights)
    write(folder / ENVELOPE, provenance.sign(statement, key))
    verification = verify(folder)
    if not verification.holds:
        raise ReleaseBroken(
            "The release does not verify, so it was not published",
            faults=[f"{finding.where} {finding.words}" for finding in verification.findings],
            hint="Inspect the style again and publish once more.",
        )


def digests_for_others(folder: Path, weights: Sequence[Weights]) -> dict[str, str]:
    paths = (COLLECTION, *(f"{WEIGHTS}/{file.path}" for file in weights))
    return {path: digests.of_file(folder / path) for path in paths}


def _statement(
    folder: Path,
    collection: Collection,
    class_images: Collection | None,
    style: TrainedStyle,
    cleared: Clearance,
    weights: Sequence[Weights],
) -> Statement:
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return Statement(
        name=cleared.name,
        title=cleared.title,
        licence=cleared.licence,
        distribution=cleared.distribution,
        recipients=cleared.recipients,
        territory=cleared.territory,
        published=cleared.on,
        lineage=Lineage(
            collection=style.collection,
            number_of_works=len(collection.works),
            recipe=style.recipe.digest,
            base=style.base.sha256,
            tensors=style.tensors,
            report=cleared.report,
            base_provenance=cleared.base,
            involvement=involvement(collection, class_images),
        ),
        weights=tuple(weights),
        files=tuple(
            ListedFile(path=path.relative_to(folder).as_posix(), sha256=digests.of_file(path), size=path.stat().st_size)
            for path in paths
        ),
    )


def _licence_files(every: Sequence[RightsRecord], folders: Sequence[Path]) -> Iterator[tuple[str, bytes]]:
    """The texts that open licences ask to be handed on. Letters and contracts stay at home: only their digests go."""
    wanted = {
        evidence.sha256: evidence.file
        for rights in every
        if rights.basis == "open-licence"
        for evidence in rights.evidence
    }
    missing = []
    for sha256, file in sorted(wanted.items()):
        found = next((path for folder in folders if (path := folder / file).is_file()
                      and digests.of_file(path) == sha256), None)  # fmt: skip
        if found is None:
            missing.append(file)
        else:
            name = re.sub(r"[^A-Za-z0-9_]+", "-", found.stem).strip("-")
            if not name or any(naming.people_named({"file name": name}, every)):
                name = "licence"  # a file of the release is not called after somebody
            ending = found.suffix if re.fullmatch(r"\.[A-Za-z0-9]+", found.suffix) else ""
            yield f"{LICENCES}/{name}-{sha256[:8]}{ending}", found.read_bytes()
    if missing:
        raise RecordDamaged(
            "Licence texts that go with the works are gone or have changed",
            faults=missing,
            hint="Put them back where they were when the works were collected.",
        )


@contextlib.contextmanager
def unfinished_release(target: Path) -> Iterator[Path]:
    """A folder that becomes the release at `target`. Raises UsageMistake where there is one already."""
    with unfinished(target, busy=f"another handstyle process is publishing {target}") as folder:
        _refuse_to_overwrite(target)
        yield folder


def _refuse_to_overwrite(target: Path) -> None:
    if target.exists() or target.is_symlink():
        raise UsageMistake(
            f"{target} exists, and a release is never overwritten",
            hint="Publish under another name with --name, or move the old release away.",
        )
