"""What does each of the six verbs leave behind?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from handstyle.diffusion.base_provenance import BaseProvenance
from handstyle.finetuning.crop_plan import CropPlan
from handstyle.generation.meters import Meter
from handstyle.records import Record

if TYPE_CHECKING:
    from handstyle.inspection.report import InspectionReport


class Collected(Record):
    """What `collect` leaves behind."""

    collection: str  # digest
    works: int
    for_training: int
    for_validation: int
    left_out: int
    pictures_found: int  # all of them are works or left out by name
    notes: tuple[str, ...]  # what a person may want to know, though nothing is wrong
    near_duplicates: int = 0  # works that look nearly like an earlier one
    permission: tuple[str, ...]  # signed or stated, by whom, for how many works
    record: str  # path


class Encoded(Record):
    """What `encode` leaves behind."""

    collection: str
    base: str
    works: int
    texts: int
    found: int  # already in the cache
    resolution: int
    smallest_share_kept: float  # of a picture's area by its crop
    cut_off: dict[str, str]  # work -> the words at the end of its text that the base does not read


class Finetuned(Record):
    """What `finetune` leaves behind."""

    run: str
    style: str  # path of the trained style's folder
    tensors: str
    steps: int
    seconds: float
    pictures_per_second: float
    peak_memory_bytes: int
    already_there: bool = False
    verdict: tuple[str, ...] = ()  # on its length
    planned: CropPlan | None = None  # of a dry run: which part of each work would be shown, and how often
    memory: dict[str, int] | None = None  # of a dry run: what it does -> bytes it would then hold at most


class Generated(Record):
    """What `generate` leaves behind."""

    folder: str
    pictures: tuple[str, ...]
    sheet: str | None
    base: BaseProvenance | None = None  # what the base was made from
    notes: tuple[str, ...] = ()  # what the pictures lack that they could have
    meters: tuple[Meter, ...] = ()  # where they were asked for


class Inspected(Record):
    """What `inspect` leaves behind."""

    report: str  # path of report.json
    page: str
    verdict: tuple[str, ...]
    held_out_gain: float | None
    held_out_gain_interval: tuple[float, float] | None
    nearer_to_truth: int | None
    prompts: int | None

    @classmethod
    def of(cls, report: InspectionReport, place: Path) -> Inspected:
        gain, nearer = report.held_out_gain, report.nearer_to_truth
        return cls(
            report=str(place / "report.json"),
            page=str(place / "report.html"),
            verdict=report.verdict,
            held_out_gain=gain.gain if gain else None,
            held_out_gain_interval=(gain.interval.low, gain.interval.high) if gain else None,
            nearer_to_truth=nearer.nearer if nearer else None,
            prompts=nearer.prompts if nearer else None,
        )


class Published(Record):
    """What `publish` leaves behind."""

    release: str
    signer: str
    licence: str
    weights: tuple[str, ...]
    reasons: tuple[str, ...]
    address: str = ""  # at Hugging Face, where it was sent there
