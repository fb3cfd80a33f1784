"""What do the findings say in words, and what do they not reach?

The headline says what each of the two measures of nearness has shown, and whether chance may have done it: whoever
reads nothing else must not be misled by either of them. The numbers follow it.
"""

from __future__ import annotations

from handstyle.finetuning.measured import LEVEL, Band, Interval
from handstyle.inspection.likeness import sign_test
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
    return " ".join([_by_error(gain), *([_by_pictures(nearer)] if nearer else ())])


def _by_error(gain: HeldOutGain) -> str:
    """Over all noise, and in those bands that say something else."""
    overall, found = _side(gain.interval), "has not been shown to be nearer to the artist than the base is"
    if overall:
        found = f"is {overall} the artist than the base is"
    words = f"By its denoising error this style {found}"
    for side in ("nearer to", "further from"):
        names = [band.name for band in gain.bands if _side(band.interval) == side]
        if names and side != overall:
            words += f"; under {' and '.join(names)} it is {side.split()[0]}"
    return words + "."


def _side(interval: Interval) -> str:
    """Of the base, clear of chance; empty where the interval of the gain includes zero."""
    return "nearer to" if interval.low > 0 else "further from" if interval.high < 0 else ""


def _by_pictures(nearer: NearerToTruth) -> str:
    if not nearer.admissible:
        return "Its pictures show nothing: something that draws nothing beats the base by their distance."
    more, prompts = "more often than chance", f"{nearer.prompts} prompts"
    if _is_clear(nearer.further, nearer.prompts):
        return (
            f"Its pictures are further from the real drawing than the base's for {nearer.further} of {prompts}, {more}."
        )
    short = "" if nearer.nearer >= _wanted(nearer) else f" but fewer than the {_wanted(nearer)} asked for"
    told = f"{more}{short}" if _is_clear(nearer.nearer, nearer.prompts) else "which may be chance"
    return f"Its pictures are nearer to the real drawing than the base's for {nearer.nearer} of {prompts}, {told}."


def _is_clear(many: int, prompts: int) -> bool:
    return 2 * many > prompts and sign_test(many, prompts) <= 1 - LEVEL


def _wanted(nearer: NearerToTruth) -> int:
    return round(WANTED_SHARE * nearer.prompts)


def _gain(gain: HeldOutGain) -> str:
    share, low, high = (100 * value / gain.base_error for value in (gain.gain, gain.interval.low, gain.interval.high))
    less = "less" if share >= 0 else "more"
    clear = "" if low > 0 else ", which includes nothing at all" if high >= 0 else ", all of it on the wrong side"
    return (
        f"On {gain.number_of_drawings} {gain.drawings} it errs {abs(share):.2f} % {less} than the base at its best "
        f"(95 % interval of what is gained: {low:.2f} to {high:.2f} %{clear}).{_bands(gain)}{_normalised(gain)}"
    )


def _bands(gain: HeldOutGain) -> str:
    """Of how many they were picked is told: the more that are looked at, the sooner one is clear by chance."""
    clear = [band for band in gain.bands if _side(band.interval)]
    if not clear:
        return ""
    return (
        f" Of {len(gain.bands)} bands of noise, each looked at by itself, {len(clear)} "
        f"{'is' if len(clear) == 1 else 'are'} clear of zero: {'; '.join(map(_band, clear))}."
    )


def _band(band: Band) -> str:
    values = (band.gain, band.interval.low, band.interval.high)
    share, low, high = (100 * value / band.base_error for value in values)
    return f"{band.name}, {abs(share):.2f} % {'less' if share >= 0 else 'more'} ({low:.2f} to {high:.2f} %)"


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
    wanted = _wanted(nearer)
    short = "" if nearer.nearer >= wanted else f"; it should be {wanted}, so this falls short"
    doubt = "" if nearer.admissible else " The distance is not admissible: something that draws nothing beats the base."
    ties = f", and as near for {nearer.ties}" if nearer.ties else ""
    return (
        f"For {nearer.nearer} of {nearer.prompts} prompts its pictures are nearer to the real drawing than the base's"
        f"{ties}{short}. {_chance(nearer)}{doubt}"
    )


def _chance(nearer: NearerToTruth) -> str:
    side, many = max(("nearer", nearer.nearer), ("further", nearer.further), key=lambda found: found[1])
    p = sign_test(many, nearer.prompts)
    return f"Exact sign test of {many} {side}: p {'< 0.001' if p < 0.001 else f'= {p:.3f}'}."


def cannot_tell(gain: HeldOutGain | None, copying: CopyCheck, *, further: bool) -> tuple[str, ...]:
    limits = []
    if gain is None:
        limits.append(
            "Whether the style draws like the artist: there is no drawing to measure on that training did not see, nor "
            "a near copy of it."
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
