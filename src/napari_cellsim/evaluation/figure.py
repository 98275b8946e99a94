"""A picture of one forecast: what was, what came, what was predicted, and where they differ."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from ..base import CellSimError
from ..data import TimeLapse, atomic_path, flow_to_rgb, flow_wheel
from ..forecasting import Forecast
from .region import region_of

Picture = npt.NDArray[np.uint8]

_TILE = 192  # px: longest side of one picture in the figure
_GAP, _HEAD, _MARGIN = 6, 22, 130
_PAPER, _INK = (255, 255, 255), (30, 30, 30)
_DIFFERENCE_RANGE = 0.25  # share of the display range at which the difference reaches full colour


def draw_figure(path: str | Path, movie: TimeLapse, forecast: Forecast) -> Path:
    """Draw a forecast as PNG: columns are frames; rows truth, prediction, difference and motion.

    Of several samples the first is drawn.

    Grey values run from the 0.5 to the 99.5 percentile of the last visible frame in all pictures. The
    difference is prediction minus truth, red where too bright and blue where too dark, saturated at a quarter
    of that range. Motion is minus the backward flow, coloured by direction as the wheel shows.

    Parameters
    ----------
    path : path
        PNG file to write, whole or not at all.
    movie : TimeLapse
        The movie that was forecast; rows without truth are left blank.
    forecast : Forecast

    Returns
    -------
    Path

    Raises
    ------
    CellSimError
        If the file cannot be written.
    """
    figure = figure_of(movie, forecast)
    target = Path(path)
    try:
        with atomic_path(target) as temporary:
            figure.save(temporary, format="PNG")
    except OSError as error:
        raise CellSimError(f"The figure cannot be written to {target}: {error.strerror or error}.") from error
    return target


def figure_jpeg(movie: TimeLapse, forecast: Forecast) -> bytes:
    """Return the figure of `draw_figure` as the bytes of a JPEG file, which is a tenth of a PNG's size."""
    buffer = BytesIO()
    figure_of(movie, forecast).save(buffer, format="JPEG", quality=88, subsampling=0)
    return buffer.getvalue()


def figure_of(movie: TimeLapse, forecast: Forecast) -> Image.Image:
    """Return the figure of `draw_figure` as a picture."""
    y0, y1, x0, x1 = region_of(movie, forecast)
    samples, predicted = len(forecast.frames), np.asarray(forecast.frames)[0, :, 0]
    until = min(movie.n_times, forecast.at + 1 + len(predicted))
    frames = movie.array(slice(forecast.at, until), channel=forecast.channel, plane=forecast.plane)[
        :, y0:y1, x0:x1
    ]
    last, truth = frames[0], frames[1:]
    low, high = np.percentile(last, [0.5, 99.5])
    span = max(float(high - low), float(np.finfo(np.float32).tiny))
    motion = -np.asarray(forecast.flow)
    largest = float(np.hypot(motion[:, 0], motion[:, 1]).max())

    def grey(frame: npt.NDArray[Any]) -> Picture:
        return np.repeat((255 * np.clip((frame - low) / span, 0, 1)).astype(np.uint8)[..., None], 3, axis=-1)

    rows: list[tuple[str, list[Picture]]] = [
        ("truth", [grey(last), *map(grey, truth)]),
        (f"sample 1 of {samples}" if samples > 1 else "predicted", [grey(last), *map(grey, predicted)]),
        (
            "difference",
            [
                grey(last) * 0 + 255,
                *(_difference((p - t) / span) for p, t in zip(predicted, truth, strict=False)),
            ],
        ),
        (
            f"motion, up to\n{largest:.2g} px/frame",
            [flow_wheel(_TILE), *flow_to_rgb(motion, max(largest, 1e-6))],
        ),
    ]
    heads = [f"frame {forecast.at}", *(f"+{k + 1}" for k in range(len(predicted)))]
    return _montage(rows, heads)


def _difference(values: npt.NDArray[Any]) -> Picture:
    strength = np.clip(values / _DIFFERENCE_RANGE, -1, 1)[..., None]
    red, blue = np.array([178, 24, 43]), np.array([33, 102, 172])
    colour = np.where(strength > 0, red, blue)
    return (255 + np.abs(strength) * (colour - 255.0)).astype(np.uint8)


def _montage(rows: Sequence[tuple[str, Sequence[Picture]]], heads: Sequence[str]) -> Image.Image:
    height, width = rows[0][1][0].shape[:2]
    scale = _TILE / max(height, width)
    tile = (max(1, round(width * scale)), max(1, round(height * scale)))
    step_x, step_y = tile[0] + _GAP, tile[1] + _GAP
    figure = Image.new("RGB", (_MARGIN + len(heads) * step_x, _HEAD + len(rows) * step_y), _PAPER)
    draw, font = ImageDraw.Draw(figure), ImageFont.load_default(size=14)
    for column, head in enumerate(heads):
        draw.text((_MARGIN + column * step_x + 2, 3), head, _INK, font)
    for row, (name, pictures) in enumerate(rows):
        draw.text((6, _HEAD + row * step_y + 6), name, _INK, font)
        for column, picture in enumerate(pictures):
            image = Image.fromarray(picture).resize(tile, Image.Resampling.BICUBIC)
            figure.paste(image, (_MARGIN + column * step_x, _HEAD + row * step_y))
    return figure
