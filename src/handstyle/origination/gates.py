"""Is a stage good enough for the next one to spend hours on it?"""

from __future__ import annotations

from dataclasses import dataclass

from handstyle.errors import HandstyleError


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
