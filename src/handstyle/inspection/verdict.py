"""What do the findings say in words, and what do they not reach?"""

from __future__ import annotations

from handstyle.inspection.memorisation import fewest
from handstyle.inspection.report import CopyCheck, HeldOutGain, NearerToTruth

WANTED_SHARE = 45 / 64  # of prompts for which the style should be nearer to the truth


def verdict(gain: HeldOutGain | None, nearer: NearerToTruth | None, copying: CopyCheck) -> tuple[str, ...]:
    """The headline first, then one sentence a finding."""
    sentences = [_headline(gain, nearer)]
    if gain:
        sentences.append(_gain(gain))
    if nearer:
        sentences.append(_nearer(nearer))
    sentences.append(copying.words)
    return tuple(sentences)


def _headline(gain: HeldOutGain | None, nearer: NearerToTruth | None) -> str:
    if gain is None:
        return "A style was learnt; how near it is to the artist cannot be told without further drawings."
    if gain.interval.low <= 0:
        return "This style has not been shown to draw nearer to the artist than the base does."
    if nearer and (nearer.nearer < WANTED_SHARE * nearer.prompts or not nearer.admissible):
        return "This style has learnt something of the hand, and its pictures do not show it often enough."
    return "This style draws nearer to the artist than the base does."


def _gain(gain: HeldOutGain) -> str:
    share, low, high = (100 * value / gain.base_error for value in (gain.gain, gain.interval.low, gain.interval.high))
    less = "less" if share >= 0 else "more"
    clear = "" if low > 0 else ", which includes nothing at all" if high >= 0 else ", all of it on the wrong side"
    return (
        f"On {gain.number_of_drawings} {gain.drawings} it errs {abs(share):.2f} % {less} than the base at its best "
        f"(95 % interval of what is gained: {low:.2f} to {high:.2f} %{clear}).{_normalised(gain)}"
    )


def _normalised(gain: HeldOutGain) -> str:
    if gain.normalised is None:
        return ""
    share, low, high = (
        100 * value for value in (gain.normalised.share, gain.normalised.interval.low, gain.normalised.interval.high)
    )
    return (
        f" That is {share:.0f} % ({low:.0f} to {high:.0f} %) of what a model gains that saw all of the artist but "
        "these drawings."
    )


def _nearer(nearer: NearerToTruth) -> str:
    wanted = round(WANTED_SHARE * nearer.prompts)
    short = "" if nearer.nearer >= wanted else f"; it should be {wanted}, so this falls short"
    doubt = "" if nearer.admissible else " The distance is not admissible: something that draws nothing beats the base."
    return (
        f"For {nearer.nearer} of {nearer.prompts} prompts its pictures are nearer to the real drawing than the base's"
        f"{short}.{doubt}"
    )


def cannot_tell(gain: HeldOutGain | None, copying: CopyCheck, *, further: bool) -> tuple[str, ...]:
    limits = []
    if gain is None:
        limits.append(
            "Whether the style draws like the artist: no drawing was left out of training, no further ones were given."
        )
    elif not further:
        limits.append(
            "How the style does on drawings of another time or kind: it was measured on works of the same collection."
        )
    if copying.unusually_near is None:
        limits.append(
            f"Whether any output lies unusually near to a work: that takes at least {fewest(copying.quantile)} other "
            f"drawings by the artist, and there are {len(copying.distances_of_real)}."
        )
    limits += [
        f"What other prompts and seeds would draw: {len(copying.outputs)} outputs were looked at.",
        "Whether a part of a work, smaller than a quarter of a side, comes back in an output.",
        "Which works shaped an output, and how much: `handstyle influence` asks that of one picture.",
        "Whether the artist would call any of it good: "
        + (
            "silhouette, pose and what is left out are not measured without real drawings."
            if gain is None
            else "of silhouette, pose and what is left out is measured which places are covered, not what they mean."
        ),
    ]
    return tuple(limits)
