"""Two works, a style made of a handful of tensors, its report: what a release is made from."""

from __future__ import annotations

import base64
import json
import shutil
import struct
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

import handstyle.diffusion
from handstyle import digests
from handstyle.collection.rights import Evidence, RightsRecord, open_licence
from handstyle.collection.works import Collection, Work
from handstyle.finetuning.measured import Interval
from handstyle.finetuning.recipe import Recipe
from handstyle.finetuning.trained_style import BaseIdentity, TrainedStyle
from handstyle.inspection.report import CopyCheck, HeldOutGain, InspectionReport, NearerToTruth
from handstyle.keys import fingerprint
from handstyle.publication import card, exports
from handstyle.publication.clearance import Clearance, clearance
from handstyle.publication.package import assemble, unfinished_release
from handstyle.publication.provenance import Statement, Weights, opened, sign
from handstyle.publication.verification import Verification, verify
from handstyle.tensor_files import Tensor, digest, metadata_of, write_tensors, write_with_metadata

EMBEDDED = Path(handstyle.diffusion.__file__).parent / "embedded"
TODAY = date(2026, 11, 22)
RANK, ALPHA = 2, 6.0


def collected(*rights: RightsRecord) -> Collection:
    """One work for each permission."""
    works = tuple(
        Work(
            name=f"secret-{number}.png",
            file_format="PNG",
            file_sha256=digests.of_bytes(f"file {number}".encode()),
            pixels_sha256=digests.of_bytes(f"pixels {number}".encode()),
            width=64,
            height=64,
            caption=f"hidden caption {number}",
            caption_from="file name",
            rights=record.digest,
        )
        for number, record in enumerate(rights)
    )
    return Collection(works=works, rights={record.digest: record for record in rights})


def low_rank_tensors() -> dict[str, Tensor]:
    """An attention projection, a convolution and a layer of the text encoder, in small."""
    shapes = {
        "unet.mid_block.attentions.0.transformer_blocks.0.attn1.to_q": ((4,), (4,)),
        "unet.down_blocks.0.resnets.0.conv1": ((4, 3, 3), (4, 1, 1)),
        "text_encoder.encoder.layers.0.self_attn.q_proj": ((4,), (4,)),
    }
    tensors = {}
    for seed, (module, (into, out)) in enumerate(shapes.items()):
        tensors[f"{module}.lora_A.weight"] = numbers((RANK, *into), seed)
        tensors[f"{module}.lora_B.weight"] = numbers((out[0], RANK, *out[1:]), seed + 10)
    return tensors


def numbers(shape: tuple[int, ...], seed: int) -> Tensor:
    count = 1
    for axis in shape:
        count *= axis
    return Tensor("F32", shape, struct.pack(f"<{count}f", *((seed + index) / 7 for index in range(count))))


def style_of(collection: Collection, tensors: str, **recipe: Any) -> TrainedStyle:
    return TrainedStyle(
        name="soft-outline",
        base=BaseIdentity(name="small-base", family="sd1", sha256="b" * 64, licence="Apache-2.0", source="D:/base"),
        collection=collection.digest,
        number_of_works=len(collection.training),
        recipe=Recipe(**{"rank": RANK, "lora_alpha": ALPHA, **recipe}),
        steps=240,
        resolution=64,
        tensors=tensors,
        environment={"torch": "2"},
    )


def report_on(style: TrainedStyle) -> InspectionReport:
    return InspectionReport(
        style=style.tensors,
        style_name=style.name,
        collection=style.collection,
        base=style.base.sha256,
        base_name=style.base.name,
        prompt_template=style.recipe.template,
        pictures_found=style.number_of_works,
        works_withheld=0,
        works=(),
        losses=(),
        held_out_gain=HeldOutGain(
            drawings="further drawings",
            number_of_drawings=64,
            base_prompt="{caption}",
            base_error=0.361,
            style_error=0.334,
            gain=0.027,
            interval=Interval(low=0.021, high=0.033),
            by_noise_level=(),
            base_prompts_tried={"{caption}": 0.361},
        ),
        nearer_to_truth=NearerToTruth(
            distance="multi-scale difference",
            prompts=64,
            nearer=58,
            seeds=(1, 2, 3, 4),
            base_prompt="{caption}",
            competitors=(),
            admissible=True,
            mean_distance_base=0.3,
            mean_distance_style=0.2,
        ),
        comparisons=(),
        copying=CopyCheck(
            outputs=(),
            distances_of_outputs=(),
            distances_of_real=(),
            quantile=0.05,
            threshold=None,
            unusually_near=None,
            words="Of 64 outputs none is unusually near to a work.",
        ),
        surfaces=(),
        cannot_tell=("How it draws what was not asked.",),
        verdict=("The style draws nearer to the artist than the base.",),
    )


class Ingredients(NamedTuple):
    """All that a release of a low-rank style needs."""

    collection: Collection
    style: TrainedStyle
    report: InspectionReport
    cleared: Clearance
    weights_folder: Path
    weights: tuple[Weights, ...]
    evidence: Path
    key: Ed25519PrivateKey

    def assemble(self, target: Path, **changes: Any) -> Path:
        asked: dict[str, Any] = {
            "collection": self.collection,
            "style": self.style,
            "cleared": self.cleared,
            "weights": self.weights,
            "report_files": {
                "report.json": digests.canonical(self.report.as_json()),
                "report.html": b"<!doctype html><title>Report</title>",
            },
            "consents": {},
            "evidence_folders": [self.evidence],
            "key": self.key,
        }
        asked |= changes
        weights_folder = asked.pop("weights_folder", self.weights_folder)
        made = [asked["style"], asked["collection"], self.report, asked["cleared"], asked["weights"]]
        asked.setdefault("card_text", card.text(*made, fingerprint(self.key.public_key())))
        with unfinished_release(target) as folder:
            shutil.copytree(weights_folder, folder / "weights")
            assemble(folder, **asked)
        return target


def mozilla(evidence: Path | None = None) -> RightsRecord:
    files = ()
    if evidence is not None:
        (evidence / "LICENSE.md").write_text("Apache License\n", encoding="utf-8")
        files = (Evidence(file="LICENSE.md", sha256=digests.of_file(evidence / "LICENSE.md")),)
    return open_licence("Apache-2.0", "Mozilla", "https://github.com/mozilla/fxemoji", files)


def gathered(
    place: Path, *rights: RightsRecord, tensors: dict[str, Tensor] | None = None, base: Path = EMBEDDED, **recipe: Any
) -> Ingredients:
    """What a release of a work in Apache-2.0 needs, or of one for each of `rights`, in a folder."""
    collection = collected(*(rights or (mozilla(place),)))
    tensors = tensors or low_rank_tensors()
    own = write_tensors(place / "style.safetensors", tensors, {})
    style = style_of(collection, digest(tensors), **recipe)
    report = report_on(style)
    cleared = clearance(collection, style, report, "Soft outline", on=TODAY)
    written = exports.write_files(place / "weights", style, own, base, cleared)
    weights = tuple(
        Weights(path=path, format=format, tensors=of_file, largest_difference=0.0) for path, format, of_file in written
    )
    key = Ed25519PrivateKey.from_private_bytes(b"a key for tests, thirty-two long")
    return Ingredients(collection, style, report, cleared, place / "weights", weights, place, key)


KOHYA = "weights/soft-outline.safetensors"
DIFFUSERS = "weights/pytorch_lora_weights.safetensors"


def found(verification: Verification) -> set[tuple[str, str]]:
    return {(finding.kind, finding.where) for finding in verification.findings}


def assert_broken(release: Path, kind: str, where: str) -> None:
    verification = verify(release)
    assert verification.status == "broken" and not verification.holds
    assert (kind, where) in found(verification)


def called(release: Path, title: str, key: Ed25519PrivateKey, identifier: str = "hndst") -> Path:
    """`release` under another title and with another word in prompts, as somebody edits it who asks nobody."""
    slug = "-".join(title.lower().split())
    for path in [path for path in release.rglob("*") if path.suffix in (".md", ".json", ".toml")]:
        text = path.read_text(encoding="utf-8")
        if path.name != "handstyle.json":
            text = text.replace("Soft outline", title).replace("soft-outline", slug).replace("hndst", identifier)
            path.write_text(text, encoding="utf-8")
    for path in (release / "weights").iterdir():
        said = {key: value.replace("Soft outline", title).replace("hndst", identifier)
                for key, value in metadata_of(path).items()}  # fmt: skip
        write_with_metadata(path.with_name("new"), path, said)
        path.unlink()
        path.with_name("new").rename(path.with_stem(slug) if path.stem == "soft-outline" else path)

    def change(content: dict[str, Any]) -> None:
        recipe = json.loads((release / "style.json").read_text(encoding="utf-8"))["recipe"]
        content.update(name=slug, title=title)
        content["lineage"]["recipe"] = digests.of_json(recipe)
        for listed in (*content["files"], *content["weights"]):
            listed["path"] = listed["path"].replace("soft-outline", slug)
        for file in content["files"]:
            data = (release / file["path"]).read_bytes()
            file.update(sha256=digests.of_bytes(data), size=len(data))

    signed_again(release, key, change, at_face_value=True)
    return release


def signed_again(
    release: Path,
    key: Ed25519PrivateKey,
    change: Callable[[dict[str, Any]], None] = lambda statement: None,
    *,
    at_face_value: bool = False,
) -> None:
    """The folder as it is now, listed and validly signed; `change` edits the statement before that."""
    statement, _ = opened((release / "handstyle.json").read_bytes())
    content = statement.as_json()
    if not at_face_value:
        for file in content["files"]:
            if (release / file["path"]).is_file():
                data = (release / file["path"]).read_bytes()
                file.update(sha256=digests.of_bytes(data), size=len(data))
        for weights in content["weights"]:
            weights["tensors"] = digests.of_tensor_file(release / "weights" / weights["path"])
    change(content)
    (release / "handstyle.json").write_bytes(sign(Statement.model_validate(content), key))


def signature_with(name: str) -> str:
    """Base64 of 64 bytes, in which the letters of a short name stand between two signs, by chance."""
    signature = f"q8Zr/{name}+7LwX2dV9uTb0K4sQm3yP5aN1cR6jF8hG0tY2eU4iO7kB9vM1xS3zD5nW6lC8pA0fJ2gH4rE7oI9=="
    assert len(base64.b64decode(signature[:84], validate=True)) == 63
    return signature
