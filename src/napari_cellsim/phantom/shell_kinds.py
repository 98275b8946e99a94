"""The four classes of specimens: what is drawn at random, and what all share."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from .shell_forms import Chambers, Polyhedron, Surface, chain, points, raup_coil, relief
from .shell_light import Paint
from .solid_noise import Pebbles, SolidNoise

Floats = NDArray[np.float32]
Kind = Callable[[np.random.Generator, int], tuple[Surface, Paint]]


def spiral(rng: np.random.Generator, side: int) -> tuple[Surface, Paint]:
    """Return a chambered coil: a calcareous benthic foraminifer, seen from the side of its axis."""
    per_whorl = rng.uniform(7, 13)
    number = int(per_whorl * rng.uniform(1.7, 2.7))
    coil = raup_coil(
        _angles(number, per_whorl),
        w=rng.uniform(1.5, 2.3),
        d=rng.uniform(0.02, 0.28),
        t=rng.uniform(0, 0.6),
        width=rng.uniform(0.75, 1.4),
        flat=rng.uniform(0.45, 0.8),
        lean=rng.uniform(0, 0.5),
    )
    surface = coil.placed(_turned(rng, 0.5), *_place(rng)).surface(side)
    noise = SolidNoise(rng)
    base = _mix(rng, _CALCITE)
    inner = base * rng.uniform(0.5, 0.95) * _hue(rng, 0.05)  # older chambers lie under more walls
    coarse, fine = rng.uniform(0.03, 0.08), rng.uniform(0.02, 0.08)
    where = points(surface)
    age = surface.age[surface.mask]
    blotches = 1 + coarse * noise(where, 0.6, 3)
    colour = (inner[:, None] + (base - inner)[:, None] * age) * blotches
    surface = relief(surface, lambda p: fine * _vector(noise, p, 0.12))
    return surface, Paint(
        _spread(surface, colour),
        gloss=rng.uniform(0.12, 0.45),
        polish=rng.uniform(25, 70),
        depth=rng.uniform(0.03, 0.12),
        softness=rng.uniform(0.15, 0.4),
        crease=rng.uniform(0.7, 1.3),
    )


def globular(rng: np.random.Generator, side: int) -> tuple[Surface, Paint]:
    """Return a few inflated globes that grow fast: a planktic foraminifer, seen from any side."""
    per_whorl = rng.uniform(3.2, 5.2)
    coil = raup_coil(
        _angles(int(rng.integers(5, 12)), per_whorl),
        w=rng.uniform(2.0, 4.2),
        d=rng.uniform(-0.12, 0.12),
        t=rng.uniform(0.2, 0.9),
        width=1.2,
        flat=rng.uniform(0.9, 1.1),
    )
    surface = coil.placed(_turned(rng, np.pi), *_place(rng)).surface(side)
    noise = SolidNoise(rng)
    base = _mix(rng, _CHALK)
    pores = Pebbles(rng, points(surface), rng.uniform(0.055, 0.085))
    depth = rng.uniform(0.25, 0.6)
    pit = np.exp(-((np.linalg.norm(pores.outward, axis=0) / 0.33) ** 2))
    colour = (
        base[:, None]
        * (1 + rng.uniform(0.02, 0.06) * noise(points(surface), 0.7, 3))
        * (1 - 0.3 * depth * pit)
    )
    surface = relief(surface, lambda _: -depth * 2 * pit * pores.outward)
    return surface, Paint(
        _spread(surface, colour),
        gloss=rng.uniform(0.0, 0.12),
        polish=rng.uniform(8, 25),
        depth=rng.uniform(0.0, 0.04),
        softness=rng.uniform(0.1, 0.3),
        crease=rng.uniform(0.8, 1.4),
    )


def agglutinated(rng: np.random.Generator, side: int) -> tuple[Surface, Paint]:
    """Return chambers glued together from grains of sand: rows, braids, coils, balls or tubes."""
    form = _AGGLUTINATED[rng.integers(len(_AGGLUTINATED))](rng)
    surface = form.placed(_turned(rng, 0.5), *_place(rng)).surface(side)
    noise = SolidNoise(rng)
    where = points(surface)
    grains = Pebbles(rng, where, rng.uniform(0.07, 0.13))
    cement = _mix(rng, _CEMENT)
    own = _CEMENT[rng.choice(len(_CEMENT), grains.number, p=_CEMENT_SHARES)] * _hue(rng, 0.06, grains.number)
    colours = 0.5 * cement + 0.5 * own
    shade = (1 + 0.08 * noise(where, 0.5, 2)) * (0.5 + 0.5 * np.clip(grains.edge / 0.25, 0, 1))
    colour = colours[grains.grain].T * shade
    tilt = rng.normal(0, 0.28, (3, grains.number)).astype(np.float32)
    bulge = rng.uniform(0.5, 1.0)
    surface = relief(surface, lambda _: bulge * grains.outward + tilt[:, grains.grain])
    return surface, Paint(
        _spread(surface, colour),
        gloss=rng.uniform(0.02, 0.15),
        polish=rng.uniform(10, 40),
        depth=0.0,
        softness=rng.uniform(0.05, 0.15),
        crease=rng.uniform(0.7, 1.2),
    )


def grain(rng: np.random.Generator, side: int) -> tuple[Surface, Paint]:
    """Return a mineral grain: a broken, more or less rounded stone of one colour, often glassy."""
    number = int(rng.integers(12, 24))
    normals = _directions(rng, number)
    # closed: planes on all sides, even if few were drawn there
    sides = np.linspace(0, 2 * np.pi, 5, endpoint=False) + rng.uniform(0, 2 * np.pi)
    rim = np.stack([np.cos(sides), np.sin(sides), rng.uniform(-0.4, 0.4, 5)], 1)
    caps = np.array([[0.0, 0.0, 1.0], [0.0, 0.0, -1.0]])
    normals = np.concatenate([normals, rim, caps])
    normals[:, 2] = np.where(normals[:, 2] < 0, -1, 1) * np.maximum(np.abs(normals[:, 2]), 0.03)
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    stone = Polyhedron(
        normals,
        rng.uniform(0.7, 1.05, len(normals)) * _stretch(rng, normals),
        float(np.exp(rng.uniform(2.3, 4.2))),
    )
    surface = stone.surface(side, *_place(rng))
    noise = SolidNoise(rng)
    where = points(surface)
    mineral = int(rng.choice(len(_MINERALS), p=_MINERAL_SHARES))
    base = _MINERALS[mineral] * _hue(rng, 0.06) * rng.uniform(0.8, 1.15)
    stain = _CEMENT[1] / _CEMENT[1].max()
    veins = np.clip(noise(where, rng.uniform(0.4, 0.9), 3) * 0.35, 0, 1) * rng.uniform(0, 0.8)
    colour = base[:, None] * (1 + 0.12 * noise(where, 0.5, 3)) * (1 - veins * (1 - stain[:, None]))
    chips = Pebbles(rng, where, rng.uniform(0.25, 0.5))
    tilt = rng.normal(0, rng.uniform(0.05, 0.3), (3, chips.number)).astype(np.float32)
    rough = rng.uniform(0.02, 0.14)
    surface = relief(surface, lambda p: rough * _vector(noise, p, 0.16, 2) + tilt[:, chips.grain])
    clear = rng.uniform(0.1, 0.5) if mineral < 2 else 0.0
    return surface, Paint(
        _spread(surface, colour),
        gloss=rng.uniform(0.25, 0.9),
        polish=float(np.exp(rng.uniform(2.7, 4.7))),
        depth=clear,
        softness=0.5 * clear + rng.uniform(0.0, 0.2),
        crease=rng.uniform(0.2, 0.6),
    )


KINDS: dict[str, Kind] = {
    "spiral": spiral,
    "globular": globular,
    "agglutinated": agglutinated,
    "grain": grain,
}

# linear light, red, green, blue
_CALCITE = np.array([[0.84, 0.80, 0.73], [0.74, 0.58, 0.38], [0.68, 0.70, 0.70], [0.78, 0.66, 0.56]])
_CHALK = np.array([[0.90, 0.88, 0.84], [0.84, 0.78, 0.66], [0.74, 0.74, 0.72]])
_CEMENT = np.array(
    [[0.66, 0.60, 0.50], [0.55, 0.35, 0.17], [0.40, 0.21, 0.10], [0.38, 0.37, 0.35], [0.10, 0.09, 0.08]]
)
_CEMENT_SHARES = (0.35, 0.25, 0.12, 0.2, 0.08)
_MINERALS = np.array(
    [
        [0.66, 0.68, 0.68],  # quartz
        [0.72, 0.58, 0.34],  # quartz stained by iron
        [0.74, 0.50, 0.42],  # feldspar
        [0.40, 0.40, 0.40],  # rock fragment
        [0.08, 0.08, 0.08],  # hornblende
        [0.30, 0.06, 0.06],  # garnet
        [0.28, 0.36, 0.17],  # olivine
    ]
)
_MINERAL_SHARES = (0.36, 0.2, 0.14, 0.12, 0.08, 0.05, 0.05)


def _row(rng: np.random.Generator) -> Chambers:
    """Return chambers in a bent row that grow, as in Reophax."""
    number = int(rng.integers(3, 7))
    radii = _growing(rng.uniform(1.08, 1.35), number)
    along = np.cumsum(radii * rng.uniform(0.85, 1.15))
    bend = rng.normal(0, 0.5) * along / along[-1]
    centres = np.stack([along * np.cos(bend), along * np.sin(bend), np.zeros(number)], 1)
    return chain(centres, radii, np.array([rng.uniform(0.8, 1.1), 1.0, 0.9]))


def _braid(rng: np.random.Generator) -> Chambers:
    """Return chambers in two rows that alternate, as in Textularia."""
    number = int(rng.integers(8, 15))
    radii = _growing(rng.uniform(1.07, 1.16), number)
    along = np.cumsum(radii) * 0.62
    sideways = 0.55 * radii * (-1.0) ** np.arange(number)
    straight = chain(np.stack([along, 0 * along, 0 * along], 1), radii, np.array([0.8, 1.0, 0.85]))
    return Chambers(straight.centres + sideways[:, None] * [0, 1, 0], straight.frames, straight.radii)


def _coil(rng: np.random.Generator) -> Chambers:
    """Return a coil, as in Haplophragmoides."""
    per_whorl = rng.uniform(5, 8)
    return raup_coil(
        _angles(int(per_whorl * 2), per_whorl),
        w=rng.uniform(1.7, 2.4),
        d=rng.uniform(0.05, 0.3),
        t=rng.uniform(0, 0.2),
        width=rng.uniform(0.65, 0.8),
        flat=rng.uniform(0.6, 0.9),
    )


def _ball(rng: np.random.Generator) -> Chambers:
    """Return one chamber, as in Psammosphaera."""
    return chain(np.zeros((1, 3)), np.ones(1), rng.uniform(0.75, 1.0, 3))


def _tube(rng: np.random.Generator) -> Chambers:
    """Return a bent tube, as in Rhabdammina."""
    number = 24
    turn = np.cumsum(rng.normal(0, 0.12, number)) + np.linspace(0, rng.normal(0, 0.8), number)
    step = 0.55
    centres = np.stack([np.cumsum(np.cos(turn)), np.cumsum(np.sin(turn)), np.zeros(number)], 1) * step
    radii = (
        np.linspace(1, rng.uniform(1.0, 1.6), number)
        * rng.uniform(0.93, 1.07, number)
        * rng.uniform(1.0, 1.6)
    )
    return chain(centres, radii, np.ones(3))


_AGGLUTINATED = (_row, _braid, _coil, _ball, _tube)


def _growing(factor: float, number: int) -> NDArray[np.float64]:
    """Return radii of chambers of which each is `factor` as large as the one before."""
    radii: NDArray[np.float64] = factor ** np.arange(number, dtype=np.float64)
    return radii


def _angles(number: int, per_whorl: float) -> NDArray[np.float64]:
    """Return where the chambers of a coil lie, radians."""
    angles: NDArray[np.float64] = np.arange(number, dtype=np.float64) * (2 * np.pi / per_whorl)
    return angles


def _turned(rng: np.random.Generator, tilt: float) -> NDArray[np.float64]:
    """Return a rotation: any turn in the picture, either side up, tilted by at most `tilt`; and either hand."""
    roll, direction = rng.uniform(0, 2 * np.pi, 2)
    # even over the sphere of directions
    angle = np.arccos(rng.uniform(np.cos(tilt), 1))
    axis = np.array(
        [[0, 0, np.cos(direction)], [0, 0, np.sin(direction)], [-np.cos(direction), -np.sin(direction), 0]]
    )
    tilted = np.eye(3) + np.sin(angle) * axis + (1 - np.cos(angle)) * axis @ axis
    flat = np.array([[np.cos(roll), -np.sin(roll), 0], [np.sin(roll), np.cos(roll), 0], [0, 0, 1]])
    upside, hand = rng.choice([-1.0, 1.0], 2)
    rotation: NDArray[np.float64] = flat @ tilted @ np.diag([1.0, hand, upside])
    return rotation


def _place(rng: np.random.Generator) -> tuple[float, NDArray[np.float64]]:
    """Return the size of a specimen and where it lies."""
    return float(rng.uniform(0.58, 0.86)), rng.uniform(-0.07, 0.07, 2)


def _directions(rng: np.random.Generator, number: int) -> NDArray[np.float64]:
    """Return unit vectors, (N, 3), even over all directions."""
    directions: NDArray[np.float64] = rng.standard_normal((number, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    return directions


def _stretch(rng: np.random.Generator, normals: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return factors of the planes' distances that make an ellipsoid of a ball."""
    axes = np.array([1.0, rng.uniform(0.6, 1.0), rng.uniform(0.5, 0.9)])
    roll = rng.uniform(0, np.pi)
    turned = normals @ np.array(
        [[np.cos(roll), -np.sin(roll), 0], [np.sin(roll), np.cos(roll), 0], [0, 0, 1]]
    )
    factors: NDArray[np.float64] = np.sqrt(((turned * axes) ** 2).sum(1))
    return factors


def _mix(rng: np.random.Generator, colours: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return a colour between some, mostly near one of them."""
    mixed: NDArray[np.float64] = rng.dirichlet(np.full(len(colours), 0.6)) @ colours * _hue(rng, 0.04)
    return mixed


def _hue(rng: np.random.Generator, spread: float, number: int = 1) -> NDArray[np.float64]:
    """Return factors for red, green and blue, (N, 3), or (3,) of one: brighter or darker, warmer or colder."""
    bright, warm = rng.normal(0, spread, (2, number, 1))
    factors: NDArray[np.float64] = np.exp(bright + warm * np.array([1.0, 0.1, -1.0]))
    return factors if number > 1 else factors[0]


def _vector(noise: SolidNoise, where: Floats, wavelength: float, octaves: int = 1) -> Floats:
    """Return three independent noises, (3, P)."""
    return np.stack([noise(where + np.float32(shift), wavelength, octaves) for shift in (0.0, 5.3, 9.1)])


def _spread(surface: Surface, colour: NDArray[np.float64]) -> Floats:
    """Return colours (3, P) of the points seen as a picture."""
    picture = np.zeros((3, *surface.mask.shape), np.float32)
    picture[:, surface.mask] = np.clip(colour, 0.01, 0.95)
    return picture
