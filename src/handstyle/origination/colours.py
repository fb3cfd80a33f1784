"""How are colours compared and turned as an eye would?"""

from __future__ import annotations

import numpy as np

# Ottosson 2020, "A perceptual color space for image processing": linear sRGB -> cones, and their cube roots -> Lab.
TO_CONES = np.array(
    [[0.4122214708, 0.5363325363, 0.0514459929],
     [0.2119034982, 0.6806995451, 0.1073969566],
     [0.0883024619, 0.2817188376, 0.6299787005]]
)  # fmt: skip
TO_LAB = np.array(
    [[0.2104542553, 0.7936177850, -0.0040720468],
     [1.9779984951, -2.4285922050, 0.4505937099],
     [0.0259040371, 0.7827717662, -0.8086757660]]
)  # fmt: skip
LIGHT, STRONG, DOWN = 0.7, 0.08, 6.0  # see `turned`


def oklab(colours: np.ndarray) -> np.ndarray:
    """(..., 3) of sRGB in 0 to 255 -> lightness, green to red, blue to yellow."""
    share = np.asarray(colours, dtype=np.float64) / 255
    linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    return np.asarray(np.cbrt(linear @ TO_CONES.T) @ TO_LAB.T)


def srgb(lab: np.ndarray) -> np.ndarray:
    """The other way, uint8; what no screen can show is cut off."""
    linear = (((lab @ np.linalg.inv(TO_LAB).T) ** 3) @ np.linalg.inv(TO_CONES).T).clip(0, 1)
    share = np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)
    return np.asarray((share * 255).round().astype(np.uint8))


def turned(pixels_HWC: np.ndarray, angle: float) -> np.ndarray:
    """Every hue turned by `angle`, in radians. Strong light colours become a little darker: only yellow is so light."""
    lab = oklab(pixels_HWC)
    red, yellow = lab[..., 1].copy(), lab[..., 2].copy()
    strength = np.hypot(red, yellow)
    lab[..., 1] = np.cos(angle) * red - np.sin(angle) * yellow
    lab[..., 2] = np.sin(angle) * red + np.cos(angle) * yellow
    lab[..., 0] -= DOWN * (strength - STRONG).clip(0) * (lab[..., 0] - LIGHT).clip(0)
    return srgb(lab)
