"""Move pictures along directions of the latent space."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..base import CellSimError, Event, JobToken, run
from .batches import draw_job, in_units
from .generated import Generated
from .points import points_of
from .principal import Directions, directions_of

if TYPE_CHECKING:
    from ..models import Model
    from .renderer import Renderer


def edit(
    model: Model | str | Path,
    latents: Generated | NDArray[Any],
    directions: Directions,
    weights: Sequence[float] | NDArray[Any],
    **options: Any,
) -> Generated:
    """Move pictures along principal directions.

    Parameters
    ----------
    model : Model, str or Path
        A Cell-GAN.
    latents : Generated or numpy.ndarray
        Pictures, or latents (N, L, D).
    directions : Directions
        Of that model.
    weights : sequence or numpy.ndarray
        (n,) for all pictures or (N, n), how far along each direction, in standard deviations of w.
    **options
        As for `edit_job`.

    Returns
    -------
    Generated
        Of kind "edit", noise and intensity as before.

    Raises
    ------
    CellSimError
        If latents, directions or weights do not fit the model.
    """
    return run(edit_job(model, latents, directions, weights, **options))


def edit_job(
    model: Model | str | Path,
    latents: Generated | NDArray[Any],
    directions: Directions,
    weights: Sequence[float] | NDArray[Any],
    *,
    device: str = "auto",
    batch: int | None = None,
    token: JobToken | None = None,
) -> Generator[Event, None, Generated]:
    """Edit as a job: yields progress and pictures, returns what `edit` returns.

    Yields
    ------
    Progress or PicturesReady
    """
    from .renderer import Renderer

    renderer = Renderer(model, device, token)
    renderer.refuse_unless_styled(", which has no directions to move along")
    points = points_of(renderer, latents)
    values = _weights(weights, directions, len(points))
    moved = _moved(renderer, points.latents, directions, values)
    images = yield from draw_job(renderer, moved, points.noise_seeds, points.intensity, batch)
    names = latents.channel_names if isinstance(latents, Generated) else ()
    return Generated(
        images=images,
        latents=moved,
        noise_seeds=points.noise_seeds,
        intensity=points.intensity,
        kind="edit",
        name=points.name,
        channel_names=names,
        records=tuple({"weights": row.tolist()} for row in values),
        provenance=renderer.provenance({"directions": len(directions)}, points.notes),
        **renderer.facts(),
    )


class Editor:
    """One picture of a model kept ready, so that moving it costs one pass of the generator.

    Making it takes a second or so, `image` some ten milliseconds with a lite model; neither belongs on a GUI thread.

    Parameters
    ----------
    model : Model, str or Path
        A Cell-GAN.
    generated : Generated
        Holds the picture.
    index : int
        Which of its pictures.
    n : int
        Number of principal directions, if none are given.
    directions : Directions, optional
        Other directions than the principal ones.
    device : str
        See `models.hardware.devices`.
    token : JobToken, optional
        To cancel while it is made.

    Attributes
    ----------
    directions : Directions
        The directions that weights belong to.

    Raises
    ------
    CellSimError
        If picture, directions and model do not fit each other.
    """

    def __init__(
        self,
        model: Model | str | Path,
        generated: Generated,
        index: int = 0,
        *,
        n: int = 10,
        directions: Directions | None = None,
        device: str = "auto",
        token: JobToken | None = None,
    ) -> None:
        from .renderer import Renderer

        self._renderer = Renderer(model, device, token)
        self._renderer.refuse_unless_styled(", which has no directions to move along")
        self.directions = directions_of(self._renderer, n, 0) if directions is None else directions
        self.select(generated, index)

    def select(self, generated: Generated, index: int = 0) -> None:
        """Go on with another picture of the same model, which costs next to nothing.

        Raises
        ------
        CellSimError
            If the picture does not fit the model.
        """
        self._picture = generated.select(index)
        self._points = points_of(self._renderer, self._picture)
        self.image(np.zeros(len(self.directions)))

    def image(self, weights: Sequence[float] | NDArray[Any]) -> NDArray[np.float32]:
        """Return the picture (T, C, Y, X) moved by weights (n,) in standard deviations, in intensity units."""
        moved = self._latents(weights)
        drawn = self._renderer.pictures(moved, self._points.noise_seeds)
        image: NDArray[np.float32] = in_units(drawn, self._points.intensity)[0]
        return image

    def generated(self, weights: Sequence[float] | NDArray[Any]) -> Generated:
        """Return the moved picture as a result of kind "edit"."""
        values = _weights(weights, self.directions, 1)
        return Generated(
            images=self.image(weights)[None],
            latents=self._latents(weights),
            noise_seeds=self._points.noise_seeds,
            intensity=self._points.intensity,
            kind="edit",
            name=self._points.name,
            channel_names=self._picture.channel_names,
            records=({"weights": values[0].tolist()},),
            provenance=self._renderer.provenance({"directions": len(self.directions)}, self._points.notes),
            **self._renderer.facts(),
        )

    def _latents(self, weights: Sequence[float] | NDArray[Any]) -> NDArray[np.float32]:
        values = _weights(weights, self.directions, 1)
        return _moved(self._renderer, self._points.latents, self.directions, values)


def _weights(
    weights: Sequence[float] | NDArray[Any], directions: Directions, count: int
) -> NDArray[np.float64]:
    """Return weights (N, n), checked."""
    values = np.atleast_2d(np.asarray(weights, dtype=np.float64))
    if values.ndim != 2 or values.shape[1] != len(directions) or len(values) not in (1, count):
        raise CellSimError(
            f"The weights have the shape {np.shape(weights)}, but {count} picture(s) and {len(directions)} directions "
            f"need ({len(directions)},) or ({count}, {len(directions)})."
        )
    if not np.isfinite(values).all():
        raise CellSimError("The weights hold values that are not numbers (NaN or infinite).")
    return np.broadcast_to(values, (count, len(directions)))


def _moved(
    renderer: Renderer,
    latents: NDArray[np.float32],
    directions: Directions,
    weights: NDArray[np.float64],
) -> NDArray[np.float32]:
    if directions.components.shape[1] != renderer.latent:
        raise CellSimError(
            f"The directions come from model {directions.model.get('name')!r}, whose latents have "
            f"{directions.components.shape[1]} numbers, not the {renderer.latent} of {renderer.model.name!r}: find "
            "those of this model."
        )
    return latents + directions.offsets(weights)[:, None]
