"""Which parsers read what takes permissions back, and the logs that prove what was said when?"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from tests.hostile import mutations
from tests.hostile.bench import Bench, all_in, in_folder, mutating, of_one_file
from tests.hostile.mutations import Chance, Mutation, partwise
from tests.hostile.signed_parsers import enveloped, signature_of, signer_id

BEGAN = datetime(2026, 11, 25, 12, tzinfo=UTC)


def _log(folder: Path) -> Any:
    from tests.collection.consents import ADA

    from handstyle.publication import transparency_log
    from handstyle.publication.log_entries import RenamingRecord

    log = transparency_log.start(folder, "studio.example/log", lambda: ADA, lambda: BEGAN)
    for number in range(3):
        log.append(RenamingRecord(before=f"name {number}", after="another", tensors="a" * 64))
    return log


def logs(folder: Path) -> Bench:
    """Every file of a keeper's log: what opens at all says what was signed."""
    from handstyle.publication import transparency_log
    from handstyle.publication.log_copy import copy_at

    log = _log(folder / "log")
    entries, files = log.entries(), all_in(log.folder)
    examples, put, restore = in_folder(files, log.folder)

    def read() -> object:
        assert copy_at(log.folder).entries == entries
        found = transparency_log.opened(log.folder, log.signer, log.clock)
        assert found.entries() == entries
        for one in found.logged():
            found.checkpoint_over(one.index)
        return None

    def of(name: str) -> Mutation:
        return mutations.jsonwise if name.endswith(".json") else partwise(mutations.lines_of, b"".join)

    kept = [example for example in examples if b".lock\n" not in example]
    return Bench(kept, put, read, log.folder, mutating(of), restore)


def log_proofs(folder: Path) -> Bench:
    """What a release carries to show that it was logged."""
    from handstyle.publication import log_proof

    log = _log(folder / "log")
    proof = json.dumps(log_proof.prove(log, log.logged()).as_json()).encode()

    def read(path: Path) -> object:
        found = log_proof.opened(path)
        words = [word for one in found.proof.entries for word in log_proof._entry_faults(one, found)]
        return f"read: {' '.join(sorted(words))}"

    return of_one_file("log-proof.json", [proof], read, mutations.jsonwise)(folder)


def withdrawals(folder: Path) -> Bench:
    from tests.collection.consents import ADA, WORKS

    from handstyle.collection.consent import PAYLOAD_TYPE
    from handstyle.publication import withdrawal

    works = [(work.file, work.pixels) for work in WORKS]
    said: dict[str, Any] = {"holder": "Ada Example", "signer": ADA, "since": date(2026, 11, 25)}
    examples = [withdrawal.made(works, **said, evidence=letter).data for letter in (None, "e" * 64)]

    def mutate(data: bytes, chance: Chance, others: Sequence[bytes]) -> bytes:
        sign = [lambda message: {"keyid": signer_id(ADA), "sig": signature_of(ADA, message)}]
        return enveloped(data, chance, others, PAYLOAD_TYPE, sign)

    def read(path: Path) -> object:
        found = withdrawal.read(path)
        assert found.data == path.read_bytes() and found.record.digest
        return None

    return of_one_file("ada.withdrawal.json", examples, read, mutate)(folder)


def policies(folder: Path) -> Bench:
    from tests.collection.consents import ADA

    from handstyle import policy
    from handstyle.workspace import Workspace

    example = f'unknown_base = "refuse"\ntrusted_for_bases = ["{ADA.public}", "{signer_id(ADA)}"]\n'.encode()

    def read(path: Path) -> object:
        assert policy.of(Workspace(path.parent)).unknown_base
        return None

    return of_one_file("policy.toml", [example], read, mutations.tomlwise)(folder)
