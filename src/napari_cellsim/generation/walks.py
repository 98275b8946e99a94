"""Walks through the latent space from picture to picture."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..base import CellSimError, Event, JobToken, run
from .batches import draw_job
from .generated import Generated
from .points import Points, points_of
from .sampling import truncated

if TYPE_CHECKING:
    from ..models import Model
    from .renderer import Renderer

WalkSpace = Literal["w", "w+", "z"]


def interpolate(
    model: Model | str | Path, keyframes: Generated | NDArray[Any], steps: int = 10, **options: Any
) -> Generated:
    """Walk smoothly from one picture to the next.

    Parameters
    ----------
    model : Model, str or Path
        The model that the pictures were made with.
    keyframes : Generated or numpy.ndarray
        At least two pictures, or latents (K, L, D), in the order of the walk.
    steps : int
        Steps from one keyframe to the next, so that K keyframes give ``(K - 1) steps + 1`` pictures.
    **options
        As for `interpolate_job`.

    Returns
    -------
    Generated
        Of kind "walk"; ``as_timelapse()`` makes a movie of it.

    Raises
    ------
    CellSimError
        If there are too few keyframes, or they do not fit the model or the space.
    """
    return run(interpolate_job(model, keyframes, steps, **options))


def interpolate_job(
    model: Model | str | Path,
    keyframes: Generated | NDArray[Any],
    steps: int = 10,
    *,
    space: WalkSpace | None = None,
    loop: bool = False,
    device: str = "auto",
    batch: int | None = None,
    token: JobToken | None = None,
) -> Generator[Event, None, Generated]:
    """Interpolate as a job: yields progress and pictures, returns what `interpolate` returns.

    Parameters
    ----------
    model, keyframes, steps
        See `interpolate`.
    space : {"w", "w+", "z"}, optional
        Straight lines between the latents as they are, between latents of one per slot, or great circles between the
        z that the latents were mapped from (Shoemake 1985), which never leave where z comes from. "w" if not given; an
        MSG-GAN, whose latents are z, knows "z" alone.
    loop : bool
        Go back to the first keyframe, which is not repeated: K keyframes give ``K steps`` pictures.
    device, batch, token
        As for `generate_job`.

    Yields
    ------
    Progress or PicturesReady

    Notes
    -----
    All pictures share the noise of the first keyframe, else it would flicker.
    """
    if isinstance(steps, bool) or not isinstance(steps, (int, np.integer)) or steps < 1:
        raise CellSimError(f"The number of steps between two pictures is {steps}; it must be at least 1.")
    from .renderer import Renderer

    renderer = Renderer(model, device, token)
    points = points_of(renderer, keyframes)
    if len(points) < 2:
        raise CellSimError(f"A walk needs at least two pictures, but {len(points)} is given; choose more.")
    notes = list(points.notes)
    first, second, share = _legs(len(points), steps, loop)
    z = None
    if renderer.spherical:
        latents, z = _on_one_sphere(renderer, points, space, first, second, share)
        space = "z"
    elif space == "z":
        latents, z = _on_spheres(renderer, points, first, second, share)
    elif space in (None, "w", "w+"):
        if space == "w+" and not renderer.styled:
            raise CellSimError(
                f"Model {renderer.model.name!r} is an autoencoder, whose one code has no slots: choose space w."
            )
        ends = renderer.expand(points.latents) if space == "w+" else points.latents
        if space == "w" and ends.shape[1] > 1:
            notes.append("These latents differ from slot to slot, so the walk leads through W+.")
        latents = _between(ends[first], ends[second], share)
    else:
        raise CellSimError(f"The latent space is {space!r}; choose w, w+ or z.")
    intensity = _between(points.intensity[first], points.intensity[second], share)
    seeds = np.full(len(latents), points.noise_seeds[0])
    if (points.noise_seeds != points.noise_seeds[0]).any():
        notes.append(
            "All pictures of the walk have the noise of the first one, so the others look a little different."
        )
    images = yield from draw_job(renderer, latents, seeds, intensity, batch)
    config = {"space": space or "w", "steps": int(steps), "loop": loop, "keyframes": len(points)}
    names = keyframes.channel_names if isinstance(keyframes, Generated) else renderer.channel_names
    return Generated(
        images=images,
        latents=latents,
        noise_seeds=seeds,
        intensity=intensity,
        z=z,
        kind="walk",
        name=f"{points.name} walk",
        channel_names=names,
        provenance=renderer.provenance(config | {"truncation": points.truncation}, notes),
        **renderer.facts(),
    )


def _legs(
    count: int, steps: int, loop: bool
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float64]]:
    """Return for each picture the keyframes it lies between, and how far it is from the first to the second."""
    legs = count if loop else count - 1
    first, step = np.divmod(np.arange(legs * steps), steps)
    second, share = (first + 1) % count, step / steps
    if not loop:
        first, second, share = (
            np.append(first, count - 1),
            np.append(second, count - 1),
            np.append(share, 0.0),
        )
    return first, second, share


def _between(start: NDArray[Any], end: NDArray[Any], share: NDArray[np.float64]) -> NDArray[Any]:
    """Return points (N, …) on straight lines, exactly the start where the share is 0."""
    weight = share.reshape(-1, *[1] * (start.ndim - 1))
    mixed: NDArray[Any] = (start * (1 - weight) + end * weight).astype(start.dtype)
    return mixed


def _on_spheres(
    renderer: Renderer,
    points: Points,
    first: NDArray[np.intp],
    second: NDArray[np.intp],
    share: NDArray[np.float64],
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    if points.z is None:
        raise CellSimError(
            f"The pictures of {points.name!r} have latents but no z, since they were not drawn at random: choose space "
            "w or w+."
        )
    z = slerp(points.z[first], points.z[second], share)
    mean, _ = renderer.mean()
    return truncated(renderer.map(z), mean, points.truncation)[:, None], z


def _on_one_sphere(
    renderer: Renderer,
    points: Points,
    space: WalkSpace | None,
    first: NDArray[np.intp],
    second: NDArray[np.intp],
    share: NDArray[np.float64],
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    from .renderer import on_sphere

    if space not in (None, "z"):
        raise CellSimError(
            f"Model {renderer.model.name!r} is an MSG-GAN, whose latents lie on a sphere: its walks follow great "
            f"circles (space z), not {space!r}."
        )
    ends = points.latents[:, 0]
    if not np.any(ends, axis=1).all():
        raise CellSimError("A latent of zeros has no direction, so no walk can start from it: leave it out.")
    z = on_sphere(slerp(on_sphere(ends)[first], on_sphere(ends)[second], share))
    return z[:, None], z


def slerp(start: NDArray[Any], end: NDArray[Any], share: NDArray[np.float64]) -> NDArray[np.float32]:
    """Interpolate on great circles, the length going straight from one to the other (Shoemake, SIGGRAPH 1985).

    Parameters
    ----------
    start, end : numpy.ndarray
        (N, D), not zero.
    share : numpy.ndarray
        (N,) from 0 to 1.

    Returns
    -------
    numpy.ndarray
        (N, D) float32.
    """
    a, b = start.astype(np.float64), end.astype(np.float64)
    lengths = [np.linalg.norm(v, axis=1, keepdims=True) for v in (a, b)]
    a, b = a / lengths[0], b / lengths[1]
    t = share[:, None]
    cosine = np.clip((a * b).sum(1, keepdims=True), -1.0, 1.0)
    angle = np.arccos(cosine)
    sine = np.sin(angle)
    flat = sine < 1e-6  # same direction or opposite
    safe = np.where(flat, 1.0, sine)
    one = np.where(flat, 1 - t, np.sin((1 - t) * angle) / safe)
    other = np.where(flat, t, np.sin(t * angle) / safe)
    # Between opposite points all great circles are equally long; one of them is taken.
    opposite = flat & (cosine < 0)
    one, other = np.where(opposite, np.cos(np.pi * t), one), np.where(opposite, np.sin(np.pi * t), other)
    b = np.where(opposite, _perpendicular(a), b)
    length = lengths[0] * (1 - t) + lengths[1] * t
    turned: NDArray[np.float32] = ((one * a + other * b) * length).astype(np.float32)
    return turned


def _perpendicular(directions: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return unit vectors (N, D) at right angles to unit vectors (N, D), D at least 2."""
    axes = np.eye(directions.shape[1])[np.abs(directions).argmin(axis=1)]
    rest = axes - (axes * directions).sum(1, keepdims=True) * directions
    found: NDArray[np.float64] = rest / np.maximum(np.linalg.norm(rest, axis=1, keepdims=True), 1e-12)
    return found
