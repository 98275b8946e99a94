"""Where the true frames show cells, so that errors can be given inside them alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ..base import JobToken
from ..data import Scale, TimeLapse
from ..forecasting import Forecast, choose_device
from .region import region_of

if TYPE_CHECKING:
    from ..models import Model

COI, AUXILIARY = 2, 3
"""Classes of the segmentation network that are cells (MODELS.md §7)."""

TILE = 512


def true_cells(
    movie: TimeLapse, forecast: Forecast, model: Model, segmentation: Any = "model", device: str = "auto"
) -> npt.NDArray[np.bool_] | None:
    """Find the cells of the frames that a forecast is judged by.

    Parameters
    ----------
    movie : TimeLapse
        The movie that was forecast.
    forecast : Forecast
    model : Model
        The model that made it.
    segmentation : "model", "none", Model or array
        As it was given to `predict`: a network is run on the true frames, labels of the whole movie (T, Y, X)
        are taken as they are, and labels that end at the last visible frame say nothing about later ones.
    device : str

    Returns
    -------
    array of bool (H, Y, X) or None
        One mask per true frame on the forecast's own grid, None where there is no segmentation.
    """
    y0, y1, x0, x1 = region_of(movie, forecast)
    window = (slice(None), slice(y0, y1), slice(x0, x1))
    times = range(forecast.at + 1, min(movie.n_times, forecast.at + 1 + forecast.steps))
    if isinstance(segmentation, np.ndarray):
        if segmentation.ndim != 3 or len(segmentation) != movie.n_times:
            return None
        return np.asarray(segmentation[times.start : times.stop] > 0)[window]
    if (isinstance(segmentation, str) and segmentation == "none") or not times:
        return None
    frames = movie.array(times, channel=forecast.channel, plane=forecast.plane)[window]
    return _segment(frames, forecast, model if isinstance(segmentation, str) else segmentation, device)


def _segment(
    frames: npt.NDArray[np.float32], forecast: Forecast, model: Model, device: str
) -> npt.NDArray[np.bool_]:
    import torch

    from ..forecasting.grids import Grids
    from ..forecasting.sources import network_segmentation
    from ..models import resolve_partner

    partner = model if model.kind == "unet" else resolve_partner(model, "segmentation")
    place = choose_device(device)
    config = forecast.provenance["config"]
    grids = Grids.match(frames.shape[-2], frames.shape[-1], config["zoom"])
    segment = network_segmentation(partner.network.to(place).eval(), TILE, JobToken())
    masks = []
    with torch.inference_mode():
        for frame in Scale(**config["intensity"]).forward(frames):
            image = grids.images_to_model(torch.from_numpy(frame)[None, None].to(place))
            classes = grids.maps_to_movie(segment(image)).argmax(1)[0]
            masks.append(((classes == COI) | (classes == AUXILIARY)).cpu().numpy())
    return np.stack(masks)
