"""Photographs of every kind of file."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile
from PIL import Image

from napari_cellsim.base import CellSimError
from napari_cellsim.datasets.specimen_files import read_photograph

RNG = np.random.default_rng(0)
COLOUR = RNG.integers(0, 256, (20, 24, 3), np.uint8)
GREY = COLOUR[..., 0]
ALPHA = np.concatenate([np.zeros((20, 12), np.uint8), np.full((20, 12), 255, np.uint8)], 1)
WIDE = COLOUR.astype(np.uint16) * 257


def save_png16(path, pixels):
    import imagecodecs

    path.write_bytes(imagecodecs.png_encode(np.ascontiguousarray(pixels)))


FILES = {
    "grey.png": lambda p: Image.fromarray(GREY).save(p),
    "colour.png": lambda p: Image.fromarray(COLOUR).save(p),
    "one_bit.png": lambda p: Image.fromarray(GREY > 127).save(p),
    "grey_alpha.png": lambda p: Image.fromarray(np.stack([GREY, ALPHA], -1), "LA").save(p),
    "colour_alpha.png": lambda p: Image.fromarray(np.dstack([COLOUR, ALPHA])).save(p),
    "grey16.png": lambda p: save_png16(p, WIDE[..., 0]),
    "colour16.png": lambda p: save_png16(p, WIDE),
    "alpha16.png": lambda p: save_png16(p, np.dstack([WIDE, ALPHA.astype(np.uint16) * 257])),
    "grey.tif": lambda p: tifffile.imwrite(p, GREY),
    "colour.tif": lambda p: tifffile.imwrite(p, COLOUR, photometric="rgb"),
    "planar.tif": lambda p: tifffile.imwrite(
        p, COLOUR.transpose(2, 0, 1), photometric="rgb", planarconfig="separate"
    ),
    "lzw.tiff": lambda p: tifffile.imwrite(p, COLOUR, photometric="rgb", compression="lzw"),
    "grey16.tif": lambda p: tifffile.imwrite(p, WIDE[..., 0]),
    "colour16.tif": lambda p: tifffile.imwrite(p, WIDE, photometric="rgb"),
    "alpha.tif": lambda p: tifffile.imwrite(
        p, np.dstack([COLOUR, ALPHA]), photometric="rgb", extrasamples=["unassalpha"]
    ),
    "associated.tif": lambda p: tifffile.imwrite(
        p,
        np.dstack([np.where(ALPHA[..., None] > 0, COLOUR, 0), ALPHA]),
        photometric="rgb",
        extrasamples=["assocalpha"],
    ),
    "inverted.tif": lambda p: tifffile.imwrite(p, 255 - GREY, photometric="miniswhite"),
    "float.tif": lambda p: tifffile.imwrite(p, (COLOUR / 255).astype(np.float32), photometric="rgb"),
    "composite.tif": lambda p: tifffile.imwrite(
        p, COLOUR.transpose(2, 0, 1), imagej=True, metadata={"axes": "CYX", "mode": "composite"}
    ),
    "bigtiff.tif": lambda p: tifffile.imwrite(p, COLOUR, photometric="rgb", bigtiff=True),
    "misnamed.jpg": lambda p: Image.fromarray(COLOUR).save(p, format="PNG"),
}


@pytest.mark.parametrize("name", FILES)
def test_every_kind_of_file_gives_its_pixels(name, tmp_path):
    path = tmp_path / name
    FILES[name](path)
    picture = read_photograph(path)
    grey = name.startswith(("grey", "one_bit", "inverted"))
    expected = np.repeat(GREY[..., None], 3, -1) if grey else COLOUR
    if name == "one_bit.png":
        expected = np.where(expected > 127, 255, 0)
    shown = np.ones(GREY.shape, bool)
    if "alpha" in name or name == "associated.tif":
        np.testing.assert_array_equal(picture.alpha, ALPHA.astype(np.uint16) * 257)
        shown = ALPHA > 0
    else:
        assert picture.alpha is None
    np.testing.assert_array_equal(picture.colour[shown], expected[shown].astype(np.uint16) * 257)
    assert picture.kind == ("grey" if grey else "colour")
    assert picture.deep == ("16" in name)


@pytest.mark.parametrize("name", ["p.png", "p.tif", "clear.png"])
def test_palettes_become_colours(name, tmp_path):
    picture = Image.fromarray(COLOUR).quantize(64)
    if name == "clear.png":
        picture.save(tmp_path / name, transparency=picture.getpixel((0, 0)))
    else:
        picture.save(tmp_path / name)
    found = read_photograph(tmp_path / name)
    expected = np.asarray(picture.convert("RGB"))
    np.testing.assert_allclose(
        found.colour / 257, expected, atol=1
    )  # palettes of TIFF are multiples of 256 or 257
    assert not found.deep
    if name == "clear.png":
        np.testing.assert_array_equal(found.alpha == 0, np.asarray(picture) == picture.getpixel((0, 0)))


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_jpegs(mode, tmp_path):
    smooth = Image.fromarray(COLOUR[:4, :5]).resize((48, 40), Image.Resampling.BICUBIC).convert(mode)
    smooth.save(tmp_path / "p.jpg", quality=95, subsampling=0)
    found = read_photograph(tmp_path / "p.jpg").colour / 257
    assert np.abs(found - np.asarray(smooth.convert("RGB"), float)).mean() < 4


@pytest.mark.parametrize("mode", ["YCbCr", "CMYK"])
def test_other_colour_spaces_of_tiff(mode, tmp_path):
    Image.fromarray(COLOUR).convert(mode).save(tmp_path / "p.tif")
    found = read_photograph(tmp_path / "p.tif").colour / 257
    assert np.abs(found - COLOUR).mean() < 3


def test_cameras_turn_is_undone(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter
    Image.fromarray(COLOUR).save(tmp_path / "p.png", exif=exif)
    np.testing.assert_array_equal(read_photograph(tmp_path / "p.png").colour // 257, np.rot90(COLOUR, -1))


def damaged(path):
    Image.fromarray(RNG.integers(0, 256, (64, 64, 3), np.uint8)).save(path)
    path.write_bytes(path.read_bytes()[:400])


BAD = {
    "text.png": lambda p: p.write_text("no picture"),
    "empty.jpg": lambda p: p.write_bytes(b""),
    "cut.png": damaged,
    "cut.jpg": damaged,
    "cut.tif": damaged,
    "cut16.png": lambda p: (save_png16(p, WIDE), p.write_bytes(p.read_bytes()[:300])),
    "stack.tif": lambda p: tifffile.imwrite(p, np.zeros((5, 20, 20), np.uint8)),
    "wide.tif": lambda p: tifffile.imwrite(p, np.zeros((20, 20), np.uint32)),
    "float.tif": lambda p: tifffile.imwrite(p, np.full((20, 20), 7.5, np.float32)),
    "movie.png": lambda p: Image.fromarray(GREY).save(p, format="GIF"),
}


@pytest.mark.parametrize("name", BAD)
def test_unreadable_picture_is_named_in_one_sentence(name, tmp_path):
    BAD[name](tmp_path / name)
    with pytest.raises(CellSimError, match=name) as caught:
        read_photograph(tmp_path / name)
    assert "\n" not in str(caught.value)
