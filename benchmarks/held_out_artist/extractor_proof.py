"""Does an extractor see what it should, on real drawings that it never saw?

Two questions, one for each thing a report relies on. Of a drawing by another hand: is it nearest to the artist's
drawing of the same thing, among all that are held out? Of the artist's held-out drawings: is each given to the artist,
as the works show that hand, rather than to one of ten known hands; and are the known hands' unseen drawings not?
"""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import torch
from PIL import Image

from benchmarks.held_out_artist.artists import ARTISTS, Drawing, opened, split_of
from handstyle.demonstration import EXAMPLE
from handstyle.inspection.extractor import Build, Extractor, seen
from handstyle.inspection.hands import KnownHands, by_hand, known_from, told_apart
from handstyle.inspection.shipped_extractors import Apart, Proof, half
from handstyle.origination.artwork import rendered
from handstyle.origination.material import Material

Drawings = dict[str, Image.Image]
DRAWN_AT = 128  # pixels, as the works that were learnt


def in_halves(build: Build, network: Extractor) -> Extractor:
    """Rounded as it is shipped, and without what only learning needs: what is measured is what is read."""
    learnt, plain = network.state_dict(), Extractor(build)
    plain.load_state_dict({name: half(learnt[name]).float() for name in plain.state_dict()})
    return plain.eval().requires_grad_(False)


def known_hands(network: Extractor, material: Material) -> KnownHands:
    """From the works that were learnt; beside them those that nothing learnt."""
    phrases = sorted({said.phrase for said in material.said})
    hands = torch.tensor([phrases.index(said.phrase) for said in material.said])
    manner_ND = seen(network, [Image.fromarray(material.pixels[n]) for n in range(len(hands))]).manner_ND
    things = [said.name for said in material.said]
    return rounded(known_from(tuple(phrases), manner_ND, hands, things, material.unseen))


def rounded(known: KnownHands) -> KnownHands:
    return replace(
        known,
        centre_D=half(known.centre_D).float(),
        projection_DR=half(known.projection_DR).float(),
        means_AR=half(known.means_AR).float(),
        unseen_MR=half(known.unseen_MR).float(),
    )


def proof_of(network: Extractor, known: KnownHands, material: Material, packages: Path) -> Proof:
    far_MA = torch.cdist(known.unseen_MR, known.means_AR)
    nearest_M = far_MA.masked_fill(~known.asked_about(known.things_M), torch.inf).argmin(1)
    right, asked, among = things_right(network, material)
    return Proof(
        thing_right=round(right, 4),
        asked=asked,
        among=among,
        artists={name: _apart(network, known, *pictures_of(name, packages)) for name in ("fxemoji", "game-icons")},
        known_right=round(by_hand(nearest_M == known.of_M, known.of_M), 4),
    )


def _apart(network: Extractor, known: KnownHands, works: Drawings, real: Drawings) -> Apart:
    own_WR, real_NR = (known.projected(seen(network, list(pictures.values())).manner_ND) for pictures in (works, real))
    told = told_apart(real_NR, list(real), own_WR, known)
    return Apart(
        works=len(works), drawings=len(real),
        own_right=round(told.own_right, 4), others_taken=round(told.others_taken, 4),
    )  # fmt: skip


def pictures_of(name: str, packages: Path) -> tuple[Drawings, Drawings]:
    """The 32 works of the first draw and the 64 drawings for tuning, drawn as the known hands' works are."""
    artist = ARTISTS[name]
    split, icons = split_of(packages, artist), opened(packages, artist)

    def drawn(drawings: tuple[Drawing, ...]) -> Drawings:
        return {one.caption: Image.fromarray(rendered(icons, one.identifier, DRAWN_AT)) for one in drawings}

    return drawn(split.works(0)), drawn(split.tuning)


def things_right(network: Extractor, material: Material) -> tuple[float, int, int]:
    """Share, of how many drawings by known hands, among how many held-out drawings of the example."""
    real = drawings_in(EXAMPLE / "held_out")
    others: dict[str, list[int]] = defaultdict(list)
    for place, said in enumerate(material.said):
        others[said.name].append(place)
    asked = [(n, place) for n, name in enumerate(real) for place in others.get(name, [])]
    pictures = [Image.fromarray(material.pixels[place]) for _, place in asked]
    alike = seen(network, pictures).things_ND @ seen(network, list(real.values())).things_ND.T
    right = alike.argmax(1) == torch.tensor([n for n, _ in asked])
    return float(right.float().mean()), len(asked), len(real)


def drawings_in(folder: Path) -> Drawings:
    lines = (folder / "metadata.jsonl").read_text(encoding="utf-8").splitlines()
    entries = [json.loads(line) for line in lines if line.strip()]
    return {entry["text"]: Image.open(folder / entry["file_name"]).convert("RGB") for entry in entries}
