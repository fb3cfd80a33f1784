"""Which parsers read what is signed, and the keys to sign and to trust?"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tests.hostile import mutations
from tests.hostile.bench import (
    Bench,
    all_in,
    by_suffix,
    in_folder,
    mutating,
    of_one_file,
    parted,
)
from tests.hostile.mutations import Chance, Mutation, bytewise

from handstyle import digests


def consents(folder: Path) -> Bench:
    from tests.collection.consents import ADA, ADA_HOLDS, PRESS, draft, signed

    from handstyle.collection import consent, consent_page

    examples = [signed().data, draft().data, signed(ADA_HOLDS, commercial=True).data]

    def mutate(data: bytes, chance: Chance, others: Sequence[bytes]) -> bytes:
        return enveloped(data, chance, others, consent.PAYLOAD_TYPE, [
            lambda message: {"keyid": signer_id(ADA), "sig": signature_of(ADA, message)},
            lambda message: {"keyid": signer_id(PRESS), "sig": signature_of(PRESS, message)},
        ])  # fmt: skip

    def read(path: Path) -> object:
        found = consent.read(path)
        assert found.data == path.read_bytes() and consent_page.page(found)
        found.require_everybody("it")
        return None

    return of_one_file("ada.consent.json", examples, read, mutate)(folder)


def signer_id(signer: Any) -> str:
    from handstyle.keys import fingerprint, key_in

    return fingerprint(key_in(signer.public))


def signature_of(signer: Any, message: bytes) -> str:
    from handstyle import envelopes

    return envelopes.encoded(signer.sign(message))


def enveloped(
    data: bytes, chance: Chance, others: Sequence[bytes], kind: str, sign: Sequence[Callable[[bytes], dict[str, str]]]
) -> bytes:
    """Bytes; or the envelope's tree, in its canonical spelling; or the statement's, signed anew."""
    from handstyle import envelopes

    try:
        outer = json.loads(data)
        if chance.random() < 0.3:
            return digests.canonical(mutations.branchwise(outer, chance, [outer]))
        content = mutations.branchwise(json.loads(envelopes.decoded(outer["payload"])), chance, [outer])
        payload = digests.canonical(content)
    except (ValueError, TypeError, KeyError, RecursionError):  # torn already, or without a canonical spelling
        return bytewise(data, chance, others)
    if chance.random() < 0.1:
        return bytewise(data, chance, others)
    message = envelopes.pre_authentication(kind, payload)
    return envelopes.sealed(kind, payload, [make(message) for make in sign])


def keys(folder: Path) -> Bench:
    """Private keys, and lists of keys to trust: each input is read as both."""
    from cryptography.hazmat.primitives.serialization import (
        BestAvailableEncryption,
        Encoding,
        NoEncryption,
        PrivateFormat,
    )
    from tests.hostile.keys import KEY, MINE, PUBLIC

    from handstyle import keys as ours
    from handstyle.errors import UsageMistake

    locked = BestAvailableEncryption(b"sesame")
    kinds = [
        (form, secret) for form in (PrivateFormat.OpenSSH, PrivateFormat.PKCS8) for secret in (NoEncryption(), locked)
    ]
    private = [KEY.private_bytes(Encoding.PEM, form, secret) for form, secret in kinds]
    public = [PUBLIC + b" somebody\n", MINE + b"\n# mine\n", b'ada@example.org namespaces="file" ' + PUBLIC]

    def read(path: Path) -> object:
        with contextlib.suppress(UsageMistake):
            ours.read_key(path, lambda: "sesame")
        trusted = ours.trusted_fingerprints(path)
        assert trusted and all(line.startswith("SHA256:") and len(line) == 50 for line in trusted)
        return None

    def mutate(data: bytes, chance: Chance, others: Sequence[bytes]) -> bytes:
        return armoured(data, chance) or bytewise(data, chance, others)

    return of_one_file("key", [*private, *public], read, mutate)(folder)


def armoured(data: bytes, chance: Chance) -> bytes | None:
    """What stands in base64 between two lines of dashes, or behind `ssh-ed25519`, changed within."""
    import base64
    import binascii
    import re

    found = re.search(rb"(-----BEGIN [A-Z ]+-----\n|ssh-ed25519 )([A-Za-z0-9+/=\n]+)", data)
    if not found or chance.random() < 0.4:
        return None
    try:
        inner = base64.b64decode(found[2])
    except binascii.Error:
        return None
    return data[: found.start(2)] + base64.b64encode(bytewise(inner, chance, [inner])) + b"\n" + data[found.end(2) :]


def releases(folder: Path) -> Bench:
    """Each file of a release, with everything signed anew; and the envelope as it is."""
    from tests.hostile.releases import ENVELOPE, KEY, TYPE, sealed, signed
    from tests.publication.ingredients import gathered

    from handstyle.publication.verification import verify

    (folder / "ingredients").mkdir()
    given = gathered(folder / "ingredients")._replace(key=KEY).assemble(folder / "release")
    whole = all_in(given)
    examples, put_one, restore = in_folder(whole, given)

    def put(data: bytes) -> None:
        path = put_one(data)
        if path.name != ENVELOPE:
            (given / ENVELOPE).write_bytes(whole[ENVELOPE])
            signed(lambda statement: None)(given)

    def keep() -> None:
        restore()
        (given / ENVELOPE).write_bytes(whole[ENVELOPE])

    def sign(message: bytes) -> dict[str, str]:
        made: dict[str, str] = sealed(b"", KEY)["signatures"][0]
        from handstyle import envelopes

        return {**made, "sig": envelopes.encoded(KEY.sign(message))}

    def of(name: str) -> Mutation:
        if name == ENVELOPE:
            return lambda data, chance, others: enveloped(data, chance, others, TYPE, [sign])
        return by_suffix(name)

    def read() -> object:
        found = verify(given)
        assert found.words and json.dumps(found.as_json())
        return f"{found.status}: {' '.join(sorted(finding.words for finding in found.findings))}"

    likely = [example for example in examples if parted(example)[0].endswith((".json", ".toml", ".safetensors"))]
    return Bench(likely, put, read, given, mutating(of), keep)
