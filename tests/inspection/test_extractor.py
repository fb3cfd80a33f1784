"""Do extractors say the same of a picture whoever stands beside it, and come back from disk as they were?"""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from PIL import Image, ImageDraw

from handstyle.inspection import shipped_extractors
from handstyle.inspection.extractor import Build, Extractor, ranks, seen
from handstyle.inspection.hands import known_from
from handstyle.inspection.shipped_extractors import CHOOSES, REPORTS, Apart, Proof, half, write_extractor

BUILDS: tuple[Build, ...] = ("residual", "patches")
PROOF = Proof(
    thing_right=0.8, asked=10, among=5, known_right=0.9,
    artists={"somebody": Apart(works=4, drawings=5, own_right=0.9, others_taken=0.1)},
)  # fmt: skip


def pictures() -> list[Image.Image]:
    found = []
    for number, colour in enumerate(("red", "blue", "green", "orange")):
        image = Image.new("RGB", (96, 96), "white")
        ImageDraw.Draw(image).ellipse((8 * number, 8, 8 * number + 50, 80), fill=colour)
        found.append(image)
    return found


@pytest.mark.parametrize("build", BUILDS)
def test_what_is_seen_does_not_depend_on_who_stands_beside(build: Build) -> None:
    torch.manual_seed(0)
    network = Extractor(build).eval()
    together, alone = seen(network, pictures()), [seen(network, [one]) for one in pictures()]
    torch.testing.assert_close(together.things_ND, torch.cat([one.things_ND for one in alone]), atol=1e-5, rtol=0)
    torch.testing.assert_close(together.manner_ND, torch.cat([one.manner_ND for one in alone]), atol=1e-4, rtol=0)
    torch.testing.assert_close(together.things_ND.norm(dim=1), torch.ones(4))


@pytest.mark.parametrize("build", BUILDS)
def test_an_extractor_comes_back_from_disk_with_its_hands_and_its_proof(build: Build, tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = Extractor(build).eval()
    network.load_state_dict({name: half(tensor).float() for name, tensor in network.state_dict().items()})
    manner = seen(network, pictures()).manner_ND
    known = known_from(("one", "two"), manner.repeat(3, 1), torch.tensor([0, 0, 1, 1] * 3), ["a", "b"] * 6, [0, 3])
    write_extractor(network, build, known, PROOF, tmp_path)
    read = shipped_extractors.shipped(build, tmp_path)
    assert torch.equal(seen(read.network, pictures()).things_ND, seen(network, pictures()).things_ND)
    assert (read.known.names, read.known.things_M, dict(read.known.drew)) == (known.names, known.things_M, known.drew)
    torch.testing.assert_close(read.known.means_AR, known.means_AR, atol=0.05, rtol=0.01)
    assert read.proof == PROOF


def test_each_drawing_has_its_place_among_all() -> None:
    real = torch.eye(3)
    asked = torch.tensor(
        [[0.9, 0.1, 0.0], [0.1, 0.9, 0.0], [0.0, 0.9, 0.1], [0.0, 0.1, 0.9], [0.5, 0.1, 0.4], [0.6, 0.3, 0.1]]
    )
    assert ranks(asked, real).tolist() == [1, 2, 1, 2, 2, 3]


def test_what_is_shipped_is_small_and_one_chooses_while_the_other_reports() -> None:
    files = sorted(shipped_extractors.WEIGHTS.glob("*.safetensors"))
    assert [file.stem for file in files] == sorted(BUILDS)
    assert sum(file.stat().st_size for file in files) < 10_000_000
    assert CHOOSES != REPORTS
    for build in BUILDS:
        shipped = shipped_extractors.shipped(build)
        assert set(shipped.proof.artists) == {"fxemoji", "game-icons"} and len(shipped.known.names) == 10
