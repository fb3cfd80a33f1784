"""What was found when a style was inspected, as data?

A report binds to tensors: it says whose weights, by digest, it speaks of. Pictures lie beside it, named by digest.
"""

from __future__ import annotations

from typing import Literal, get_args

from handstyle.finetuning.measured import Band, CrossFitted, Interval, Normalised, Share
from handstyle.inspection.audit_report import Audit
from handstyle.inspection.blind_test import BlindTest
from handstyle.records import Record, later


class NoiseLevel(Record):
    """Mean squared errors at one noise level."""

    timestep: int
    base: float
    style: float


class HeldOutGain(Record):
    """Denoising error of the base minus that of the style, on drawings the training never saw."""

    drawings: Literal["further drawings", "works left out of training"]
    number_of_drawings: int
    base_prompt: str  # the template that suits the base best
    base_error: float
    style_error: float
    gain: float
    interval: Interval
    by_noise_level: tuple[NoiseLevel, ...]
    bands: tuple[Band, ...] = ()  # of noise, each with an interval of its own
    normalised: Normalised | None = None
    base_prompts_tried: dict[str, float]  # template -> error


class Drift(Record):
    """How far the style moves what the base predicts: mean squared difference, as a share of the base's own error."""

    prompts: tuple[str, ...]  # everyday things that have nothing to do with the style
    base_error: float
    unrelated: float  # asked as they stand
    called: float  # asked in the words that call the style


class Competitor(Record):
    """How often something that is no style at all comes nearer to the truth than the base does."""

    name: str
    beats_base: int


class NearerToTruth(Record):
    """For how many prompts is the style's picture nearer to the real drawing than the base's best?"""

    distance: str
    prompts: int
    nearer: int
    seeds: tuple[int, ...]
    base_prompt: str
    competitors: tuple[Competitor, ...]  # a white page, the mean of the works, ...
    admissible: bool
    mean_distance_base: float
    mean_distance_style: float
    ties: int = later(0)  # prompts for which both are as near, as where nothing was learnt

    @property
    def further(self) -> int:
        return self.prompts - self.nearer - self.ties


class Closeness(Record):
    """How far base and style are from the real drawings by one measure, mean over prompts."""

    part: Literal["surface", "decisions", "vision models"]  # these were on the user's disk
    measure: str
    base: float
    style: float
    given_back: float  # the real drawings through the autoencoder: the end of the way
    nearer: Interval  # base minus style
    share: Share | None  # of the way from the base to its end; None where that way may be none


Drawn = Literal["artist", "given back", "style", "base"]  # given back: the real drawings through the autoencoder


class PicturesAsSeen(Record):
    """What an extractor sees in some pictures; None where it may not be shown."""

    of: Drawn
    number: int
    given_to_the_artist: float | None  # rather than to a known hand that drew the same thing
    most_often_else: str  # the known hand that most of the others go to
    real_drawing_first: float | None  # its own real drawing is the nearest of the artist's held-out ones
    mean_place: float | None  # of its own real drawing among them


class FeatureLikeness(Record):
    """What a trained extractor sees, and how often it is right about real drawings."""

    extractor: str
    drawings: int
    known_hands: int
    hand_right: float  # of this artist's real drawings that no training saw: given to the artist
    others_taken: float  # of known hands' real drawings that no training saw: given to the artist
    thing_right: float  # as measured before it was shipped, of `things_asked` real drawings
    things_asked: int
    hand_not_shown: str  # why not; empty where it is
    thing_not_shown: str
    pictures: tuple[PicturesAsSeen, ...]


class Shown(Record):
    """One picture of the report: a PNG in `pictures/`, named by its pixels and by what made it."""

    file: str
    caption: str
    seed: int | None = None


class SideBySide(Record):
    """One prompt: the base's picture, the style's, and what the artist drew."""

    caption: str
    base: Shown
    style: Shown
    real: Shown | None
    distance_base: float | None  # mean over the seeds, not only of the picture shown
    distance_style: float | None
    show_real: bool = False  # the permission for the real drawing allows showing it in public


Measure = Literal["tile by tile", "as a whole", "in what is drawn"]  # of nearness to a work
MEASURES: tuple[Measure, ...] = get_args(Measure)


class Neighbour(Record):
    """A picture and the work of the training it is nearest to, by the measure that tells most of it."""

    picture: Shown
    work: str  # the name of the work
    work_picture: Shown
    distance: float
    measure: Measure = later("tile by tile")
    chance: float | None = later(None)  # how often one of the artist's other drawings would be as near
    held_out: str = later("")  # the caption of the drawing never trained on that it is nearest to by the same measure
    held_out_distance: float | None = later(None)


class CopyCheck(Record):
    """Are outputs nearer to the works than the artist's other drawings are?

    The lists of distances are between tiles, to mirrored copies and crops of the works, too. `unusually_near` counts
    outputs as near to a work as no more than `quantile` of the real drawings would be, by several measures together;
    None where there are too few drawings to tell. Reports of before that have a threshold of the distance.
    """

    outputs: tuple[Neighbour, ...]
    distances_of_outputs: tuple[float, ...]
    distances_of_real: tuple[float, ...]  # of held-out drawings to their nearest work; empty when there are none
    quantile: float
    threshold: float | None
    unusually_near: int | None
    unusually_near_of_base: int | None = later(None)  # of as many of its pictures
    outputs_of_base: int = later(0)
    words: str  # the finding in one sentence: counts and bounds, never "stores no images"

    def is_near(self, output: Neighbour) -> bool:
        """Whether it is one of the unusually near."""
        if output.chance is not None:
            return self.unusually_near is not None and output.chance <= self.quantile
        return self.threshold is not None and output.distance < self.threshold

    def may_be_near(self, output: Neighbour) -> bool:
        """Nearer by one measure at least than all real drawings, few as they may be: what is private is not shown on a
        doubt. By so many measures as there are, so many of the drawings can each be first."""
        first = len(MEASURES) / (1 + len(self.distances_of_real))
        return self.is_near(output) or (output.chance is not None and output.chance <= first)


class Colour(Record):
    hex: str
    share: float


class Surface(Record):
    """Colour and stroke of a set of pictures."""

    of: Literal["artist", "style", "base"]
    palette: tuple[Colour, ...]
    number_of_colours: float  # colours that fill one per cent of a picture or more, mean over pictures
    background_share: float
    outline_share: float  # of edge pixels that are dark on both sides of a thin line
    stroke_width: float  # pixels, median
    gradient_share: float  # of pixels that change softly: shading rather than flat colour


class InspectedWork(Record):
    name: str
    caption: str
    author: str
    permission: str  # in a few words: signed consent, or what is stated
    picture: Shown
    show: bool  # the permission allows showing its pixels, caption and name in public


class LossPoint(Record):
    step: int
    train: float
    held_out: float | None = None
    gain: float | None = None  # as a share of the base's error
    gain_interval: tuple[float, float] | None = None


class InspectionReport(Record):
    """Findings as data; `cannot_tell` says what the evidence does not reach."""

    format: Literal["handstyle/report/1"] = "handstyle/report/1"
    style: str  # digest of the tensors
    style_name: str
    collection: str
    base: str
    base_name: str
    prompt_template: str
    pictures_found: int  # in the folder that was collected, those left out by name included
    works_withheld: int  # from training, to validate on
    works: tuple[InspectedWork, ...]  # trained on
    losses: tuple[LossPoint, ...]
    stopping: CrossFitted | None = None  # how the length was found, where works were left out in turn
    held_out_gain: HeldOutGain | None
    nearer_to_truth: NearerToTruth | None
    closeness: tuple[Closeness, ...] = ()  # where there are real drawings
    features: FeatureLikeness | None = later(None)  # where there are real drawings; older reports have none
    comparisons: tuple[SideBySide, ...]
    copying: CopyCheck
    audit: Audit | None = None  # where one was asked for
    drift: Drift | None = later(None)  # reports of before it was measured have none
    blind_test: BlindTest | None = later(None)  # where other people have guessed
    surfaces: tuple[Surface, ...]
    cannot_tell: tuple[str, ...]
    verdict: tuple[str, ...]
    too_near: tuple[str, ...] = later(())  # drawings nothing was measured on, each with the work it looks nearly like

    def with_audit(self, audit: Audit) -> InspectionReport:
        return self.model_copy(update={"audit": audit, "verdict": (*self.verdict, audit.words)})
