"""Is a picture only made from one that may be changed, and does the new one say what it was?"""

from __future__ import annotations

import io
import json
import sys
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from PIL import Image, ImageDraw

sys.path.insert(0, str(Path(__file__).parent / "collection"))  # what consents and reservations are made from in tests

from consents import signed
from reserved_files import plus, with_xmp

from handstyle import checking, digests, stages
from handstyle.collection.rights import own_work
from handstyle.collection.rights_plan import for_all, from_consents, read_rights_toml
from handstyle.consenting import look_at
from handstyle.diffusion import hardware
from handstyle.editing import Asked
from handstyle.errors import GateClosed, RightsMissing, UsageMistake
from handstyle.generation.request import Margins
from handstyle.generation.signature import DRAWN, PAINTED_INTO, MadeFrom, read_signature, signature_in
from handstyle.publication import certificates, credentials
from handstyle.publication.credential_judgement import judged
from handstyle.publication.marking import Marking
from handstyle.workspace import Workspace

FEW: dict[str, Any] = {"num_inference_steps": 3}
KEY = Ed25519PrivateKey.from_private_bytes(b"k" * 32)


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    monkeypatch.setattr(hardware, "use_all_cores", lambda: None)
    return Workspace(tmp_path / "workspace")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    levels = np.random.default_rng(3).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    Image.fromarray(levels).save(tmp_path / "source.png")
    return tmp_path / "source.png"


@pytest.fixture
def mask(tmp_path: Path) -> Path:
    image = Image.new("L", (16, 16))
    ImageDraw.Draw(image).rectangle((8, 0, 15, 15), fill=255)
    image.save(tmp_path / "mask.png")
    return tmp_path / "mask.png"


def drawn(workspace: Workspace, base: Path, edit: Asked | None, prompt: str = "a boat", **named: Any) -> Path:
    made = stages.generate(workspace, [prompt], base=base, styles=["none"], edit=edit, settings=FEW, **named)
    return Path(made.pictures[0])


def pixels_of(path: Path) -> Any:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


# What the picture says


def test_a_variation_says_which_picture_it_is_one_of(workspace: Workspace, tiny_base: Path, source: Path) -> None:
    record = read_signature(drawn(workspace, tiny_base, Asked(source, strength=0.7))).record
    digest = digests.of_pixels(16, 16, pixels_of(source).tobytes())
    assert record.request and record.request.edit
    edit = record.request.edit
    assert (edit.kind, edit.source, edit.strength, edit.resamples) == ("variation", digest, 0.7, 1)
    assert record.digital_source_type == DRAWN
    assert digest[:16] in record.involvement and "nothing is known here" in record.involvement


def test_a_picture_that_was_painted_into_is_a_composite_and_keeps_the_rest(
    workspace: Workspace, tiny_base: Path, source: Path, mask: Path
) -> None:
    path = drawn(workspace, tiny_base, Asked(source, mask=mask))
    found = read_signature(path)
    assert found.fits and found.record.digital_source_type == PAINTED_INTO
    assert found.record.digital_source_type.endswith("/compositeWithTrainedAlgorithmicMedia")
    edit = found.record.request and found.record.request.edit
    assert edit and (edit.kind, edit.strength, edit.resamples) == ("inpainting", 1.0, 5) and edit.mask
    assert (pixels_of(path)[:, :8] == pixels_of(source)[:, :8]).all()
    answer = checking.detect(path)
    assert any("painted into another picture" in note for note in answer.notes)
    with Image.open(path) as image:
        assert "Denoising strength: 1" in image.text["parameters"]  # type: ignore[attr-defined]


def test_painting_beyond_the_border_is_recorded_with_its_sides(
    workspace: Workspace, tiny_base: Path, source: Path
) -> None:
    path = drawn(workspace, tiny_base, Asked(source, margins=Margins(right=8), resamples=2))
    record = read_signature(path).record
    assert (record.width, record.height) == (24, 16) and record.request and record.request.edit
    assert record.request.edit.margins == Margins(right=8) and record.request.edit.resamples == 2
    assert (pixels_of(path)[:, :16] == pixels_of(source)).all()


def test_the_same_request_gives_the_same_pixels(
    workspace: Workspace, tiny_base: Path, source: Path, mask: Path
) -> None:
    one, other = (drawn(workspace, tiny_base, Asked(source, mask=mask)) for _ in range(2))
    assert (pixels_of(one) == pixels_of(other)).all() and one != other


def test_what_a_model_drew_is_told_on(workspace: Workspace, tiny_base: Path) -> None:
    first = drawn(workspace, tiny_base, None)
    second = drawn(workspace, tiny_base, Asked(first, strength=0.7))
    assert "which a model drew, as SHA256:" in read_signature(second).record.involvement
    third = drawn(workspace, tiny_base, Asked(second, strength=0.7))
    assert read_signature(third).record.involvement.count("It is a variation of another picture") == 2


def test_weights_in_the_prompt_are_recorded_as_they_were_typed(workspace: Workspace, tiny_base: Path) -> None:
    plain, weighted = (read_signature(drawn(workspace, tiny_base, None, prompt)).record
                       for prompt in ("a red boat", "a (red:1.8) boat"))  # fmt: skip
    assert plain.request and weighted.request
    assert (plain.request.weighted, weighted.request.weighted) == (False, True)
    assert weighted.request.prompt == "a (red:1.8) boat" and plain.pixels != weighted.pixels


# Whether it may be made


def test_ones_own_work_and_an_openly_licensed_one_may_be_changed(
    workspace: Workspace, tiny_base: Path, six_works: Path
) -> None:
    work = sorted(six_works.glob("*.png"))[0]
    stages.collect(workspace, six_works, read_rights_toml(six_works / "rights.toml"))
    said = read_signature(drawn(workspace, tiny_base, Asked(work))).record.involvement
    assert "a work by" in said and "Apache-2.0" in said
    own = Workspace(workspace.root.parent / "own")
    stages.collect(own, six_works, for_all(own_work("Ada Example")))
    assert "a work by Ada Example" in read_signature(drawn(own, tiny_base, Asked(work))).record.involvement


def test_a_work_under_a_consent_to_training_is_changed_on_its_authors_word_alone(
    workspace: Workspace, tiny_base: Path, six_works: Path, mask: Path
) -> None:
    found = look_at(six_works, "white", pictures=False)[0]
    path = workspace.root.parent / "ada.consent.json"
    path.write_bytes(signed(works=found, bases=["any"], valid_from=date.today(), valid_until=date.today()).data)
    stages.collect(workspace, six_works, from_consents([path]))
    work = sorted(six_works.glob("*.png"))[0]
    for asked in (Asked(work), Asked(work, margins=Margins(right=8))):
        with pytest.raises(RightsMissing, match="what is permitted of it is training") as refused:
            drawn(workspace, tiny_base, asked)
        assert "--source-permission" in refused.value.hint
    with pytest.raises(RightsMissing):
        drawn(Workspace(workspace.root.parent / "another"), tiny_base, Asked(work))
    words = "by Ada Example, in writing, 2026-11-20"
    record = read_signature(drawn(workspace, tiny_base, Asked(work, permission=words))).record
    assert record.request and record.request.edit and record.request.edit.permission == words
    assert f"Whoever drew it says of the permission: {words}" in record.involvement


def test_a_file_that_reserves_itself_is_refused_without_its_makers_word(
    workspace: Workspace, tiny_base: Path, tmp_path: Path
) -> None:
    path = tmp_path / "reserved.png"
    path.write_bytes(with_xmp("PNG", plus("DMI-PROHIBITED-AIMLTRAINING")))
    with pytest.raises(GateClosed, match="reserves itself") as closed:
        drawn(workspace, tiny_base, Asked(path))
    assert any("DMI-PROHIBITED" in fault for fault in closed.value.faults)
    assert drawn(workspace, tiny_base, Asked(path, permission="by Ada Example, by letter"))


def test_what_does_not_go_together_is_refused(
    workspace: Workspace, tiny_base: Path, source: Path, mask: Path, tmp_path: Path
) -> None:
    with pytest.raises(UsageMistake, match="in its own size"):
        stages.generate(workspace, ["a boat"], base=tiny_base, styles=["none"], edit=Asked(source, mask=mask),
                        settings={"width": 32})  # fmt: skip
    with pytest.raises(UsageMistake, match="has no part that is kept"):
        drawn(workspace, tiny_base, Asked(source, resamples=3))
    with pytest.raises(UsageMistake, match="strength"):
        drawn(workspace, tiny_base, Asked(source, strength=1.5))
    with pytest.raises(UsageMistake, match="not a picture"):
        text = tmp_path / "text.png"
        text.write_text("no picture", encoding="utf-8")
        drawn(workspace, tiny_base, Asked(text))


# The marks of large pictures


def large(painted: tuple[int, int, int, int]) -> tuple[Image.Image, Image.Image]:
    chance = np.random.default_rng(5)
    coarse = Image.fromarray(chance.integers(0, 256, (8, 8, 3), dtype=np.uint8))
    mask = Image.new("L", (512, 512))
    ImageDraw.Draw(mask).rectangle(painted, fill=255)
    return coarse.resize((512, 512), Image.Resampling.BICUBIC), mask


@pytest.mark.parametrize(("painted", "holds"), [((0, 0, 511, 400), True), ((10, 10, 40, 40), False)])
def test_a_watermark_lies_where_was_painted_or_is_none(painted: tuple[int, int, int, int], holds: bool) -> None:
    image, mask = large(painted)
    made = MadeFrom("tiny", "b" * 64, source="c" * 64, painted=mask)
    data = Marking(KEY)(image, made)
    found = signature_in(data, "it")
    assert found is not None and found.fits
    assert (found.record.watermark is not None) is holds
    with Image.open(io.BytesIO(data)) as marked:
        outside = np.asarray(mask) == 0
        assert (np.asarray(marked)[outside] == np.asarray(image)[outside]).all()


@pytest.mark.skipif(not credentials.is_installed(), reason="without the extra `publish` there are no credentials")
@pytest.mark.parametrize("composite", [True, False])
def test_a_credential_says_whether_it_was_created_or_edited(composite: bool) -> None:
    image, mask = large((0, 0, 511, 511))
    made = MadeFrom("tiny", "b" * 64, source="c" * 64, painted=mask if composite else None)
    own = certificates.credentials_of(KEY)
    data = Marking(KEY, [])(image, made)
    found = judged(data, "PNG", [own.root])
    assert found and found.state == "trusted" and found.generated, found
    import c2pa

    with (
        credentials.context_for([own.root]) as context,
        c2pa.Reader("image/png", io.BytesIO(data), context=context) as r,
    ):
        said = json.loads(r.json())
    manifest = said["manifests"][said["active_manifest"]]
    [actions] = [part["data"]["actions"] for part in manifest["assertions"] if part["label"] == "c2pa.actions.v2"]
    kinds = [action["action"] for action in actions]
    assert kinds[: 1 + composite] == (["c2pa.opened", "c2pa.edited"] if composite else ["c2pa.created"])
    assert actions[int(composite)]["digitalSourceType"] == (PAINTED_INTO if composite else DRAWN)
    [began] = [part for part in manifest["ingredients"] if part["instance_id"] == f"urn:sha256:{'c' * 64}"]
    assert began["relationship"] == ("parentOf" if composite else "inputTo")
