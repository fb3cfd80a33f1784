"""What would a careful eye say of each work before anything is trained?

Near-duplicates, too small, badly cropped, unlike the others, described by words that do not fit. It says what it sees
and why; which works to leave out is for the person to decide.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from handstyle.collection.fingerprints import fingerprint
from handstyle.collection.near_duplicates import are_near
from handstyle.collection.works import Work
from handstyle.encoding.crops import centre_crop
from handstyle.inspection.report import Shown
from handstyle.inspection.surface import surface
from handstyle.records import Record

Kind = Literal["near-duplicate", "mirrored copy", "too small", "cropped", "unlike the others", "caption"]
KINDS: tuple[Kind, ...] = ("near-duplicate", "mirrored copy", "too small", "cropped", "unlike the others", "caption")
SUGGESTED: frozenset[Kind] = frozenset({"near-duplicate", "mirrored copy"})

INK_LOST = 0.1  # share of what is drawn that the crop cuts off
PAPER = 12  # levels of 255, by which a pixel may differ from the corners and still be paper
UNLIKE = 5.0  # times the usual distance from the median (median absolute deviation, scaled to a standard deviation)
FEWEST = 8  # works: with fewer nobody knows what is usual
WHOLE = 256  # pixels of the longer side, at which a work is looked at
HOW = frozenset(
    "drawing drawings drawn sketch sketched ink painting painted watercolour watercolor illustration illustrated "
    "engraving etching linocut pastel charcoal style".split()
)  # words for how something is drawn, which the style is to learn and the caption to leave out


class Finding(Record):
    """One thing about one work."""

    kind: Kind
    work: str
    words: str
    other: str = ""  # the work it is held against
    suggests_without: bool = False


class Seen(Record):
    """A work on the doctor's page, whole, with the square that training would see."""

    name: str
    caption: str
    picture: Shown
    crop: tuple[float, float, float, float]  # left, top, width and height, as shares of the picture


class Checked(Record):
    format: Literal["handstyle/doctor/1"] = "handstyle/doctor/1"
    collection: str
    works: int
    resolution: int
    captions_were_asked: bool  # of the base
    findings: tuple[Finding, ...]
    seen: tuple[Seen, ...]  # the works that something is said of, and those they are held against

    @property
    def without(self) -> tuple[str, ...]:
        """What the doctor would leave out, were it asked: each work once."""
        return tuple(dict.fromkeys(finding.work for finding in self.findings if finding.suggests_without))


@dataclass(frozen=True)
class Looked:
    """A work as it lies in its file, upright and small, and as training sees it."""

    work: Work
    whole: Image.Image
    square: Image.Image


def findings(looked: Sequence[Looked], alike: Mapping[str, str], resolution: int) -> list[Finding]:
    """In the order of kinds, and of names within each."""
    found = [
        *_near(looked, alike),
        *_mirrored(looked, alike),
        *(finding for one in looked for finding in (_too_small(one.work, resolution), _cropped(one)) if finding),
        *_unlike(looked),
        *_words(looked, alike),
    ]
    return sorted(found, key=lambda finding: (KINDS.index(finding.kind), finding.work))


def _near(looked: Sequence[Looked], alike: Mapping[str, str]) -> Iterator[Finding]:
    for one in looked:
        if earlier := alike.get(one.work.name):
            words = f"looks nearly like {earlier}: such a pair is learnt twice as fast, and by heart first"
            yield Finding(kind="near-duplicate", work=one.work.name, words=words, other=earlier, suggests_without=True)


def _mirrored(looked: Sequence[Looked], alike: Mapping[str, str]) -> Iterator[Finding]:
    looks = [(one.work.name, fingerprint(one.whole), fingerprint(ImageOps.mirror(one.whole))) for one in looked]
    for place, (name, look, mirrored) in enumerate(looks):
        # What is its own mirror image is no copy of another, and near ones have been told already.
        if mirrored is None or look is None or are_near(look, mirrored) or name in alike:
            continue
        for earlier, other, _ in looks[:place]:
            if other is not None and are_near(mirrored, other):
                words = f"is nearly {earlier}, mirrored"
                yield Finding(kind="mirrored copy", work=name, words=words, other=earlier, suggests_without=True)
                break


def _too_small(work: Work, resolution: int) -> Finding | None:
    shorter = min(work.width, work.height)
    if shorter >= resolution:
        return None
    words = (
        f"is {work.width} x {work.height} pixels and is enlarged {resolution / shorter:.1f} times to the {resolution} "
        "of the training: the style learns its blur as well"
    )
    return Finding(kind="too small", work=work.name, words=words)


def _cropped(one: Looked) -> Finding | None:
    """By what is drawn and not by paper: empty margins are no loss."""
    lost = ink_lost(one.whole)
    if lost < INK_LOST:
        return None
    kept = centre_crop(one.work.width, one.work.height, 1).share_of(one.work.width, one.work.height)
    words = f"loses {lost:.0%} of what is drawn: training sees a square, which keeps {kept:.0%} of its area"
    return Finding(kind="cropped", work=one.work.name, words=words)


def ink_lost(image: Image.Image) -> float:
    """The share of what is no paper that lies outside the square in the middle."""
    pixels = np.asarray(image.convert("RGB")).astype(int)
    paper = np.median(pixels[[0, 0, -1, -1], [0, -1, 0, -1]], axis=0)
    ink = np.abs(pixels - paper).max(axis=-1) >= PAPER
    left, top, right, bottom = centre_crop(image.width, image.height, 1).box
    whole = int(ink.sum())
    return 1 - int(ink[top:bottom, left:right].sum()) / whole if whole else 0.0


MEASURES = (  # field of a surface, what more and less of it is called, a share or not, and what is a trifle of it
    ("number_of_colours", "more colours", "fewer colours", False, 1.0),
    ("background_share", "more empty paper", "less empty paper", True, 0.02),
    ("outline_share", "more outlines", "fewer outlines", True, 0.02),
    ("stroke_width", "thicker strokes", "thinner strokes", False, 0.5),
    ("gradient_share", "more soft shading", "less soft shading", True, 0.02),
)


def _unlike(looked: Sequence[Looked]) -> Iterator[Finding]:
    """Works that stand far from all others in one of the plain measures, outside of what any other has."""
    surfaces = [(one.work.name, surface([one.square], "artist")) for one in looked]
    for field, more, less, is_share, trifle in MEASURES:
        values = [(name, float(getattr(found, field))) for name, found in surfaces]
        if field == "stroke_width":  # a work without strokes has none of any width
            values = [(name, value) for name, value in values if value]
        if len(values) < FEWEST:
            continue
        values_N = np.array([value for _, value in values])
        for place in outliers(values_N, trifle):
            others = np.delete(values_N, place)
            side = more if values_N[place] > others.max() else less
            told = [f"{value:.0%}" if is_share else f"{value:.1f}" for value in (values_N[place], *_usual(others))]
            words = f"has {side} than all others: {told[0]}, where most have {told[1]} to {told[2]}"
            yield Finding(kind="unlike the others", work=values[place][0], words=words)


def outliers(values_N: NDArray[np.float64], trifle: float = 0.0) -> list[int]:
    """Places beyond all others and far from their median (Iglewicz and Hoaglin 1993, the modified z-score). Where the
    others hardly differ, a tenth of what they are, and a trifle, count as usual."""
    found = []
    for place, value in enumerate(values_N):
        others = np.delete(values_N, place)
        if others.min() <= value <= others.max():
            continue
        middle = float(np.median(others))
        spread = 1.4826 * float(np.median(np.abs(others - middle)))
        if abs(value - middle) > UNLIKE * max(spread, 0.1 * abs(middle), trifle):
            found.append(place)
    return found


def _usual(others_N: NDArray[np.float64]) -> tuple[float, float]:
    low, high = np.quantile(others_N, (0.1, 0.9))
    return float(low), float(high)


def _words(looked: Sequence[Looked], alike: Mapping[str, str]) -> Iterator[Finding]:
    """What can be seen of captions without a model."""
    said = Counter(one.work.caption.casefold() for one in looked if one.work.name not in alike)
    for one in looked:
        name, caption = one.work.name, one.work.caption
        faults = []
        if said[caption.casefold()] > 1 and name not in alike:
            faults.append(f"says “{caption}”, and so do {said[caption.casefold()] - 1} others that look different")
        if how := sorted(HOW & set(caption.casefold().split())):
            faults.append(f"says how it is drawn (“{how[0]}”): what the caption names, the style does not learn")
        if one.work.caption_from == "file name" and not any(letter.isalpha() for letter in caption):
            faults.append(f"is called “{caption}” after its file, which says nothing of what it shows")
        yield from (Finding(kind="caption", work=name, words=words) for words in faults)


def ill_described(
    names: Sequence[str], captions: Sequence[str], beaten: Mapping[str, tuple[int, int, str]]
) -> list[Finding]:
    """`beaten` says for a work by how many of how many other captions the base draws it better than by its own, and by
    which best."""
    found = []
    for name, caption in zip(names, captions, strict=True):
        better, of, best = beaten[name]
        if better == of:
            words = f"says “{caption}”, and the base knows it better by each of {of} other captions, best by “{best}”"
            found.append(Finding(kind="caption", work=name, words=words))
    return found
