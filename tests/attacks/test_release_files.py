"""Is a release refused that was signed again, added to, taken from, or given other weights or another card?"""

from __future__ import annotations

import json
import shutil
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from consents import signed
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from ingredients import DIFFUSERS, KOHYA, numbers, signed_again
from tests.attacks.scene import THIEF, Attack, Scene, each

from handstyle import digests, envelopes
from handstyle.digests import canonical
from handstyle.keys import fingerprint
from handstyle.publication.verification import Verification, verify
from handstyle.tensor_files import Tensor, metadata_of, tensors_in, write_tensors


def trusting_the_publisher(scene: Scene, release: Path) -> Verification:
    return verify(release, frozenset({scene.publisher}))


def by_the_thief(before: Callable[[Path], object] = lambda release: None) -> Callable[[Scene], object]:
    """Whoever is given a release can change it and sign it anew, with a key of their own."""

    def attempt(scene: Scene) -> object:
        release = scene.release()
        before(release)
        signed_again(release, THIEF)
        assert verify(release).status == "intact"
        return trusting_the_publisher(scene, release)

    return attempt


def with_envelope(change: Callable[[dict[str, Any]], object]) -> Callable[[Scene], object]:
    def attempt(scene: Scene) -> object:
        release = scene.release()
        envelope = json.loads((release / "handstyle.json").read_bytes())
        change(envelope)
        (release / "handstyle.json").write_bytes(canonical(envelope))
        return trusting_the_publisher(scene, release)

    return attempt


def calling_itself_the_publisher(scene: Scene) -> object:
    """The thief's signature, under the name of the key that is trusted."""
    release = scene.release()
    signed_again(release, THIEF)
    envelope = json.loads((release / "handstyle.json").read_bytes())
    envelope["signatures"][0]["keyid"] = scene.publisher
    (release / "handstyle.json").write_bytes(canonical(envelope))
    return trusting_the_publisher(scene, release)


def carrying_the_publishers_key(scene: Scene) -> object:
    """The thief's signature, beside the key that is trusted."""
    release = scene.release()
    signed_again(release, THIEF)
    envelope = json.loads((release / "handstyle.json").read_bytes())
    raw = scene.ingredients.key.public_key().public_bytes_raw()
    envelope["signatures"][0].update(keyid=scene.publisher, publicKey=envelopes.encoded(raw))
    (release / "handstyle.json").write_bytes(canonical(envelope))
    return trusting_the_publisher(scene, release)


def twice_signed(envelope: dict[str, Any]) -> None:
    envelope["signatures"].append(envelope["signatures"][0])


def changed(change: Callable[[Path], object]) -> Callable[[Scene], object]:
    """Nobody signs anew."""

    def attempt(scene: Scene) -> object:
        release = scene.release()
        change(release)
        return verify(release)

    return attempt


def published(change: Callable[[Path], object], **how: Any) -> Callable[[Scene], object]:
    """The publisher themself signs what does not belong together."""

    def attempt(scene: Scene) -> object:
        release = scene.release()
        change(release)
        return scene.resigned(release, **how)

    return attempt


def adding(name: str, data: bytes = b"print()") -> Callable[[Path], object]:
    def add(release: Path) -> None:
        (release / name).parent.mkdir(parents=True, exist_ok=True)
        (release / name).write_bytes(data)

    return add


def linked(release: Path) -> None:
    (release / "README.md").rename(release.parent / "elsewhere.md")
    (release / "README.md").symlink_to(release.parent / "elsewhere.md")


def changed_places(release: Path) -> None:
    one, other = (release / KOHYA).read_bytes(), (release / DIFFUSERS).read_bytes()
    (release / KOHYA).write_bytes(other)
    (release / DIFFUSERS).write_bytes(one)


def retold(release: Path) -> None:
    card = release / "README.md"
    card.write_text(card.read_text(encoding="utf-8").replace("signed consent", "blessing"), encoding="utf-8")


def signed_below(release: Path) -> None:
    card = release / "README.md"
    card.write_text(card.read_text(encoding="utf-8") + "It is mine now.\n", encoding="utf-8")


def of_another_release(name: str) -> Callable[[Scene], object]:
    def attempt(scene: Scene) -> object:
        release = scene.release()
        other = scene.ingredients.assemble(scene.place / "other")
        signed_below(other)
        signed_again(other, scene.ingredients.key)
        shutil.copy(other / name, release / name)
        return verify(release)

    return attempt


def rewritten(name: str, change: Callable[[dict[str, Tensor]], object]) -> Callable[[Path], object]:
    def rewrite(release: Path) -> None:
        with tensors_in(release / name) as tensors:
            copy = {key: Tensor(tensor.kind, tensor.shape, bytes(tensor.data)) for key, tensor in tensors.items()}
        change(copy)
        write_tensors(release / name, copy, metadata_of(release / name))

    return rewrite


def another_number(tensors: dict[str, Tensor]) -> None:
    name, tensor = next((name, tensor) for name, tensor in tensors.items() if "lora_" in name)
    tensors[name] = tensor._replace(data=bytes(len(tensor.data)))


def another_alpha(tensors: dict[str, Tensor]) -> None:
    name = next(name for name in tensors if name.endswith(".alpha"))
    tensors[name] = Tensor("F32", (), struct.pack("<f", 2.0))


def a_tensor_more(tensors: dict[str, Tensor]) -> None:
    tensors["unet.extra.lora_A.weight"] = numbers((2, 4), 1)


def listed(release: Path, name: str) -> Callable[[dict[str, Any]], object]:
    def list_it(statement: dict[str, Any]) -> None:
        for file in statement["files"]:
            if file["path"] == name:
                file.update(sha256=digests.of_file(release / name), size=(release / name).stat().st_size)

    return list_it


def a_pickle(scene: Scene) -> object:
    release = scene.release()
    (release / KOHYA).write_bytes(b"\x80\x04pickle")
    return scene.resigned(release, listed(release, KOHYA), at_face_value=True)


def without(statement: dict[str, Any], name: str) -> None:
    statement["files"] = [file for file in statement["files"] if file["path"] != name]


def half_of_the_weights(scene: Scene) -> object:
    release = scene.release()
    (release / KOHYA).unlink()

    def leave_out(statement: dict[str, Any]) -> None:
        without(statement, KOHYA)
        statement["weights"] = statement["weights"][:1]

    return scene.resigned(release, leave_out, at_face_value=True)


def unlisted_consent(scene: Scene) -> object:
    release = scene.release()
    (file,) = (release / "consents").iterdir()
    file.unlink()
    file.parent.rmdir()
    return scene.resigned(release, lambda statement: without(statement, f"consents/{file.name}"))


def slipped_in(scene: Scene) -> object:
    release, name = scene.release(), "consents/0123456789abcdef.consent.json"
    (release / name).write_bytes(signed(commercial=True).data)
    scene.resigned(release, lambda it: it["files"].append({"path": name, "size": 0, "sha256": "0" * 64}))
    return scene.resigned(release)  # now with its digest


NOT_YOURS = "not among the 1 you trust"
SIGNED_AGAIN = [
    Attack(77, "somebody signs an unchanged release with another key", by_the_thief(), NOT_YOURS),
    Attack(78, "somebody edits the card and signs with another key", by_the_thief(signed_below), NOT_YOURS),
    Attack(79, "the publisher swaps the card for one that does not say who was asked, and signs it",
           published(adding("README.md", b"Mine.\n")), "does not say who was asked"),
    Attack(80, "another key is called by the name of one I trust", calling_itself_the_publisher,
           "names another key than it carries"),
    Attack(81, "another signature stands beside the key I trust", carrying_the_publishers_key, "does not fit"),
    Attack(82, "the signature of a release is stripped", with_envelope(lambda it: it.update(signatures=[])),
           "is not a signed statement"),
    Attack(83, "the signature of a release consists of zeros",
           with_envelope(lambda it: it["signatures"][0].update(sig="A" * 86 + "==")), "does not fit"),
    Attack(84, "a release is signed twice", with_envelope(twice_signed), "is not a signed statement"),
    Attack(85, "a release is relabelled", with_envelope(lambda it: it.update(payloadType="text/plain")),
           "another kind"),
    Attack(86, "a release gets the signed list of another one", of_another_release("handstyle.json"),
           "is not the file that was signed"),
]  # fmt: skip
NOT_SIGNED = "is not the file that was signed"
LATER = "was not there when this was signed"
IN_THE_FOLDER = [
    Attack(87, "a program is added to a release", changed(adding("run.py")), LATER),
    Attack(88, "a hidden file is added to a release", changed(adding(".gitattributes")), LATER),
    Attack(89, "further weights are added to a release", changed(adding("weights/more.bin")), LATER),
    Attack(90, "a consent is added to a release", changed(adding("consents/0123456789abcdef.consent.json")), LATER),
    Attack(91, "an empty folder is added to a release", changed(lambda release: (release / "empty").mkdir()),
           "is an empty folder"),
    Attack(92, "a file of a release becomes a link to the same words", changed(linked), "is a link"),
    Attack(93, "the card is edited", changed(retold), NOT_SIGNED),
    Attack(94, "the card is exchanged for that of another release", of_another_release("README.md"), NOT_SIGNED),
    Attack(95, "the card is taken out", changed(lambda release: (release / "README.md").unlink()), "is missing"),
    Attack(96, "the licence is edited", changed(adding("LICENSE.md", b"CC0")), NOT_SIGNED),
    Attack(97, "the consent is taken out of a release, and the list signed anew", unlisted_consent,
           "is not part of the release"),
    Attack(98, "an unused consent is slipped into a release, and the list signed anew", slipped_in,
           "is a consent to which no work refers"),
]  # fmt: skip
NOT_TRAINED = "does not hold the tensors that were trained and inspected"
WEIGHTS = [
    Attack(99, "the two files of weights change places", changed(changed_places), NOT_SIGNED),
    Attack(100, "the two files of weights change places, and the list is signed anew", published(changed_places),
           NOT_TRAINED),
    Attack(101, "other numbers stand in the weights, and the list is signed anew",
           published(rewritten(DIFFUSERS, another_number)), NOT_TRAINED),
    Attack(102, "other numbers stand in the file for one tool only", published(rewritten(KOHYA, another_number)),
           "holds other weights, or another alpha"),
    Attack(103, "the style speaks louder in the file for one tool", published(rewritten(KOHYA, another_alpha)),
           "holds other weights, or another alpha"),
    Attack(104, "a tensor is added to the weights", published(rewritten(DIFFUSERS, a_tensor_more)), NOT_TRAINED),
    Attack(105, "a tensor is taken out of the weights",
           published(rewritten(DIFFUSERS, lambda tensors: tensors.pop(next(iter(tensors))))), NOT_TRAINED),
    Attack(106, "the weights are a pickle", a_pickle, "not a whole safetensors file"),
    Attack(107, "the file for one tool is taken out, and the list signed anew", half_of_the_weights,
           "two files of a low-rank style"),
]  # fmt: skip


@each([*SIGNED_AGAIN, *IN_THE_FOLDER, *WEIGHTS])
def test_it_is_refused(attack: Attack, scene: Scene) -> None:
    attack.check(scene)


def test_a_good_release_is_trusted_by_whoever_trusts_its_publisher(scene: Scene) -> None:
    assert trusting_the_publisher(scene, scene.release()).status == "trusted"


@pytest.mark.parametrize("name", ["README.md", "LICENSE.md", "collection.json", "recipe.toml", "style.json",
                                  "report.json", "report.html", KOHYA, DIFFUSERS])  # fmt: skip
@pytest.mark.parametrize("how", ["changed", "missing"])
def test_each_file_is_watched(scene: Scene, name: str, how: str) -> None:
    release = scene.release()
    if how == "missing":
        (release / name).unlink()
    else:
        data = bytearray((release / name).read_bytes())
        data[-1] ^= 1
        (release / name).write_bytes(data)
    found = verify(release)
    assert (found.status, [(one.kind, one.where) for one in found.findings]) == ("broken", [(how, name)])


def test_a_thief_has_another_name(scene: Scene) -> None:
    release = scene.release()
    signed_again(release, Ed25519PrivateKey.generate())
    assert fingerprint(THIEF.public_key()) != scene.publisher != verify(release).signer
