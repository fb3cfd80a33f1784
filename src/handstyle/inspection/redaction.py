"""Which part of a report may anyone see?

A work whose permission does not include showing keeps a number. Its pixels, name and caption go, and with them
every picture and every prompt that would give them away. The measurements stay: they are about the style.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import PurePosixPath

from handstyle.finetuning.measured import CrossFitted
from handstyle.inspection.audit_report import Audit
from handstyle.inspection.report import CopyCheck, InspectedWork, InspectionReport, Neighbour, Shown, SideBySide

WITHHELD = Shown(file="", caption="")


def redacted(report: InspectionReport) -> InspectionReport:
    """The report that may be published; the same one when every work may be shown, but for the names of drawings that
    nothing was measured on: whether those may be shown it does not say."""
    report = report.model_copy(update={"too_near": ()})
    if all(work.show for work in report.works) and all(side.show_real for side in report.comparisons):
        return report
    veil = _Veil(report)
    return report.model_copy(
        update={
            "works": tuple(veil.work(work) for work in report.works),
            "comparisons": tuple(side for side in report.comparisons if veil.may_show(side)),
            "copying": veil.copying(report.copying),
            "audit": _without_pieces(report.audit) if report.audit else None,
            "stopping": veil.stopping(report.stopping) if report.stopping else None,
            "cannot_tell": tuple(map(veil.prose, report.cannot_tell)),
            "verdict": tuple(map(veil.prose, report.verdict)),
        }
    )


def _without_pieces(audit: Audit) -> Audit:
    """The picture is put together from pieces of works, some of which may not be shown."""
    if audit.collage is None:
        return audit
    return audit.model_copy(update={"collage": audit.collage.model_copy(update={"picture": ""})})


class _Veil:
    def __init__(self, report: InspectionReport) -> None:
        hidden = [(f"work {number}", work) for number, work in enumerate(report.works, 1) if not work.show]
        self.neutral = {work.name: name for name, work in hidden}
        self.may_be_named = {work.name for work in report.works if work.show} - self.neutral.keys()
        self.captions = {work.caption.strip().casefold(): name for name, work in hidden if work.caption.strip()}
        self.templates = _templates(report)
        self.in_prompts = {_phrase(text): name for name, work in hidden for text in _names(work)}
        self.in_prompts |= {_phrase(caption): name for caption, name in self.captions.items()}
        # "man" in a sentence says nothing of a work that is called so; in quotation marks, or as
        # "man with a fishing rod", it does.
        self.in_prose = {_phrase(text): name for name, work in hidden for text in _names(work)}
        self.in_prose |= {
            _phrase(caption) if " " in caption else _quoted(caption): name for caption, name in self.captions.items()
        }
        # An output that is unusually near to a hidden work would show what may not be shown.
        self.files = {work.picture.file for _, work in hidden} | {
            output.picture.file for output in report.copying.outputs if self._nearly_shows(output, report.copying)
        }
        self.cleared = {work.picture.file for work in report.works if work.show} - self.files

    def _nearly_shows(self, neighbour: Neighbour, check: CopyCheck) -> bool:
        return check.may_be_near(neighbour) and neighbour.work not in self.may_be_named

    def whose_words(self, prompt: str) -> str | None:
        """The hidden work whose caption or name a prompt contains."""
        words = prompt.strip()
        for before, after in self.templates:
            if words.startswith(before) and words.endswith(after) and len(words) > len(before) + len(after):
                words = words[len(before) : len(words) - len(after)]
                break
        return next((name for phrase, name in self.in_prompts.items() if phrase.search(words)), None)

    def prose(self, text: str) -> str:
        for phrase, name in self.in_prose.items():
            text = phrase.sub(name, text)
        return text

    def work(self, work: InspectedWork) -> InspectedWork:
        if work.show:
            return work if work.picture.file in self.cleared else work.model_copy(update={"picture": WITHHELD})
        return work.model_copy(update={"name": self.neutral[work.name], "caption": "", "picture": WITHHELD})

    def may_show(self, side: SideBySide) -> bool:
        """The caption of a comparison is the caption of the real drawing, so they go together."""
        pictures = [side.base, side.style, *([side.real] if side.real else [])]
        if any(picture.file in self.files for picture in pictures):
            return False
        if side.real is not None and not side.show_real:
            return False
        return not any(self.whose_words(text) for text in (side.caption, *(picture.caption for picture in pictures)))

    def copying(self, check: CopyCheck) -> CopyCheck:
        outputs = tuple(map(self.neighbour, check.outputs))
        return check.model_copy(update={"outputs": outputs, "words": self.prose(check.words)})

    def stopping(self, found: CrossFitted) -> CrossFitted:
        """A work that may not be named keeps its number, as it does elsewhere."""

        def told(name: str) -> str:
            return name if name in self.may_be_named else self.neutral.get(name, "a work")

        return found.model_copy(
            update={
                "folds": tuple(tuple(map(told, fold)) for fold in found.folds),
                "towards": tuple(work.model_copy(update={"name": told(work.name)}) for work in found.towards),
            }
        )

    def neighbour(self, neighbour: Neighbour) -> Neighbour:
        # Whether the drawing that was held out may be named it does not say.
        changes: dict[str, object] = {"picture": self.shown(neighbour.picture), "held_out": ""}
        if neighbour.work not in self.may_be_named:
            changes |= {"work": self.neutral.get(neighbour.work, "a work"), "work_picture": WITHHELD}
        elif neighbour.work_picture.file in self.files:
            changes |= {"work_picture": WITHHELD}
        return neighbour.model_copy(update=changes)

    def shown(self, picture: Shown) -> Shown:
        owner = self.whose_words(picture.caption)
        caption = f"the words of {owner}" if owner else picture.caption
        return picture.model_copy(
            update={"file": "" if picture.file in self.files else picture.file, "caption": caption}
        )


def _templates(report: InspectionReport) -> list[tuple[str, str]]:
    """What stands before and after the caption, longest first."""
    gain, nearer = report.held_out_gain, report.nearer_to_truth
    texts = {report.prompt_template, *(gain.base_prompts_tried if gain else ())}
    if nearer:
        texts.add(nearer.base_prompt)
    halves = [(before, after) for before, found, after in (text.partition("{caption}") for text in texts) if found]
    return sorted(halves, key=lambda half: (-len("".join(half)), half))


def _names(work: InspectedWork) -> Iterable[str]:
    return {work.name, PurePosixPath(work.name.replace("\\", "/")).name} - {""}


def _phrase(text: str) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w){re.escape(text)}(?!\w)", re.IGNORECASE)


def _quoted(text: str) -> re.Pattern[str]:
    return re.compile(rf"(?<=[\"'`“‘«]){re.escape(text)}(?=[\"'`”’»])", re.IGNORECASE)
