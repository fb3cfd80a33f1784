"""What does a stranger read first about a release?

The model card, with every sentence written from the records: who made the works and whether they were asked, how
to use the files, what was measured, what was not, and how to check all of it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence

from handstyle.collection.involvement import involvement
from handstyle.collection.licences import LICENCES
from handstyle.collection.reservation_values import SIGNALS
from handstyle.collection.scope import EVERYWHERE, in_words
from handstyle.collection.works import Collection
from handstyle.diffusion.adapter_names import KNOWN_AS
from handstyle.finetuning.foreign_style import goes_on_from
from handstyle.finetuning.trained_style import TrainedStyle
from handstyle.inspection.redaction import redacted
from handstyle.inspection.report import HeldOutGain, InspectionReport, NearerToTruth
from handstyle.publication import card_use
from handstyle.publication.clearance import CLASS_IMAGE, Clearance
from handstyle.publication.disclosure import PublishedCollection, PublishedRights, published
from handstyle.publication.provenance import Weights
from handstyle.publication.style_licence import RESERVED

EXAMPLE = "a house by the sea"
HELD_IN = {
    "int8": " (its denoiser held in 8 bits meanwhile)",
    "nf4": " (its denoiser held in 4 bits meanwhile)",
}


def text(
    style: TrainedStyle,
    collection: Collection | PublishedCollection,
    report: InspectionReport,
    cleared: Clearance,
    weights: Sequence[Weights],
    fingerprint: str,
    class_images: Collection | PublishedCollection | None = None,
) -> str:
    """README.md: the metadata the Hugging Face Hub reads, then words for people."""
    from huggingface_hub import ModelCard

    # The card is made from what is public, so it can be made anew from that.
    works, beside = published(collection), published(class_images) if class_images else None
    report = redacted(report)  # the card is as public as the published report
    sections = [
        f"# {plain(cleared.title)}\n\n{plain(involvement(works, beside))}",
        _what_it_is(style, works, cleared),
        _use(style, weights),
        f"## What was measured\n\n{_lines(_findings(report))}\n\nThe pictures are in [report.html](report.html).",
        "## What this cannot tell you\n\n" + _lines([plain(limit) for limit in (*report.cannot_tell, *_LIMITS)]),
        f"## The base\n\n{plain(style.base.name)} was {plain(cleared.base.words)}.{_base_warning(cleared)}",
        "## Whose work it is\n\n" + _lines([plain(line) for line in cleared.attributions]),
        "## What was permitted, and by whom\n\n" + _lines(_permitted(works, beside, cleared)),
        f"## Licence\n\n{plain(cleared.licence.name)}. {plain(cleared.licence.why)} See [LICENSE.md](LICENSE.md).",
        _check(cleared, fingerprint),
    ]
    content = f"---\n{_metadata(style, cleared).strip()}\n---\n\n" + "\n\n".join(sections) + "\n"
    return str(ModelCard(content))


def permission_lines(works: PublishedCollection, class_images: PublishedCollection | None) -> list[str]:
    """Signed or stated, by whom; and whose signed word stands before what the files say. No name stands there else."""
    lines = [line for line, _ in _permissions(works, class_images)]
    return lines + [f"{line}." for found in (works, class_images) if found for line in _set_aside(found)]


def _permissions(
    works: PublishedCollection, class_images: PublishedCollection | None
) -> Iterator[tuple[str, PublishedRights]]:
    for what, found in (("work", works), (CLASS_IMAGE, class_images)):
        for covered, rights in found.by_permission() if found else ():
            number = f"{len(covered)} {what if len(covered) == 1 else f'{what}s'}"
            yield f"{number} by {rights.author}: {rights.standing}.", rights


def _permitted(works: PublishedCollection, class_images: PublishedCollection | None, cleared: Clearance) -> list[str]:
    """The same, and what a signed scope says to whoever holds this release."""
    lines = []
    for line, rights in _permissions(works, class_images):
        lines.append(plain(line))
        if scope := rights.scope:
            last = f"It ends with {scope.valid_until}" if scope.valid_until else "It has no last day"
            lines.append(
                f"{last}; {'commercial use is permitted' if scope.commercial else 'no commercial use'}; "
                f"{'further models may be made from it' if scope.derivatives else 'no further models from this one'}; "
                f"territory: {', '.join(scope.territory)}. The words that were signed are in `consents/`."
            )
    lines += [f"{plain(line)}." for found in (works, class_images) if found for line in _set_aside(found)]
    if cleared.territory != (EVERYWHERE,):
        lines.append(f"**{_only_in(cleared)}**")
    if cleared.recipients:
        lines.append(f"**This release is for {plain(' and '.join(cleared.recipients))} alone. Do not pass it on.**")
    return lines


def _set_aside(collection: PublishedCollection) -> list[str]:
    """What the files said against training, and whose signed word stands before it."""
    numbers: Counter[str] = Counter()
    for work in collection.works:
        rights = collection.rights[work.rights]
        if not rights.sets_reservations_aside:
            continue
        for signal in sorted({SIGNALS[one.signal] for one in work.reservations if one.objects}):
            by = " and ".join(rights.holders)
            numbers[f"reserved in or beside its file ({signal}); the signed consent of {by} sets that aside"] += 1
    return [f"{number} {'work is' if number == 1 else 'works are, each,'} {words}" for words, number in numbers.items()]


def _only_in(cleared: Clearance) -> str:
    return f"This release may be used only in {in_words(cleared.territory)}, where it was permitted."


def licence_text(cleared: Clearance) -> str:
    """LICENSE.md"""
    if cleared.licence.name == RESERVED:
        terms = "All rights are reserved. Ask its owner before you use, copy or change it."
        terms += "" if cleared.territory == (EVERYWHERE,) else f" {_only_in(cleared)}"
    else:
        terms = f"It is given under {plain(cleared.licence.name)}: {_terms(cleared.licence.name)}"
    works = _lines([plain(line) for line in cleared.attributions])
    return (
        f"# Licence of {plain(cleared.title)}\n\n{terms}\n\n{plain(cleared.licence.why)}\n\n"
        f"It was made from:\n\n{works}\n\nTexts of their licences, where we hold them, are in `licences/`.\n"
    )


def _terms(licence: str) -> str:
    row = LICENCES.get(licence)
    return row.url if row else "the base model comes with its text."


def _metadata(style: TrainedStyle, cleared: Clearance) -> str:
    from huggingface_hub import ModelCardData

    low_rank = style.recipe.method == "lora"
    unknown_to_the_hub = cleared.licence.hub == "other"
    data = ModelCardData(
        license=cleared.licence.hub,
        license_name=re.sub(r"[^a-z0-9.+]+", "-", cleared.licence.name.lower()) if unknown_to_the_hub else None,
        license_link="LICENSE.md" if unknown_to_the_hub else None,
        base_model=_on_the_hub(style) or style.base.name,
        base_model_relation="adapter" if low_rank else "finetune",
        library_name="diffusers",
        pipeline_tag="text-to-image",
        instance_prompt=f"{style.recipe.identifier} {style.recipe.class_words}",
        tags=["text-to-image", "diffusers", "dreambooth", *_tags(style)],
        widget=[{"text": style.recipe.words(EXAMPLE)}],
    )
    return str(data.to_yaml())


def _tags(style: TrainedStyle) -> list[str]:
    if style.recipe.method == "full":
        return []
    word = ["textual_inversion"] if style.recipe.teaches_a_word else []
    return word if style.recipe.algo == "textual-inversion" else ["lora", "template:sd-lora", *word]


def _what_it_is(style: TrainedStyle, collection: PublishedCollection, cleared: Clearance) -> str:
    recipe = style.recipe
    kind = f"a low-rank update ({KNOWN_AS[recipe.algo]}, rank {recipe.rank})"
    if recipe.algo == "oft":
        kind = f"a rotation (OFT, in blocks of {recipe.rank})"
    if recipe.method == "full":
        kind = "a full finetuning"
    if recipe.teaches_a_word:
        word = f"a new word of {recipe.num_vectors} vector{'s' if recipe.num_vectors > 1 else ''}"
        kind = f"{word} (textual inversion)" if recipe.algo == "textual-inversion" else f"{kind} and {word}"
    number = sum(work.trained_on for work in collection.works)
    held = HELD_IN.get(recipe.base_model_precision, "")
    return (
        f"It is {kind} of {plain(style.base.name)}{held}, trained for {style.steps} steps on {number} "
        f"{'work' if number == 1 else 'works'} at {style.resolution} pixels, and published on {cleared.on}. The words "
        f"`{style.recipe.identifier} {style.recipe.class_words}` in a prompt call it.{_renamed(style)}{_origin(style)}"
    )


def _base_warning(cleared: Clearance) -> str:
    if cleared.base.made_from != "unknown":
        return ""
    return " **A permission for the works of this style is none for those in its base.**"


def _origin(style: TrainedStyle) -> str:
    return f" {goes_on_from(style.origin)}" if style.origin else ""


def _renamed(style: TrainedStyle) -> str:
    if not style.renamed:
        return ""
    days = ", ".join(dict.fromkeys(str(renaming.on) for renaming in style.renamed))
    withdrawn = (
        " The word it was trained with is not told any more. The one above was never trained and calls it less surely, "
        "and the other still does; who trains again by this recipe gets other weights."
        if any(renaming.withdrew_identifier for renaming in style.renamed)
        else ""
    )
    return f"\n\nIt got another name on {days}; the weights are the same.{withdrawn}"


def _use(style: TrainedStyle, weights: Sequence[Weights]) -> str:
    base = _on_the_hub(style) or "BASE"
    code = card_use.code(style, weights, base, style.recipe.words(EXAMPLE))
    folders = "`RELEASE` is this folder" + ("." if base != "BASE" else f", `BASE` that of {plain(style.base.name)}.")
    return f"## Use it\n\n```python\n{code}\n```\n\n{folders}{card_use.elsewhere(style, weights)}"


def _findings(report: InspectionReport) -> list[str]:
    findings = [plain(line) for line in report.verdict[:1]]  # the headline; its further sentences say what follows here
    if report.held_out_gain:
        findings.append(_gain(report.held_out_gain))
    if report.nearer_to_truth:
        findings.append(_nearer(report.nearer_to_truth))
    if report.blind_test:
        findings.append(plain(report.blind_test.words))
    return [*findings, plain(report.copying.words)]


def _gain(gain: HeldOutGain) -> str:
    low, high = gain.interval.low, gain.interval.high
    clear = "clear of zero" if low > 0 else "which is not clear of zero, so no gain is shown"
    return (
        f"On {gain.number_of_drawings} {gain.drawings} the denoising error is {gain.base_error:.4f} with the base and "
        f"{gain.style_error:.4f} with the style: a gain of {gain.gain:.4f} ({gain.interval.level:.0%} interval "
        f"{low:.4f} to {high:.4f}, {clear})."
    )


def _nearer(nearer: NearerToTruth) -> str:
    admissible = "" if nearer.admissible else " The distance proved unfit, so this count shows nothing."
    return (
        f"For {nearer.nearer} of {nearer.prompts} prompts the style's picture is nearer to what the artist really drew "
        f"than the base's best ({plain(nearer.distance)}, {len(nearer.seeds)} seeds).{admissible}"
    )


_LIMITS = (
    "Whether the people named in the records are who they say they are, and hold the rights they say they hold.",
    "Whether some prompt, not tried here, gives a near copy of a work.",
)


def _check(cleared: Clearance, fingerprint: str) -> str:
    return (
        "## Check it\n\nEvery file here is listed and signed in `handstyle.json`. With handstyle installed, without "
        f"network or GPU:\n\n```\nhandstyle verify {cleared.name}\n```\n\nThe signer's key is `{fingerprint}`. "
        "Compare it with one you have from the signer by another way than this page."
    )


def _on_the_hub(style: TrainedStyle) -> str:
    """The name of the base on the Hugging Face Hub, if its source is there."""
    found = re.fullmatch(r"https://huggingface\.co/([\w.-]+/[\w.-]+)/?", style.base.source)
    return found[1] if found else ""


def plain(words: str) -> str:
    """Names and titles come from people; in a card they stay words, whatever signs are in them."""
    return re.sub(r"([\\`*_\[\]<>#|])", r"\\\1", " ".join(words.split()))


def _lines(lines: Sequence[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)
