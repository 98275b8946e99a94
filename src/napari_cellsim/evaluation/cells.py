"""Where frames show cells, so that errors can be given inside them alone and cells can be counted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ..base import JobToken
from ..data import TimeLapse, fit_scale
from ..forecasting import Forecast, choose_device
from .instances import Labels, split_cells
from .region import region_of

if TYPE_CHECKING:
    from ..models import Model

COI, AUXILIARY = 2, 3
"""Classes of the segmentation network that are cells (MODELS.md §7)."""

TILE = 512
GIVEN = "labels given"
USUAL_PIXEL = 0.108
"""µm; stands in where neither the movie nor the network states a pixel size."""


class Judge:
    """Finds the cells of true and predicted frames alike, with one segmentation network.

    Parameters
    ----------
    movie : TimeLapse
        The movie that was forecast. Its last visible frame gives the intensity scale, so that a judge is the same
        whichever model made the forecast.
    forecast : Forecast
        Gives region and pixel size.
    network : Model
        A segmentation U-Net.
    device : str
        See `forecasting.devices`.
    token : JobToken, optional
        Cancels between frames.
    """

    def __init__(
        self,
        movie: TimeLapse,
        forecast: Forecast,
        network: Model,
        device: str = "auto",
        token: JobToken | None = None,
    ) -> None:
        self.name, self.hash = network.name, network.hash
        self._model = network
        self._scale = fit_scale(judged_frames(movie, forecast)[:1])
        self._device, self._token = device, token or JobToken()
        own = network.card.pixel_size
        self._pixel = forecast.pixel_size or own or USUAL_PIXEL
        # The judge has a grid of its own, which need not be the forecasting model's.
        if forecast.pixel_size and own:
            self._zoom = forecast.pixel_size / own
        else:
            self._zoom = float(forecast.provenance["config"]["zoom"])

    @property
    def identity(self) -> dict[str, str | None]:
        """Name and hash of the network."""
        return {"name": self.name, "hash": self.hash}

    def masks(self, frames: npt.NDArray[np.float32]) -> npt.NDArray[np.bool_]:
        """Return where frames (N, Y, X), in the movie's units, show cells."""
        import torch

        from ..forecasting.grids import Grids
        from ..forecasting.sources import network_segmentation

        place = choose_device(self._device)
        grids = Grids.match(frames.shape[-2], frames.shape[-1], self._zoom)
        segment = network_segmentation(self._model.network.to(place).eval(), TILE, self._token)
        masks = []
        with torch.inference_mode():
            for frame in self._scale.forward(frames):
                self._token.check()
                image = grids.images_to_model(torch.from_numpy(frame)[None, None].to(place))
                classes = grids.maps_to_movie(segment(image)).argmax(1)[0]
                masks.append(((classes == COI) | (classes == AUXILIARY)).cpu().numpy())
        return np.stack(masks)

    def labels(self, frames: npt.NDArray[np.float32]) -> Labels:
        """Return the cells of frames (N, Y, X), numbered in each frame by itself."""
        return np.stack([split_cells(mask, self._pixel) for mask in self.masks(frames)])


@dataclass(frozen=True, eq=False)
class TrueCells:
    """The cells of the frames that a forecast is judged by.

    Attributes
    ----------
    after : array of bool (H, Y, X)
        One mask per true frame after the last visible one, on the forecast's own grid.
    before : array of bool (Y, X) or None
        The mask of the last visible frame; with it, growth regions are known.
    labels : array of int (H + 1, Y, X) or None
        Single cells of the last visible frame and of those after it; with them, cells are counted.
    source : str
        Where they come from, for people.
    """

    after: npt.NDArray[np.bool_]
    before: npt.NDArray[np.bool_] | None = None
    labels: npt.NDArray[Any] | None = None
    source: str = "masks given"

    @classmethod
    def from_labels(cls, labels: npt.NDArray[Any], source: str) -> TrueCells:
        """Take labels (H + 1, Y, X) of the last visible frame and those after it; cells are positive."""
        return cls(labels[1:] > 0, labels[0] > 0, labels, source)


def true_cells(
    movie: TimeLapse, forecast: Forecast, model: Model, segmentation: Any = "model", device: str = "auto"
) -> TrueCells | None:
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
    TrueCells or None
        None where there is no segmentation.
    """
    given = label_windows(movie, forecast, segmentation)
    if given is not None:
        return TrueCells.from_labels(given, GIVEN)
    judge = judge_for(movie, forecast, model, segmentation, device)
    frames = judged_frames(movie, forecast)
    if judge is None or len(frames) < 2:
        return None
    masks = judge.masks(frames)
    return TrueCells(masks[1:], masks[0], None, f"{judge.name} on the true frames")


def judge_for(
    movie: TimeLapse,
    forecast: Forecast,
    model: Model,
    source: Any,
    device: str = "auto",
    token: JobToken | None = None,
) -> Judge | None:
    """Return the judge that a segmentation source names: "model" is the model's partner, "none" or an array nobody."""
    if isinstance(source, np.ndarray) or (isinstance(source, str) and source == "none"):
        return None
    from ..forecasting.sources import cell_finder
    from ..models import load_model

    network = source
    if isinstance(source, str):
        network = cell_finder(model) if source == "model" else load_model(source)
    return Judge(movie, forecast, network, device, token)


def label_windows(movie: TimeLapse, forecast: Forecast, labels: Any) -> npt.NDArray[Any] | None:
    """Return the part (H + 1, Y, X) of labels (T, Y, X) of a whole movie that a forecast is judged by.

    None where these are no such labels: masks that end at the last visible frame say nothing about later ones.
    """
    if not isinstance(labels, np.ndarray) or labels.ndim != 3 or len(labels) != movie.n_times:
        return None
    y0, y1, x0, x1 = region_of(movie, forecast)
    return np.asarray(labels[forecast.at : forecast.at + 1 + forecast.steps, y0:y1, x0:x1])


def judged_frames(movie: TimeLapse, forecast: Forecast) -> npt.NDArray[np.float32]:
    """Return the last visible frame and the true frames after it, (H + 1, Y, X) in the movie's units."""
    y0, y1, x0, x1 = region_of(movie, forecast)
    times = slice(forecast.at, min(movie.n_times, forecast.at + 1 + forecast.steps))
    return movie.array(times, channel=forecast.channel, plane=forecast.plane)[:, y0:y1, x0:x1]
