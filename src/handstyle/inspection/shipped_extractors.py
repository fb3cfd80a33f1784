"""Which extractors are shipped, which hands do they know, and what did they show before anything relied on them?

`benchmarks/held_out_artist/extractors.py` writes the files; extractors/ORIGIN.md says from which works.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from torch import Tensor

from handstyle.diffusion.checkpoints import read_tensors, write_tensors
from handstyle.inspection.extractor import Build, Extractor
from handstyle.inspection.hands import KnownHands
from handstyle.records import Record

WEIGHTS = Path(__file__).parent / "extractors"
CHOOSES: Build = "patches"  # whatever picks one of several trainings by features
REPORTS: Build = "residual"  # and nothing else: what is reported must not have been chosen by it
OF_HANDS = "known_hands."  # what else is in a file begins so


class Apart(Record):
    """An artist whom the extractor never saw, with as many works as an artist has at hand, and the known hands."""

    works: int
    drawings: int
    own_right: float
    others_taken: float


class Proof(Record):
    """On real drawings that it never saw, by artists whom it never saw."""

    thing_right: (
        float  # of another hand's drawings: nearest to the artist's drawing of the same thing, among all of them
    )
    asked: int
    among: int
    artists: dict[str, Apart]
    known_right: float  # of known hands' drawings: given to their own


@dataclass(frozen=True)
class Shipped:
    build: Build
    network: Extractor
    known: KnownHands
    proof: Proof


@cache
def shipped(build: Build, folder: Path = WEIGHTS) -> Shipped:
    tensors, metadata = read_tensors(folder / f"{build}.safetensors")
    network = Extractor(build)
    own = {name: tensor.float() for name, tensor in tensors.items() if not name.startswith(OF_HANDS)}
    network.load_state_dict(own)
    hands = {name.removeprefix(OF_HANDS): tensor for name, tensor in tensors.items() if name.startswith(OF_HANDS)}
    told = json.loads(metadata["hands"])
    known = KnownHands(
        names=tuple(told["names"]),
        of_M=hands.pop("of_M").long(),
        things_M=tuple(told["unseen"]),
        drew={thing: tuple(drew) for thing, drew in told["drew"].items()},
        **{name: tensor.float() for name, tensor in hands.items()},
    )
    return Shipped(build, network.eval().requires_grad_(False), known, Proof.model_validate_json(metadata["proof"]))


def write_extractor(network: Extractor, build: Build, known: KnownHands, proof: Proof, folder: Path) -> Path:
    """In bfloat16, which has the range of float32: a read extractor is what was measured only if that was, too."""
    tensors: dict[str, Tensor] = {name: half(tensor) for name, tensor in network.state_dict().items()}
    for name in ("centre_D", "projection_DR", "means_AR", "unseen_MR"):
        tensors[OF_HANDS + name] = half(getattr(known, name))
    tensors[OF_HANDS + "of_M"] = known.of_M.int().contiguous()
    told = {"names": known.names, "unseen": known.things_M, "drew": dict(known.drew)}
    hands = json.dumps(told, separators=(",", ":"))
    metadata = {"format": "pt", "hands": hands, "proof": proof.model_dump_json()}
    return write_tensors(folder / f"{build}.safetensors", tensors, metadata)


def half(tensor: Tensor) -> Tensor:
    return tensor.bfloat16().contiguous()
