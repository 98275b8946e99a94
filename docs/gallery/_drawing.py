"""What all examples share: colours, and saving a figure together with a fingerprint of the script that drew it."""

from __future__ import annotations

import argparse
import hashlib
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("agg")

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image
from PIL.PngImagePlugin import PngInfo

IMAGES = Path(__file__).resolve().parents[1] / "images"
BLUE, ORANGE, GREY, PALE, GREEN = "#1f6fb4", "#d9661f", "#5c6670", "#dfe8f0", "#3a8f5c"
STAMP = "script"  # key of the fingerprint in the picture's text
COLOURS = 128  # of the saved picture; keeps it small
STYLE: Any = {"font.size": 10, "axes.titlesize": 10.5, "axes.labelcolor": GREY, "figure.facecolor": "white"}


def fingerprint(script: str | Path) -> str:
    """Return the hash of a script's text, whatever its line ends."""
    return hashlib.sha256(Path(script).read_bytes().replace(b"\r\n", b"\n")).hexdigest()


def target(script: str | Path) -> Path:
    """Return where the figure of a script goes."""
    return IMAGES / f"gallery_{Path(script).stem}.png"


def main(draw: Callable[[], Figure], script: str) -> None:
    """Draw and save the figure of a script; ``--out`` saves it elsewhere."""
    parser = argparse.ArgumentParser(description="Draw the figure of this example.")
    parser.add_argument("--out", type=Path, default=target(script), help="where to save it (PNG)")
    path: Path = parser.parse_args().out
    path.parent.mkdir(parents=True, exist_ok=True)
    memory = io.BytesIO()
    with plt.rc_context(STYLE):
        draw().savefig(memory, format="png", dpi=110)
    text = PngInfo()
    text.add_text(STAMP, fingerprint(script))
    picture = Image.open(memory).convert("RGB").quantize(COLOURS, Image.Quantize.MEDIANCUT)
    picture.save(path, pnginfo=text, optimize=True)
    print(f"wrote {path} ({path.stat().st_size // 1024} kB)")


def bare(axis: Axes, title: str = "", colour: str = "black") -> None:
    """Take ticks and frame away from a panel."""
    axis.set(xticks=[], yticks=[])
    axis.spines[:].set_visible(False)
    axis.set_title(title, color=colour)
