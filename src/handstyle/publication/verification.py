"""Does a release hold what it claims?

Every file against the signed list, the records against each other, and each file of weights, tensor by tensor,
against the style that was trained. It needs no network, no torch and no account, and trusts nothing in the folder.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any, Literal

from handstyle import digests
from handstyle.diffusion.base_provenance import BaseProvenance
from handstyle.errors import RecordDamaged, UsageMistake
from handstyle.publication import base_records, log_news, log_proof, permission_records, provenance, release_records
from handstyle.publication.disclosure import COLLECTION
from handstyle.publication.log_memory import Seen
from handstyle.publication.log_news import Judged, News
from handstyle.publication.permission_records import Standing
from handstyle.publication.provenance import ENVELOPE, LARGEST_ENVELOPE, ListedFile, Statement
from handstyle.records import Record

JUNCTION = 0xA0000003  # what Windows calls a folder that is another folder

NOT_KNOWN = Standing((), ())
DEEPEST = 32  # folders inside folders

Status = Literal["trusted", "intact", "unknown", "lapsed", "withdrawn", "broken"]


class Finding(Record):
    """Something that does not hold."""

    kind: Literal[
        "signature", "path", "link", "missing", "extra", "changed",
        "record", "permission", "name", "base", "weights", "signer", "log", "news",
    ]  # fmt: skip
    where: str
    words: str


class Verification(Record):
    """`trusted`: it holds and the signer is one you named. `intact`: it holds; who signed is for you to judge.
    `unknown`: it holds, but none of those you named signed it, or there is no recent news of its permissions.
    `lapsed`: it holds, and its permission has ended since. `withdrawn`: it holds, and a permission was taken back.
    `broken`: it does not hold, or its log does not."""

    format: Literal["handstyle/verification/1"] = "handstyle/verification/1"
    status: Status
    words: str
    name: str | None
    signer: str | None
    published: str | None
    base: BaseProvenance | None = None  # what the base was made from, as far as you can know it
    permission: tuple[str, ...]  # signed or stated, by whom, for which of the works
    log: tuple[str, ...] = ()  # where it is logged, and what is known from there
    withdrawn_since: date | None = None
    unknown_since: date | None = None  # the day of the last news, where it is too old
    number_of_files: int
    findings: tuple[Finding, ...]

    @property
    def holds(self) -> bool:
        return self.status in ("trusted", "intact")


def verify(
    folder: Path, trusted: frozenset[str] | None = None, on: date | None = None, news: News | None = None
) -> Verification:
    """`trusted` are fingerprints (`keys.trusted_fingerprints`); None asks nothing about the signer. `on` is today;
    without `news` nothing is asked of the log but what lies in the release."""
    return judged(folder, trusted, on, news)[0]


def judged(
    folder: Path, trusted: frozenset[str] | None = None, on: date | None = None, news: News | None = None
) -> tuple[Verification, Seen | None]:
    """The same, and what to remember of the log for the next time."""
    if not folder.is_dir():
        raise UsageMistake(f"{folder} is not a folder", hint="Name the folder of a release.")
    statement: Statement | None = None
    signer: str | None = None
    standing, heard, on = NOT_KNOWN, Judged(), on or date.today()
    if not os.path.exists(folder / ENVELOPE):  # noqa: PTH110 - pathlib's raises where the folder is closed  # not worth a walk through what may be somebody's whole disk
        words = "is missing, so nobody vouches for these files"
        return _judged(statement, signer, trusted, [Finding(kind="signature", where=ENVELOPE, words=words)]), None
    present, findings = _scanned(folder)
    try:
        statement, signer = _opened(folder, present)
    except RecordDamaged as damage:
        findings.append(Finding(kind="signature", where=ENVELOPE, words=damage.what))
    if statement is not None and signer is not None:
        listed = _listed(statement, findings)
        findings += _compared(folder, present, listed)
        if not findings:
            # Only now is it known that these are the bytes somebody signed.
            findings += [Finding(kind=kind, where=where, words=words) for kind, where, words in
                         release_records.faults(folder, statement, on)]  # fmt: skip
            if not findings:
                standing = permission_records.standing(release_records.collections_in(folder, statement), on)
                heard = _heard(folder, listed, signer, news, on)
                findings += [Finding(kind="log", where=where, words=words) for where, words in heard.faults]
    answer = _judged(statement, signer, trusted, findings, standing, heard)
    if statement is not None and answer.status != "broken":
        base = base_records.seen(folder, statement, trusted or frozenset())
        answer = answer.model_copy(update={"base": base})
    return answer, heard.remember


def strictly(answer: Verification) -> Verification:
    """For whoever refuses a style on a base of which they do not know what it was made from."""
    if not answer.holds or answer.base is None or answer.base.made_from != "unknown":
        return answer
    finding = Finding(kind="base", where=ENVELOPE, words=f"the base was {answer.base.words}")
    words = f"{answer.words}, but what its base was made from is not known"
    return answer.model_copy(update={"status": "unknown", "words": words, "findings": (*answer.findings, finding)})


def _heard(folder: Path, listed: Mapping[str, ListedFile], signer: str, news: News | None, on: date) -> Judged:
    """What is known of its permissions besides the release."""
    if log_proof.PROOF not in listed:
        words = "it is in no log: integrity only. Whether a permission was taken back since cannot be known from it"
        return Judged(lines=[words], is_stale=bool(news and news.copies))
    found = log_news.judge(log_proof.opened(folder / log_proof.PROOF), signer, news or News(), on)
    found.is_stale = found.is_stale and news is not None
    return found


def _judged(
    statement: Statement | None,
    signer: str | None,
    trusted: frozenset[str] | None,
    findings: list[Finding],
    standing: Standing = NOT_KNOWN,
    heard: Judged | None = None,
) -> Verification:
    heard = heard or Judged()
    status, words, further = _status(signer, trusted, findings, standing, heard)
    return Verification(
        status=status,
        words=words,
        name=_shown(statement.name) if statement else None,
        signer=signer,
        published=_shown(statement.published) if statement else None,
        permission=tuple(map(_shown, standing.lines)),
        log=tuple(map(_shown, heard.lines)),
        withdrawn_since=heard.withdrawn_since if status != "broken" else None,
        unknown_since=heard.newest if heard.is_stale else None,
        number_of_files=len(statement.files) if statement else 0,
        findings=(*findings, *further),
    )


def _status(
    signer: str | None, trusted: frozenset[str] | None, findings: list[Finding], standing: Standing, heard: Judged
) -> tuple[Status, str, list[Finding]]:
    """The worst that is known, first; with what else to show."""
    if findings:
        number = f"{len(findings)} {'thing does' if len(findings) == 1 else 'things do'}"
        return "broken", f"broken: {number} not hold", []
    known = f"intact, signer {signer} unknown" if trusted is None else f"intact, signed by {signer}, whom you trust"
    if trusted is not None and signer not in trusted:
        # Whom to trust comes first: what a stranger's release says of its permission is a stranger's word.
        words = f"intact, but signed by {signer}, who is not among the {len(trusted)} you trust"
        strange = [Finding(kind="signer", where=ENVELOPE, words=f"signed by {signer}, whom you did not name")]
        if heard.withdrawn_since:
            words += f"; a permission was taken back: WITHDRAWN since {heard.withdrawn_since}"
        elif standing.ended:
            words += "; and its permission has ended"
        return "unknown", words, [*strange, *_ended(standing)]
    if heard.withdrawn_since:
        words = f"a permission was taken back: WITHDRAWN since {heard.withdrawn_since}"
        return "withdrawn", f"intact, but {words}", [Finding(kind="permission", where=COLLECTION, words=words)]
    if standing.ended:
        return "lapsed", f"{known}; and its permission has ended", _ended(standing)
    if heard.is_stale:
        when = f"since {heard.newest}" if heard.newest else "from the beginning"
        words = f"whether its permissions still stand is UNKNOWN {when}: there is no newer news of its log"
        return "unknown", f"intact, but {words}", [Finding(kind="news", where=log_proof.PROOF, words=words)]
    return "intact" if trusted is None else "trusted", known, []


def _ended(standing: Standing) -> list[Finding]:
    return [Finding(kind="permission", where=COLLECTION, words=words) for words in standing.ended]


def _scanned(folder: Path) -> tuple[dict[str, Path], list[Finding]]:
    """Every plain file by its path below the folder. Links are never followed and special files never opened."""
    present: dict[str, Path] = {}
    findings: list[Finding] = []
    for path, name, kind in _walk(folder, ""):
        if kind == "file":
            present[name] = path
        elif kind == "link":
            words = "is a link: a release holds files, and a link may point to anything"
            findings.append(Finding(kind="link", where=_shown(name), words=words))
        else:
            findings.append(Finding(kind="extra", where=_shown(name), words=f"is {kind}, which no release has"))
    return present, findings


def _walk(folder: Path, above: str) -> Iterator[tuple[Path, str, str]]:
    if above.count("/") > DEEPEST:
        yield folder, above, "a folder nested deeper than any of ours"
        return
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError:
        yield folder, above, "a folder that cannot be read"
        return
    if not entries and above:
        yield folder, above, "an empty folder"
    for entry in entries:
        name = f"{above}/{entry.name}" if above else entry.name
        status = entry.stat(follow_symlinks=False)
        if entry.is_symlink() or getattr(status, "st_reparse_tag", 0) == JUNCTION:
            yield Path(entry.path), name, "link"
        elif stat.S_ISDIR(status.st_mode):
            yield from _walk(Path(entry.path), name)
        else:
            yield Path(entry.path), name, "file" if stat.S_ISREG(status.st_mode) else "a special file"


def _opened(folder: Path, present: Mapping[str, Path]) -> tuple[Statement, str]:
    if ENVELOPE not in present:
        raise RecordDamaged(f"there is no {ENVELOPE}, so nobody vouches for these files")
    try:
        with (folder / ENVELOPE).open("rb") as file:
            return provenance.opened(file.read(LARGEST_ENVELOPE + 1))
    except OSError as error:
        raise RecordDamaged(f"{ENVELOPE} cannot be read: {error.strerror or error}") from error


def _listed(statement: Statement, findings: list[Finding]) -> dict[str, ListedFile]:
    """The files of the statement whose paths are harmless, each once also where case does not count."""
    listed: dict[str, ListedFile] = {}
    seen: set[str] = set()
    for file in statement.files:
        if not provenance.is_plain(file.path):
            words = "is not the path of a file inside the release"
        elif file.path.casefold() in seen or file.path == ENVELOPE:
            words = "is listed twice"
        else:
            listed[file.path] = file
            seen.add(file.path.casefold())
            continue
        findings.append(Finding(kind="path", where=_shown(file.path), words=words))
    return listed


def _compared(folder: Path, present: Mapping[str, Path], listed: Mapping[str, ListedFile]) -> list[Finding]:
    findings = []
    for name in sorted(set(present) - set(listed) - {ENVELOPE}):
        findings.append(Finding(kind="extra", where=_shown(name), words="was not there when this was signed"))
    for name, file in sorted(listed.items()):
        if name not in present:
            findings.append(Finding(kind="missing", where=_shown(name), words="is missing"))
            continue
        try:
            changed = present[name].stat().st_size != file.size or digests.of_file(present[name]) != file.sha256
            words = "is not the file that was signed"
        except OSError as error:
            changed, words = True, f"cannot be read: {error.strerror or error}"
        if changed:
            findings.append(Finding(kind="changed", where=_shown(name), words=words))
    return findings


def _shown(text: Any) -> str:
    """Names come from strangers: what a terminal could take for a command is spelled out."""
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in str(text))
