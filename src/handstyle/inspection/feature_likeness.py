"""Does a network that learnt to tell things and hands see the right thing, in the artist's hand?

Nothing of it is shown unless, on real drawings, the network sees that itself: whose hand it is, on this artist's own
drawings that no training saw; which thing, as was measured before it was shipped. Only the extractor that reports is
asked, never the one that chooses.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from handstyle.inspection import extractor, hands
from handstyle.inspection.extractor import Seen
from handstyle.inspection.report import Closeness, Drawn, FeatureLikeness, PicturesAsSeen
from handstyle.inspection.shipped_extractors import REPORTS, Proof, Shipped, shipped
from handstyle.inspection.truth import Part, Pictures, way
from handstyle.inspection.vision_models import VisionModel

HAND_RIGHT, THING_RIGHT = 0.90, 0.70  # of real drawings, asked for before anything was measured
OTHERS_TAKEN = 0.10  # of other hands' drawings may be taken for the artist's
LEAST_DRAWINGS = 20  # under which one drawing more or less would decide


def feature_likeness(
    base: Pictures,
    style: Pictures,
    given_back: Sequence[Image.Image],
    truth: Sequence[Image.Image],
    works: Sequence[Image.Image],
    captions: Sequence[str],
    by: Shipped | None = None,
) -> tuple[FeatureLikeness, tuple[Closeness, ...]]:
    """Pictures are prompt x seed, of the `truth` in this order; the second part are rows for the ways to the truth."""
    by = by or shipped(REPORTS)
    real, own = extractor.seen(by.network, truth), extractor.seen(by.network, works)
    own_WR = by.known.projected(own.manner_ND)
    told = hands.told_apart(by.known.projected(real.manner_ND), captions, own_WR, by.known)
    hand, thing = why_no_hand(told, len(truth)), why_no_thing(by.proof)
    if min(truth[0].size) < extractor.SIDE:
        hand = thing = f"pictures are {min(truth[0].size)} pixels wide, and it looks at {extractor.SIDE}"
    looks: dict[Drawn, Seen] = {
        "base": _seen(by, base), "style": _seen(by, style),
        "given back": extractor.seen(by.network, given_back), "artist": real,
    }  # fmt: skip
    found = FeatureLikeness(
        extractor=by.build,
        drawings=len(truth),
        known_hands=len(by.known.names),
        hand_right=told.own_right,
        others_taken=told.others_taken,
        thing_right=by.proof.thing_right,
        things_asked=by.proof.asked,
        hand_not_shown=hand,
        thing_not_shown=thing,
        pictures=tuple(
            _as_seen(name, look, real, own_WR, captions, by, hand=not hand, thing=not thing)
            for name, look in looks.items()
            if not (hand and thing)
        ),
    )
    rows = []
    if not hand:
        rows.append(_way("surface", "hand, to a trained network", _of_manner(by, looks), len(truth)))
    if not thing:
        rows.append(_way("decisions", "what is drawn, to a trained network", _of_things(looks), len(truth)))
    return found, tuple(rows)


def why_no_hand(told: hands.ToldApart, drawings: int) -> str:
    """Empty where it may be shown."""
    if drawings < LEAST_DRAWINGS:
        return f"of {drawings} real drawings that the training never saw it cannot be told; {LEAST_DRAWINGS} are needed"
    if told.own_right < HAND_RIGHT:
        right, asked = f"{told.own_right:.1%}", f"{HAND_RIGHT:.0%}"
        return f"it gives {right} of the artist’s own real drawings to the artist, where {asked} were asked for"
    if told.others_taken > OTHERS_TAKEN:
        taken, most = f"{told.others_taken:.1%}", f"{OTHERS_TAKEN:.0%}"
        return f"it takes {taken} of other hands’ real drawings for the artist’s, where {most} may be"
    return ""


def why_no_thing(proof: Proof) -> str:
    if proof.thing_right < THING_RIGHT:
        right, asked = f"{proof.thing_right:.1%}", f"{THING_RIGHT:.0%}"
        return f"it found the right thing for {right} of {proof.asked} real drawings, where {asked} were asked for"
    return ""


def _seen(by: Shipped, pictures: Pictures) -> Seen:
    """In the order prompt by prompt."""
    return extractor.seen(by.network, [image for row in pictures for image in row])


def _as_seen(
    name: Drawn,
    look: Seen,
    real: Seen,
    own_WR: Tensor,
    captions: Sequence[str],
    by: Shipped,
    *,
    hand: bool,
    thing: bool,
) -> PicturesAsSeen:
    each = len(look.things_ND) // len(captions)
    asked = by.known.asked_about([caption for caption in captions for _ in range(each)])
    given = hands.whose(by.known.projected(look.manner_ND), own_WR, by.known.means_AR, asked).tolist()
    artist = len(by.known.names)
    others = Counter(number for number in given if number != artist).most_common(1)
    place = extractor.ranks(look.things_ND, real.things_ND).float()
    return PicturesAsSeen(
        of=name,
        number=len(given),
        given_to_the_artist=given.count(artist) / len(given) if hand else None,
        most_often_else=by.known.names[others[0][0]] if hand and others else "",
        real_drawing_first=float((place == 1).float().mean()) if thing else None,
        mean_place=float(place.mean()) if thing else None,
    )


def by_vision_model(
    model: VisionModel, base: Pictures, style: Pictures, given_back: Sequence[Image.Image], truth: Sequence[Image.Image]
) -> Closeness:
    """Nothing here knows how often a model from elsewhere is right, so its distances stand apart."""
    looks: dict[Drawn, Tensor] = {
        "base": model.seen([image for row in base for image in row]),
        "style": model.seen([image for row in style for image in row]),
        "given back": model.seen(given_back),
        "artist": model.seen(truth),
    }
    return _way("vision models", model.name, looks, len(truth))


def _of_manner(by: Shipped, looks: dict[Drawn, Seen]) -> dict[Drawn, Tensor]:
    return {name: by.known.projected(look.manner_ND) for name, look in looks.items()}


def _of_things(looks: dict[Drawn, Seen]) -> dict[Drawn, Tensor]:
    return {name: look.things_ND for name, look in looks.items()}


def _way(part: Part, name: str, looks: dict[Drawn, Tensor], prompts: int) -> Closeness:
    """Distances to the drawing of the same prompt, mean over its seeds."""

    def far(of: Drawn) -> NDArray[np.float64]:
        apart = looks[of].reshape(prompts, -1, looks[of].shape[1]) - looks["artist"][:, None]
        return np.asarray(torch.linalg.vector_norm(apart, dim=-1).mean(1).double().numpy())

    return way(part, name, far("base"), far("style"), far("given back"))
