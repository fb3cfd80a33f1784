"""What would the public summary of training content say, which European law asks of providers of large models?

In the order of the Commission's template for Article 53(1)(d) of Regulation (EU) 2024/1689 (C(2025) 8311). Somebody who
finetunes on a few dozen works is hardly ever such a provider, so it is marked as voluntary. It is about the finetuning
alone; what the base was trained on, its own summary would have to say.
"""

from __future__ import annotations

from collections.abc import Sequence

from handstyle.finetuning.foreign_style import goes_on_from
from handstyle.finetuning.trained_style import TrainedStyle
from handstyle.publication.card import plain
from handstyle.publication.clearance import Clearance
from handstyle.publication.copyright_policy import Contact
from handstyle.publication.disclosure import PublishedCollection, PublishedRights

VOLUNTARY = (
    "**Voluntary.** Whoever changes a model a little is no provider of a general-purpose model by that alone; this "
    "summary follows the order of the template all the same, for the changes that were made. It is no legal advice."
)
NONE = "None."


def text(
    published: PublishedCollection,
    class_images: PublishedCollection | None,
    style: TrainedStyle,
    cleared: Clearance,
    contact: Contact | None,
    signer: str,
) -> str:
    """TRAINING_SUMMARY.md"""
    every = [("work", published), *([("class image", class_images)] if class_images else [])]
    who = f"{plain(contact.name)}, {plain(contact.address)}" if contact else "not stated"
    sections = [
        f"# Public summary of training content: {plain(cleared.title)}\n\n{VOLUNTARY}\n\n"
        f"Version of the summary: 1. Last update: {cleared.on}.",
        "## 1. General information",
        f"### 1.1 Provider identification\n\n- Name and contact: {who}\n- Key of the signer: `{signer}`",
        "### 1.2 Model identification\n\n"
        f"- Model: {plain(cleared.title)}, of {cleared.on}, tensors `{style.tensors}`\n"
        f"- It depends on: {plain(style.base.name)} (`{style.base.sha256}`), whose own summary, if there is one, "
        f"says what that was trained on{_origin(style)}",
        "### 1.3 Modalities, overall training data size and other characteristics\n\n"
        f"- Modality: images, with a caption each\n- Size: {_size(published, class_images)}; the class *less than 1 "
        "million images*\n- Type of content: drawings and pictures by the authors named below\n"
        f"- Acquired at the latest on {cleared.on}",
        "## 2. List of data sources",
        f"### 2.1 Publicly available datasets\n\n{_lines(every, ('open-licence',))}",
        "### 2.2 Private non-publicly available datasets obtained from third parties\n\n"
        "#### 2.2.1 Licensed by rightsholders or their representatives\n\n"
        f"{_lines(every, ('consent', 'written-permission'))}\n\n#### 2.2.2 From other third parties\n\n{NONE}",
        f"### 2.3 Data crawled and scraped from online sources\n\n{NONE} Nothing was fetched.",
        f"### 2.4 User data\n\n{NONE}",
        f"### 2.5 Synthetic data\n\n{_synthetic(style, class_images)}",
        f"### 2.6 Other sources of data\n\n{_lines(every, ('own-work',))}",
        "## 3. Data processing aspects",
        f"### 3.1 Respect of reservations of rights\n\n{_reservations(published)}",
        "### 3.2 Removal of illegal content\n\nEvery work was chosen by hand. No filter was applied.",
        "### 3.3 Other information\n\nEvery work is named by digest in `collection.json`, with the permission it "
        "stands on, so that whoever holds a work can see whether it is among them.",
    ]
    return "\n\n".join(sections) + "\n"


def _size(published: PublishedCollection, class_images: PublishedCollection | None) -> str:
    trained = sum(work.trained_on for work in published.works)
    beside = f", and {len(class_images.works)} pictures of the class" if class_images else ""
    return f"{trained} works trained on, {len(published.works) - trained} withheld to check with{beside}"


def _lines(every: Sequence[tuple[str, PublishedCollection]], bases: Sequence[str]) -> str:
    lines = [
        _line(what, rights, sum(work.rights == digest for work in published.works))
        for what, published in every
        for digest, rights in sorted(published.rights.items())
        if rights.basis in bases
    ]
    return "\n".join(lines) or NONE


def _line(what: str, rights: PublishedRights, number: int) -> str:
    where = f", {rights.source}" if rights.source else ""
    last = f"; until {rights.valid_until}" if rights.valid_until else ""
    whose = f"{number} {what if number == 1 else f'{what}s'} by {plain(rights.author)}"
    return f"- {whose}: {plain(rights.standing)}{where}{last}"


def _synthetic(style: TrainedStyle, class_images: PublishedCollection | None) -> str:
    if style.recipe.with_prior_preservation and class_images is None:
        return f"Pictures of the class words, drawn by {plain(style.base.name)} itself, to keep what it knew."
    return NONE


def _reservations(published: PublishedCollection) -> str:
    aside = [work for work in published.works if any(reading.objects for reading in work.reservations)]
    found = sum(bool(work.reservations) for work in published.works)
    said = (
        f"Of {len(published.works)} works {found} carried a signal that could be read, and {len(aside)} of these a "
        "reservation; "
    )
    outcome = "each was set aside by a consent that every holder signed." if aside else "no reserved work was used."
    return (
        "C2PA/CAWG, IPTC/PLUS, TDMRep, AIPREF, RSL, `noai` notes, copyright notices and declared cloaks were read from "
        f"the original files, and from notes beside them, before anything else. {said}{outcome}"
    )


def _origin(style: TrainedStyle) -> str:
    return f"\n- {goes_on_from(style.origin)}" if style.origin else ""
