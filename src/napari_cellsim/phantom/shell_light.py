"""A stereo microscope's colour photograph of a specimen: light, shadows, ground, focus, camera.

Diffuse light follows Lambert, softened where light enters the shell and comes out elsewhere; highlights follow Blinn
and Phong. How much of the sky a point sees is estimated from how much higher its surroundings are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from .shell_forms import Surface

Floats = NDArray[np.float32]

_STEPS = 10  # points along a ray of light that may be in its way
_NEAR, _WIDE = 0.05, 0.22  # half widths of the surroundings that darken a point
_CAMERA = np.array([0.0, 0.0, 1.0])  # the direction towards it
_ELECTRONS = 9000.0  # of a white pixel


@dataclass(frozen=True)
class Paint:
    """How a specimen's surface takes the light.

    Attributes
    ----------
    colour : ndarray of float32, (3, S, S)
        Share of red, green and blue light that comes back.
    gloss : float
        Strength of highlights.
    polish : float
        Exponent of Phong: the larger, the smaller the highlights.
    depth : float
        Thickness at which two thirds of the light no longer pass, in half pictures; 0 is opaque.
    softness : float
        0 is Lambert's law; 1 brings light to the other side.
    crease : float
        How much creases darken.
    """

    colour: Floats
    gloss: float
    polish: float
    depth: float
    softness: float
    crease: float


@dataclass(frozen=True)
class Scene:
    """Lamps, ground and camera of one photograph.

    Attributes
    ----------
    key, second : ndarray, (3,)
        Directions towards the two lamps.
    strengths : tuple of float
        Of the lamps and of the light from all around.
    tint : ndarray, (3,)
        White balance.
    ground : ndarray, (3,)
        Colour of the ground.
    gradient : ndarray, (2,)
        Change of its brightness over half a picture, x and y.
    bright : bool
        Whether the ground shows shadows.
    dust : ndarray, (N, 4)
        x, y, radius and brightness of specks.
    focus : float
        Height in focus, 0 (ground) to 1 (top).
    blur : float
        Standard deviation of the blur half a picture out of focus, in half pictures.
    """

    key: NDArray[np.float64]
    second: NDArray[np.float64]
    strengths: tuple[float, float, float]
    tint: NDArray[np.float64]
    ground: NDArray[np.float64]
    gradient: NDArray[np.float64]
    bright: bool
    dust: NDArray[np.float64]
    focus: float
    blur: float

    @classmethod
    def draw(cls, rng: np.random.Generator, bright: bool) -> Self:
        """Return a scene drawn at random, on a bright or a dark ground."""
        azimuth = rng.uniform(0, 2 * np.pi)
        exposure = rng.uniform(0.85, 1.2)
        warmth = rng.normal(0, 0.04)
        level = rng.uniform(0.5, 0.8) if bright else rng.uniform(0.002, 0.018)
        cast = np.exp(rng.normal(0, 0.03 if bright else 0.12) * np.array([1.0, 0.0, -1.0]))
        number = rng.poisson(2.5)
        dust = np.stack(
            [
                rng.uniform(-1, 1, number),
                rng.uniform(-1, 1, number),
                rng.uniform(0.012, 0.035, number),
                rng.uniform(0.1, 0.5, number) * (-1 if bright else 1),
            ],
            1,
        )
        return cls(
            key=_direction(azimuth, rng.uniform(0.5, 0.95)),
            second=_direction(azimuth + np.pi + rng.uniform(-0.9, 0.9), rng.uniform(0.5, 1.0)),
            strengths=(
                exposure * rng.uniform(0.8, 1.1),
                exposure * rng.uniform(0.03, 0.2),
                exposure * rng.uniform(0.08, 0.2),
            ),
            tint=np.array([1 + warmth, 1.0, 1 - warmth]),
            ground=np.clip(level * cast, 0.002, 0.9),
            gradient=rng.normal(0, 0.12, 2),
            bright=bright,
            dust=dust,
            focus=rng.uniform(0.5, 0.95),
            blur=rng.uniform(0.005, 0.018),
        )


def photograph(
    surface: Surface, paint: Paint, scene: Scene, size: int, rng: np.random.Generator
) -> NDArray[np.uint8]:
    """Return the picture (3, `size`, `size`), sRGB; the surface's grid is a multiple of it.

    Parameters
    ----------
    surface, paint, scene
        What is photographed, and how.
    size : int
        Side of the picture, px.
    rng : numpy.random.Generator
        Source of the camera's noise.
    """
    floor = _floor(surface, scene)
    light = floor + _veiled(_lit(surface, paint, scene), surface, paint, floor)
    light = _focused(light, surface, scene)
    factor = len(surface.mask) // size
    light = light.reshape(3, size, factor, size, factor).mean((2, 4))
    light = light * scene.tint[:, None, None].astype(np.float32)
    noise = rng.standard_normal(light.shape, dtype=np.float32)
    light = light + noise * np.sqrt(np.maximum(light, 0) / _ELECTRONS + 1e-6, dtype=np.float32)
    return _developed(light)


def _direction(azimuth: float, elevation: float) -> NDArray[np.float64]:
    flat = np.cos(elevation)
    return np.array([flat * np.cos(azimuth), flat * np.sin(azimuth), np.sin(elevation)])


def _lit(surface: Surface, paint: Paint, scene: Scene) -> Floats:
    """Return the light that the specimen sends to the camera, (3, S, S)."""
    normal = surface.normal
    key, second, around = scene.strengths
    open_sky = _openness(surface, paint.crease)
    diffuse = around * (0.6 + 0.4 * normal[2]) * open_sky
    highlights = np.zeros_like(diffuse)
    lamps = ((scene.key, key, _sunlit(surface, scene.key)), (scene.second, second, open_sky))
    for direction, strength, reach in lamps:
        cosine = np.tensordot(direction.astype(np.float32), normal, 1)
        soft = np.float32(paint.softness)
        diffuse += strength * reach * np.maximum((cosine + soft) / (1 + soft), 0) * (0.5 + 0.5 * open_sky)
        half = direction + _CAMERA
        shine = np.tensordot((half / np.linalg.norm(half)).astype(np.float32), normal, 1)
        highlights += strength * reach * np.maximum(shine, 0) ** np.float32(paint.polish)
    light: Floats = (paint.colour * diffuse + np.float32(paint.gloss) * highlights).astype(np.float32)
    return light * surface.mask


def _veiled(light: Floats, surface: Surface, paint: Paint, floor: Floats) -> Floats:
    """Return what the specimen adds to the floor: thin places let the ground shine through."""
    cover = surface.mask.astype(np.float32)
    if paint.depth > 0:
        cover *= 1 - np.exp(-surface.thickness / np.float32(paint.depth))
    added: Floats = (light - floor) * cover
    return added


def _openness(surface: Surface, crease: float) -> Floats:
    """Return how much of the sky each point sees, 0 to 1."""
    side = len(surface.mask)
    total = np.zeros_like(surface.height)
    for width, weight in ((_NEAR, 1.0), (_WIDE, 0.5)):
        mean = surface.height
        window = 2 * max(round(width * side / 4), 1) + 1
        for _ in range(2):
            mean = ndimage.uniform_filter(mean, window, mode="nearest")
        total += np.float32(weight / width) * (mean - surface.height)
    dark: Floats = np.exp(-np.float32(crease) * np.maximum(total, 0))
    return dark


def _sunlit(surface: Surface, direction: NDArray[np.float64]) -> Floats:
    """Return 1 where the lamp reaches the surface and 0 in shadow, with soft borders."""
    top = float(surface.height.max())
    side = len(surface.mask)
    slope = direction[2] / np.hypot(*direction[:2])
    reach = (top - surface.ground) / slope  # beyond, nothing is high enough
    padded_by = min(int(np.ceil(reach * side / 2)) + 1, side)
    padded = np.pad(surface.height, padded_by, constant_values=np.float32(surface.ground))
    above = np.full_like(surface.height, -np.inf)
    unit = direction[:2] / np.hypot(*direction[:2])
    for step in range(1, _STEPS + 1):
        way = min(reach, padded_by * 2 / side) * (step / _STEPS) ** 1.5
        dx, dy = (round(float(c) * way * side / 2) for c in unit)
        if dx == dy == 0:
            continue
        rows, columns = padded_by + dy, padded_by + dx
        seen = padded[rows : rows + side, columns : columns + side]
        np.maximum(above, seen - np.float32(way * slope), out=above)
    lit: Floats = np.clip(1 - (above - surface.height) / np.float32(0.12), 0, 1)
    return lit


def _floor(surface: Surface, scene: Scene) -> Floats:
    """Return the ground without the specimen, with its shadow on a bright one, (3, S, S)."""
    side = len(surface.mask)
    places = ((np.arange(side, dtype=np.float32) + 0.5) * (2 / side) - 1).astype(np.float32)
    x, y = places[None, :], places[:, None]
    level = np.maximum(1 + scene.gradient[0] * x + scene.gradient[1] * y, 0.2).astype(np.float32)
    if scene.bright:
        key, _, around = scene.strengths
        shade = _sunlit(surface, scene.key)
        for _ in range(2):  # the lamp is no point
            shade = ndimage.uniform_filter(shade, max(side // 16, 1), mode="nearest")
        share = np.float32(key / (key + 5 * around))
        level = level * (1 - share + share * shade) * (0.35 + 0.65 * _openness(surface, 0.6))
    floor: Floats = scene.ground.astype(np.float32)[:, None, None] * level
    for dust_x, dust_y, radius, brightness in scene.dust:
        near = ((x - dust_x) ** 2 + (y - dust_y) ** 2) / radius**2
        floor += np.float32(brightness) * np.exp(-near.astype(np.float32)) * (floor if scene.bright else 1)
    return floor


def _focused(light: Floats, surface: Surface, scene: Scene) -> Floats:
    """Return the picture with the heights out of focus blurred."""
    side = len(surface.mask)
    top = float(surface.height.max())
    sharp = surface.ground + scene.focus * (top - surface.ground)
    share = np.clip(np.abs(surface.height - np.float32(sharp)), 0, 1)
    share = share * np.where(
        surface.mask, np.float32(1), np.float32(0.35)
    )  # or else a halo lies around the specimen
    sigma = scene.blur * side / 2
    blurred = ndimage.gaussian_filter(light, (0, sigma, sigma), mode="nearest", truncate=2.5)
    focused: Floats = light + share * (blurred - light)
    return focused


def _developed(light: Floats) -> NDArray[np.uint8]:
    """Return linear light as sRGB (IEC 61966-2-1), with a soft shoulder above 0.8."""
    over = np.maximum(light - 0.8, 0)
    light = np.clip(np.minimum(light, 0.8) + 0.2 * (1 - np.exp(-over / 0.2)), 0, 1)
    curve = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    picture: NDArray[np.uint8] = np.rint(curve * 255).astype(np.uint8)
    return picture
