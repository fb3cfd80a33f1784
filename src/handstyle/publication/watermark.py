"""How does a picture carry, unseen, whose it is, and how is that found again?

A pattern is added to the brightness: waves of 5 to 20 pixels' length on the picture reduced to a shorter side of 256,
so that reducing and enlarging leave them where they are. Each wave carries two of the code's signs, by its phase; some
carry a pilot that everybody knows and that tells where the pattern begins. It repeats every 128 pixels, so that a
crop keeps it whole. Whoever looks divides out what the picture itself does: where it is busy, little is believed.

Pattern and code are public. Anybody can read a mark, anybody can remove it, and anybody can forge it: it is a claim,
and the signature beside it is what can be checked. After Cox et al. 1997, "Secure spread spectrum watermarking for
multimedia", and, for pilot and repetition, Kutter 1998, "Watermarking resistant to translation, rotation and scaling".
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.fft import irfft2
from scipy.ndimage import gaussian_filter, minimum_filter

from handstyle.publication import watermark_code
from handstyle.publication.watermark_code import SIGNS, noise, shuffled, signs_of

METHOD = "handstyle-waves/1"
SMALLEST_SIDE = 256  # pixels; the shorter side is seen as so long
TILE = 128  # pixels of the reduced picture
LOWEST, HIGHEST = 0.05, 0.20  # waves a pixel
FASTEST = int(HIGHEST * TILE) + 1  # waves a tile
# Deviation of the pattern in levels of 256: on plain fills at a shorter side of 256, and at most, where it is busy.
ON_PLAIN, LEAST, MOST, PER_ACTIVITY = 0.95, 0.5, 2.5, 0.25
DOUBT = 4.0  # levels squared; below this activity, everywhere is believed alike
PILOT_THRESHOLD = 5.0  # deviations; the largest of 16,384 places is about 4 by chance
# How much smaller the picture may have become by cropping, how much larger by margins around it, and the step between.
MOST_CROPPED, MOST_MARGIN, STEP = 0.75, 1.30, 0.006
SMALLEST_SEEN = 96  # pixels of the shorter side, below which no wave is left to look for
PLACES_READ = 4

Levels = NDArray[np.float64]
Spectrum = NDArray[np.complex128]


class Found(NamedTuple):
    payload: bytes
    score: float  # deviations beyond chance
    bits_mended: int  # of 96
    scale: float  # 1: its whole shorter side is here; less: cropped; more: there are margins


class Waves(NamedTuple):
    """Down and across in waves a tile, with the phase each begins with."""

    down: NDArray[np.intp]
    across: NDArray[np.intp]
    phase: Spectrum

    @property
    def places(self) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        return self.down, self.across + FASTEST


@functools.cache
def _waves() -> tuple[Waves, Waves]:
    """Those of the pilot and those of the signs: half a plane of waves, each in one of both, by chance."""
    down, across = np.meshgrid(np.arange(FASTEST + 1), np.arange(-FASTEST, FASTEST + 1), indexing="ij")
    rate = np.hypot(down, across) / TILE
    chosen = (rate >= LOWEST) & (rate <= HIGHEST) & ((down > 0) | (across > 0))
    down, across = down[chosen], across[chosen]
    order = shuffled("waves", len(down))
    phase = np.exp(2j * np.pi * noise("phases", len(down)) / 2**32)
    signs, pilot = order[: SIGNS // 2], order[SIGNS // 2 :]
    return Waves(down[pilot], across[pilot], phase[pilot]), Waves(down[signs], across[signs], phase[signs])


def mark(image: Image.Image, payload: bytes) -> Image.Image:
    """The picture with the payload in it. The same for the same picture and payload."""
    levels = np.asarray(image.convert("RGB"), dtype=np.float64)
    scale = SMALLEST_SIDE / min(image.size)
    pattern = _pattern(signs_of(payload), levels.shape[0], levels.shape[1], scale)
    added = _strength(_brightness(levels), scale) * pattern
    return Image.fromarray(np.clip(np.round(levels + added[..., None]), 0, 255).astype(np.uint8))


def _pattern(signs: Levels, height: int, width: int, scale: float) -> Levels:
    """Sum of all waves, with deviation 1."""
    pilot, carriers = _waves()
    spectrum = np.zeros((FASTEST + 1, 2 * FASTEST + 1), dtype=np.complex128)
    spectrum[pilot.places] = pilot.phase
    spectrum[carriers.places] = (signs[0::2] + 1j * signs[1::2]) / np.sqrt(2) * carriers.phase
    down, across = _turns(height, scale, np.arange(FASTEST + 1)), _turns(width, scale, np.arange(-FASTEST, FASTEST + 1))
    return np.asarray((down @ spectrum @ across.T).real / np.sqrt((len(pilot.down) + len(carriers.down)) / 2))


def _turns(pixels: int, scale: float, waves: NDArray[np.intp]) -> Spectrum:
    """exp(2 pi i k x / TILE) at the middle of each pixel."""
    return np.exp(2j * np.pi / TILE * np.outer((np.arange(pixels) + 0.5) * scale, waves))


def _brightness(levels: Levels) -> Levels:
    """Y' of Rec. 601, as JPEG has it."""
    return np.asarray(levels @ np.array([0.299, 0.587, 0.114]))


def _strength(brightness: Levels, scale: float) -> Levels:
    """Stronger in the midst of what is busy. Beside an edge it stays weak, where a plain fill would show it."""
    fine = brightness - gaussian_filter(brightness, 2 / scale)
    activity = np.sqrt(gaussian_filter(fine**2, 1.5 / scale))
    activity = gaussian_filter(minimum_filter(activity, round(12 / scale)), 1.5 / scale)
    on_plain = max(LEAST, ON_PLAIN * np.sqrt(scale))
    return np.asarray(np.clip(on_plain + PER_ACTIVITY * activity, on_plain, MOST))


def find(image: Image.Image) -> Found | None:
    """The mark of a picture that may have been reduced, enlarged, cropped, given margins or compressed since."""
    if min(image.size) < SMALLEST_SEEN:
        return None
    believed, scale = _believed(image)
    whole = _spectrum(believed, scale)
    if found := _read(whole, 1.0, *_begin(whole)[1:]):
        return found
    tried = []
    for share in _shares():
        spectrum = _spectrum(believed, scale * share)
        height, down, across = _begin(spectrum)
        if height >= PILOT_THRESHOLD:
            tried.append((height, share, spectrum, down, across))
    tried.sort(key=lambda place: -place[0])
    read = (_read(spectrum, share, down, across) for _, share, spectrum, down, across in tried[:PLACES_READ])
    return max(filter(None, read), key=lambda found: found.score, default=None)


def _shares() -> Iterator[float]:
    steps = np.arange(np.log(MOST_CROPPED), np.log(MOST_MARGIN), STEP)
    return (float(share) for share in np.exp(steps))


def _believed(image: Image.Image) -> tuple[Levels, float]:
    """What is fine in the brightness, divided by how busy it is around there; and the scale of its pixels."""
    shorter = min(image.size)
    if shorter > SMALLEST_SIDE:
        width, height = (max(1, round(side * SMALLEST_SIDE / shorter)) for side in image.size)
        image = image.resize((width, height), Image.Resampling.LANCZOS)
    scale = SMALLEST_SIDE / min(image.size)
    brightness = _brightness(np.asarray(image.convert("RGB"), dtype=np.float64))
    fine = brightness - gaussian_filter(brightness, 4 / scale)
    return fine / (gaussian_filter(fine**2, 2.7 / scale) + DOUBT), scale


def _spectrum(believed: Levels, scale: float) -> Spectrum:
    """At the waves of the pattern, wherever the pixels lie."""
    height, width = believed.shape
    down = _turns(height, scale, np.arange(FASTEST + 1)).conj().T
    across = _turns(width, scale, np.arange(-FASTEST, FASTEST + 1)).conj()
    return np.asarray(down @ believed @ across)


def _begin(spectrum: Spectrum) -> tuple[float, int, int]:
    """How clearly the pilot stands out, in deviations, and where the pattern begins, down and across."""
    pilot, _ = _waves()
    seen = spectrum[pilot.places]
    likeness = np.zeros((TILE, TILE // 2 + 1), dtype=np.complex128)
    match = seen * pilot.phase.conj()
    # irfft2 wants the half of the plane with across >= 0; the other half is its mirror image.
    left = pilot.across < 0
    likeness[np.where(left, -pilot.down, pilot.down), np.abs(pilot.across)] = np.where(left, match.conj(), match)
    sums = irfft2(likeness, (TILE, TILE))
    down, across = np.unravel_index(int(sums.argmax()), sums.shape)
    deviation = float(sums.std())
    return (float(sums.max()) / deviation if deviation > 0 else 0.0), int(down), int(across)


def _read(spectrum: Spectrum, scale: float, down: int, across: int) -> Found | None:
    _, carriers = _waves()
    moved = np.exp(2j * np.pi / TILE * (carriers.down * down + carriers.across * across))
    seen = spectrum[carriers.places] * moved * carriers.phase.conj()
    values = np.stack([seen.real, seen.imag], axis=1).ravel()
    read = watermark_code.read(values)
    return Found(read.payload, read.score, read.bits_mended, scale) if read else None
