"""One photograph from a file of any kind: JPEG, PNG or TIFF; grey, colour, palette, with or without transparency."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from ..base import CellSimError

SUFFIXES = (".jpg", ".jpeg", ".png", ".tif", ".tiff")
_PNG = b"\x89PNG\r\n\x1a\n"
_TIFF = (b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+")
_PLAIN = ("MINISBLACK", "MINISWHITE", "RGB", "PALETTE")  # Pillow converts the others
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601, as Pillow does


@dataclass(frozen=True)
class Photograph:
    """A picture as it is in its file.

    Attributes
    ----------
    colour : ndarray of uint16, (H, W, 3)
        65535 is white; of a grey picture all three are equal.
    alpha : ndarray of uint16, (H, W), or None
        65535 is opaque, 0 transparent.
    kind : {"colour", "grey"}
        What it was.
    deep : bool
        Whether it has 16 bits, which a camera of 10 to 14 bits does not fill: white may lie below 65535.
    """

    colour: NDArray[np.uint16]
    alpha: NDArray[np.uint16] | None
    kind: str
    deep: bool

    @property
    def likeness(self) -> str:
        """Text that is the same for identical pictures, even if one is turned or mirrored, and seldom for others."""
        digest = hashlib.sha256(repr(sorted(self.colour.shape[:2])).encode())
        for layer in self._layers():
            digest.update(np.bincount((layer >> 8).ravel(), minlength=256).tobytes())
        return digest.hexdigest()

    def same(self, other: Photograph) -> bool:
        """Whether `other` has the same pixels, perhaps turned or mirrored."""
        own, its = np.stack(self._layers()), np.stack(other._layers())
        for turns in range(4):
            turned = np.rot90(its, turns, (1, 2))
            if np.array_equal(own, turned) or np.array_equal(own, turned[:, :, ::-1]):
                return True
        return False

    def _layers(self) -> list[NDArray[np.uint16]]:
        alpha = np.full(self.colour.shape[:2], 65535, np.uint16) if self.alpha is None else self.alpha
        # what is fully transparent has no colour
        return [*(self.colour * (alpha > 0)[..., None]).transpose(2, 0, 1), alpha]

    def border(self) -> NDArray[np.float32]:
        """Return the median colour (3,) of the opaque pixels at the border, 0 to 1; black if there are none."""
        edge = np.ones(self.colour.shape[:2], bool)
        edge[1:-1, 1:-1] = False
        if self.alpha is not None:
            edge &= self.alpha > 32767
        if not edge.any():
            return np.zeros(3, np.float32)
        median: NDArray[np.float32] = np.median(self.colour[edge], axis=0).astype(np.float32) / 65535
        return median

    def square(self, size: int, fit: str) -> NDArray[np.float32]:
        """Return colours times opacity, and opacity, (4, size, size), 0 to 1.

        Parameters
        ----------
        size : int
            Side, px.
        fit : {"crop", "pad"}
            Take the central square, or add transparent stripes.
        """
        height, width = self.colour.shape[:2]
        side = min(height, width) if fit == "crop" else max(height, width)
        top, left = (height - side) // 2, (width - side) // 2
        window = np.s_[max(top, 0) : max(top, 0) + side, max(left, 0) : max(left, 0) + side]
        colour = self.colour[window].astype(np.float32).transpose(2, 0, 1) / 65535
        if self.alpha is None:
            alpha = np.ones((1, *colour.shape[1:]), np.float32)
        else:
            alpha = self.alpha[window].astype(np.float32)[None] / 65535
        layers = np.concatenate([colour * alpha, alpha])
        before = max(-top, 0), max(-left, 0)
        after = [side - n - b for n, b in zip(layers.shape[1:], before, strict=True)]
        layers = np.pad(layers, ((0, 0), (before[0], after[0]), (before[1], after[1])))
        if side == size:
            return layers
        # Pillow widens the filter when it reduces, so that nothing is skipped
        resized = [
            np.asarray(Image.fromarray(layer).resize((size, size), Image.Resampling.BILINEAR))
            for layer in layers
        ]
        return np.stack(resized)


def read_photograph(path: Path) -> Photograph:
    """Read a picture; what it is, is told by its content, not its name.

    Parameters
    ----------
    path : pathlib.Path
        A JPEG, PNG or TIFF file.

    Raises
    ------
    CellSimError
        If the file cannot be read, or holds no single grey or colour picture of 8 or 16 bits.
    """
    try:
        with path.open("rb") as file:
            start = file.read(32)
        if start[:4] in _TIFF:
            return _tiff(path)
        if start[:8] == _PNG and start[24] == 16:
            import imagecodecs  # Pillow would drop the lower half of each number

            return _photograph(imagecodecs.png_decode(path.read_bytes()))
        return _pillow(path)
    except CellSimError:
        raise
    except Exception as error:  # a damaged file makes decoders raise almost anything
        raise CellSimError(
            f"The picture {path} cannot be read ({error or type(error).__name__}): save it again, or take it out of "
            "the folder."
        ) from error


def grey(layers: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the luma (1, ...) of red, green and blue (3, ...)."""
    luma: NDArray[np.float32] = np.tensordot(_LUMA, layers, 1)[None]
    return luma


def _pillow(path: Path) -> Photograph:
    with Image.open(path) as opened:
        if opened.format not in ("PNG", "JPEG", "TIFF", "MPO"):
            raise CellSimError(f"The picture {path} is a {opened.format} file: save it as PNG, JPEG or TIFF.")
        turned = ImageOps.exif_transpose(opened)
        seen = turned.convert(_target(turned))
        return _photograph(np.asarray(seen))


def _target(picture: Image.Image) -> str:
    """Return the mode that keeps all of a picture: grey or colour, opaque or not."""
    clear = picture.has_transparency_data
    if picture.mode in ("1", "L", "LA"):
        return "LA" if clear else "L"
    return "RGBA" if clear else "RGB"


def _tiff(path: Path) -> Photograph:
    import tifffile

    with tifffile.TiffFile(path) as file:
        series, page = file.series[0], file.series[0].keyframe
        if page.photometric is None or page.photometric.name not in _PLAIN:
            return _pillow(path)
        pixels, axes = np.asarray(series.asarray()), series.axes
        for axis in range(len(axes) - 1, -1, -1):
            if pixels.shape[axis] == 1 and axes[axis] not in "YX":
                pixels, axes = pixels.take(0, axis), axes[:axis] + axes[axis + 1 :]
        if sorted(axes) == sorted("CYX") and pixels.shape[axes.index("C")] == 3:
            axes = axes.replace("C", "S")  # a composite of ImageJ
        if sorted(axes) not in (sorted("YX"), sorted("YXS")):
            raise CellSimError(
                f"The file {path} holds a stack ({' x '.join(map(str, pixels.shape))}, {axes}), not one picture: save "
                "each picture as a file."
            )
        pixels = pixels.transpose([axes.index(axis) for axis in "YXS" if axis in axes])
        if page.photometric.name == "PALETTE":
            return replace(_photograph(np.asarray(page.colormap).transpose(1, 0)[pixels]), deep=False)
        if page.photometric.name == "MINISWHITE":
            pixels = ~pixels if pixels.dtype.kind in "bu" else 1 - pixels
        kinds = [int(kind) for kind in page.extrasamples]
        colours = 3 if pixels.ndim == 3 and pixels.shape[2] >= 3 else 1
        if pixels.ndim == 3 and pixels.shape[2] > colours and not (kinds and kinds[0] in (1, 2)):
            pixels = pixels[:, :, :colours]  # it is not said to be transparency
        return _photograph(pixels, associated=bool(kinds) and kinds[0] == 1)


def _photograph(pixels: NDArray[Any], associated: bool = False) -> Photograph:
    """Return pixels (H, W) or (H, W, 1 to 4) as a photograph; `associated`: colours are multiplied by opacity."""
    deep = pixels.dtype == np.uint16
    values = _sixteen_bits(pixels if pixels.ndim == 3 else pixels[..., None])
    count = values.shape[2]
    if not 1 <= count <= 4 or min(values.shape[:2]) < 1:
        raise ValueError(f"it has {count} channels of {values.shape[0]} x {values.shape[1]} px")
    colours = 3 if count >= 3 else 1
    alpha = values[:, :, -1] if count > colours else None
    colour = values[:, :, :colours]
    if alpha is not None and associated:
        straight = colour * (65535.0 / np.maximum(alpha, 1)[:, :, None])
        colour = np.rint(np.minimum(straight, 65535)).astype(np.uint16)
    if alpha is not None and alpha.min() == 65535:
        alpha = None
    return Photograph(np.repeat(colour, 3 // colours, 2), alpha, "colour" if colours == 3 else "grey", deep)


def _sixteen_bits(pixels: NDArray[Any]) -> NDArray[np.uint16]:
    if pixels.dtype.kind == "b":
        return pixels.astype(np.uint16) * np.uint16(65535)
    if pixels.dtype == np.uint8:
        return pixels.astype(np.uint16) * np.uint16(257)
    if pixels.dtype == np.uint16:
        return pixels.astype(np.uint16, copy=False)
    if pixels.dtype.kind == "f":
        if not (np.isfinite(pixels).all() and pixels.min() >= 0 and pixels.max() <= 1):
            raise ValueError("it holds decimal numbers that are not all between 0 and 1")
        rounded: NDArray[np.uint16] = np.rint(pixels * 65535).astype(np.uint16)
        return rounded
    raise ValueError(f"its pixels are of the type {pixels.dtype}, not of 8 or 16 bits")
