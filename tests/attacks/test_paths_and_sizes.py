"""Can a parsed file lead out of its folder, or grow until nobody can read it?

What every verb does with hostile files of any kind is in `tests/hostile`; here is what permission is read from.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ingredients import DIFFUSERS
from tests.attacks.scene import Attack, Scene, each

from handstyle import consenting, keys
from handstyle.collection.consent import ENDING, LARGEST_CONSENT
from handstyle.collection.rights_plan import in_folder, read_rights_toml
from handstyle.collection.works import Collection
from handstyle.digests import of_bytes
from handstyle.publication.provenance import LARGEST_ENVELOPE
from handstyle.publication.verification import verify
from handstyle.records import LARGEST_RECORD, LARGEST_TOML

TERMS = """documents = [{{ file = "{document}", says = "a contract" }}]
keeper = "A Studio"
contact = "us@studio.example"
author = "Ada Example"
[[holders]]
name = "Ada Example"
roles = ["copyright-owner"]
basis = "author-retained"
[scope]
valid_from = 2026-01-01
"""
DEEP = b"[" * 100_000 + b"]" * 100_000
TWICE = b'{"a": 1, "a": 2}'
BYTES = 1 << 20


def rights(toml: str | bytes) -> Callable[[Scene], object]:
    def attempt(scene: Scene) -> object:
        path = scene.file(toml.encode() if isinstance(toml, str) else toml, "rights.toml")
        (scene.place.parent / "elsewhere.consent.json").write_bytes(scene.consent().data)
        return read_rights_toml(path)

    return attempt


def consent_at(name: str) -> Callable[[Scene], object]:
    return rights(f"[[rights]]\nconsent = {json.dumps(name)}\n")


def letter_at(name: str) -> Callable[[Scene], object]:
    return rights(f'[[rights]]\nworks = ["*"]\nauthor = "Ada"\nbasis = "written-permission"\npermits = ["train"]\n'
                  f"evidence = [{json.dumps(name)}]\n")  # fmt: skip


def document_at(name: str) -> Callable[[Scene], object]:
    def attempt(scene: Scene) -> object:
        terms = scene.file(TERMS.format(document=name).encode(), "terms.toml")
        return consenting.draft(scene.folder, terms, scene.place / "out")

    return attempt


def linked_letter(scene: Scene) -> object:
    (scene.place.parent / "secret.pdf").write_bytes(b"a secret")
    (scene.place / "letter.pdf").symlink_to(scene.place.parent / "secret.pdf")
    return letter_at("letter.pdf")(scene)


def consent_of(data: bytes) -> Callable[[Scene], object]:
    return lambda scene: scene.collect(data)


def consent_in_the_folder(scene: Scene) -> object:
    (scene.folder / f"it{ENDING}").symlink_to("/dev/zero")
    return in_folder(scene.folder)


def envelope_of(data: bytes) -> Callable[[Scene], object]:
    def attempt(scene: Scene) -> object:
        release = scene.release()
        (release / "handstyle.json").write_bytes(data)
        return verify(release)

    return attempt


def record_of(name: str, data: bytes) -> Callable[[Scene], object]:
    """Signed for by the publisher, so that it is read."""

    def attempt(scene: Scene) -> object:
        release = scene.release()
        (release / name).write_bytes(data)
        return scene.resigned(release)

    return attempt


def header_without_an_end(scene: Scene) -> object:
    release, data = scene.release(), (2**63).to_bytes(8, "little") + b"{}"
    (release / DIFFUSERS).write_bytes(data)
    facts = {"sha256": of_bytes(data), "size": len(data)}

    def list_it(statement: dict[str, Any]) -> None:
        next(file for file in statement["files"] if file["path"] == DIFFUSERS).update(facts)

    return scene.resigned(release, list_it, at_face_value=True)


def listing(path: str) -> Callable[[Scene], object]:
    listed = {"path": path, "sha256": "a" * 64, "size": 1}
    return lambda scene: scene.resigned(scene.release(), lambda it: it["files"].append(listed))


def weights_at(path: str) -> Callable[[Scene], object]:
    return lambda scene: scene.resigned(
        scene.release(), lambda it: it["weights"][0].update(path=path), at_face_value=True
    )


def consent_named(name: str) -> Callable[[Scene], object]:
    def change(record: dict[str, Any]) -> None:
        next(iter(record["rights"].values())).update(consent=name)

    return lambda scene: scene.edited("collection.json", change)


def work_at(name: str) -> Callable[[Scene], object]:
    def attempt(scene: Scene) -> object:
        record = scene.collect(scene.consent().data).as_json()
        record["works"][0]["name"] = name
        return Collection.read(record, where="collection.json")

    return attempt


def trusting(data: bytes) -> Callable[[Scene], object]:
    return lambda scene: keys.trusted_fingerprints(scene.file(data, "trust.txt"))


def key_of(scene: Scene) -> object:
    path = Path(scene.place / "key")
    path.write_bytes(b"-" * (BYTES + 1))
    return keys.read_key(path)


ATTACKS = [
    Attack(169, "a consent is named above its folder", consent_at("../elsewhere.consent.json"), "beside this one", 1),
    Attack(170, "a consent is named from the root", consent_at("/etc/passwd"), "beside this one", 1),
    Attack(171, "a consent is named with a backslash", consent_at("..\\elsewhere.consent.json"), "beside this one", 1),
    Attack(172, "a consent is named with NUL", consent_at("a\0b"), "beside this one", 1),
    Attack(173, "a letter is named above its folder", letter_at("../secret.pdf"), "must lie beside the file", 1),
    Attack(174, "a letter is named from the root", letter_at("/etc/hostname"), "must lie beside the file", 1),
    Attack(175, "a letter is a link out of its folder", linked_letter, "a link out of the folder", 1),
    Attack(176, "a document of a consent is named above its terms", document_at("../contract.pdf"),
           "beside the terms", 1),
    Attack(177, "a document of a consent is named from the root", document_at("/etc/hostname"), "beside the terms", 1),
    Attack(178, "a work is named above its folder", work_at("../lighthouse.png"), "below the folder", 1),
    Attack(179, "a work is named from the root", work_at("/etc/hostname"), "below the folder", 1),
    Attack(180, "a release lists a file above it", listing("../style.json"), "path of a file inside the release"),
    Attack(181, "a release lists a file from the root", listing("/etc/hosts"), "path of a file inside the release"),
    Attack(182, "a release lists a file on a drive", listing("C:\\x"), "path of a file inside the release"),
    Attack(183, "a release lists a file by a detour", listing("./README.md"), "path of a file inside the release"),
    Attack(184, "a release lists a file with NUL in its name", listing("a\0b"), "path of a file inside the release"),
    Attack(185, "a release lists a device", listing("nul"), "path of a file inside the release"),
    Attack(186, "a release lists a file twice in other case", listing("readme.MD"), "is listed twice"),
    Attack(187, "weights lie above their folder", weights_at("../style.json"), "weights/../style.json"),
    Attack(188, "a permission names a consent by a path", consent_named("../../etc/passwd"), "consent"),
    Attack(189, "a consent is too large", consent_of(b" " * (LARGEST_CONSENT + 1)), "larger than 4 MB"),
    Attack(190, "a consent is nested without an end", consent_of(DEEP), "no consent that holds"),
    Attack(191, "a consent has a key twice", consent_of(TWICE), "no consent that holds"),
    Attack(192, "a consent is a long number", consent_of(b'{"payload":' + b"9" * 10_000 + b"}"),
           "no consent that holds"),
    Attack(193, "a consent is a device without an end", consent_in_the_folder, "cannot be read", 2),
    Attack(194, "a release's consent is too large", lambda s: s.carrying(b" " * (LARGEST_CONSENT + 1)),
           "larger than 4 MB"),
    Attack(195, "a release's consent is nested without an end", lambda s: s.carrying(DEEP), "no consent that holds"),
    Attack(196, "the signed list of a release is too large", envelope_of(b" " * (LARGEST_ENVELOPE + 1)),
           "larger than 4 MB"),
    Attack(197, "the signed list of a release is nested without an end", envelope_of(DEEP), "not a signed statement"),
    Attack(198, "a style is too large", record_of("style.json", b" " * (LARGEST_RECORD + 1)), "larger than 64 MB"),
    Attack(199, "a collection is nested without an end", record_of("collection.json", DEEP), "cannot be read"),
    Attack(200, "a report has a key twice", record_of("report.json", TWICE), "stands in it twice"),
    Attack(201, "a recipe is too large", record_of("recipe.toml", b"#" * (LARGEST_TOML + 1)), "larger than 4 MB"),
    Attack(202, "a recipe is nested without an end", record_of("recipe.toml", b"a = " + DEEP), "cannot be read"),
    Attack(203, "the weights have a header up to the end of the world", header_without_an_end,
           "header is longer than it can be"),
    Attack(204, "a file of rights is too large", rights(b"#" * (LARGEST_TOML + 1)), "larger than 4 MB", 1),
    Attack(205, "a file of rights is nested without an end", rights(b"a = " + DEEP), "cannot be read as TOML", 1),
    Attack(206, "a list of trusted keys is too large", trusting(b"#" * (BYTES + 1)), "too large to be a key file", 2),
    Attack(207, "a list of trusted keys trusts a key with which anything passes", trusting(
        b"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAEAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n"
    ), "anything could pass as signed", 2),
    Attack(208, "a key is too large", key_of, "too large to be a key file", 2),
]  # fmt: skip


@each(ATTACKS)
def test_it_is_refused(attack: Attack, scene: Scene) -> None:
    attack.check(scene)
