"""Is a stage good enough for the next one to spend hours on it?"""

from __future__ import annotations

from dataclasses import dataclass

from handstyle.errors import HandstyleError
from handstyle.origination.figures import RoundErrors


class GateMissed(HandstyleError):
    """A stage was finished, and what it made is not good enough to go on from."""


@dataclass(frozen=True)
class Gate:
    """A measure on works that were never learnt, and the least it must be."""

    stage: str
    measure: str
    least: float
    unit: str = ""

    def check(self, value: float) -> float:
        """The value. Raises GateMissed."""
        if not value >= self.least:
            raise GateMissed(
                f"the {self.stage} is not good enough: {self.measure} is {value:.3g}{self.unit}, "
                f"and {self.least:.3g}{self.unit} is asked for",
                hint="Give it more steps or other sizes in the recipe, and start again in a new folder.",
            )
        return value


# An autoencoder whose decoder is still to be polished: latents can be learnt from, pictures are not yet good enough.
AUTOENCODER_BEFORE_POLISH = Gate("autoencoder", "PSNR on works it never saw", 24.0, " dB")
AUTOENCODER = Gate("autoencoder", "PSNR on works it never saw", 27.0, " dB")
TEXT_ENCODER = Gate("text encoder", "share of unknown texts found again by what its teacher says", 0.8)
# Of a round of the denoiser. One that says the same whatever it is told has learnt no words; one that errs more than
# before has unlearnt, or learns by heart. A little more is no fault: a round may end at a high learning rate after one
# that ended at a low one, or have another aim (unknown hands).
WORDS_HELP = Gate("denoiser", "what words take from its error on works it never saw", 0.1, " %")
ROUND_HELPS = Gate("denoiser", "what the round took from its error on works it never saw", -3.0, " %")


def checked_round(found: RoundErrors) -> str:
    """In words. Raises GateMissed."""
    WORDS_HELP.check(100 * (1 - found.error / found.without_words))
    ROUND_HELPS.check(100 * (1 - found.error / found.before))
    return f"{found.error:.4f}; without words {found.without_words:.4f}, before the round {found.before:.4f}"
