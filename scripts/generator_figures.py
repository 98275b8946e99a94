"""The pictures of the documentation that explain Cell-GAN; `make_figures.py` draws them all.

Those that show generated pictures need the bundled model; they are stamped with its hash, and a test compares it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch
from PIL import Image, ImageDraw, ImageFont
from PIL.PngImagePlugin import PngInfo

import napari_cellsim as cs
from napari_cellsim import generation, phantom
from napari_cellsim.nets.blocks import PAU
from napari_cellsim.ops import fir_kernel
from napari_cellsim.training.adversarial import cutmix_masks

BLUE, ORANGE, GREY, PALE = "#1f6fb4", "#d9661f", "#5c6670", "#dfe8f0"
MODEL = "cellgan-lite"
STAMP = "model"  # key of the model's hash in a picture's text
SIZE = 64  # px, of the model in the schematic
ZOOM, GAP, MARGIN = 2, 4, 62  # of sheets of pictures: enlargement, px between them, px for what is written


def fir() -> Figure:
    """Return the low-pass filter of the resampling, and what it lets through."""
    figure, (left, right) = plt.subplots(
        1, 2, figsize=(8.2, 3.2), width_ratios=(1, 1.7), layout="constrained"
    )
    kernel = fir_kernel().numpy()
    left.imshow(kernel, cmap="Blues", vmin=0, vmax=1.3 * kernel.max())
    for (row, column), value in np.ndenumerate(kernel):
        left.text(column, row, f"{round(64 * value)}/64", ha="center", va="center", fontsize=9)
    left.set(xticks=[], yticks=[], title="weights")
    frequency = np.linspace(0, 0.5, 200)
    for taps, colour, name in (([1, 3, 3, 1], BLUE, "1, 3, 3, 1"), ([1, 1], GREY, "1, 1 (repeat pixels)")):
        weights = np.array(taps) / sum(taps)
        response = np.abs(np.exp(-2j * np.pi * frequency[:, None] * np.arange(len(taps))) @ weights)
        right.plot(frequency, response, color=colour, label=name)
    right.axvspan(0.25, 0.5, color=ORANGE, alpha=0.12, linewidth=0)
    right.text(0.26, 0.93, "not in the small picture", color=ORANGE, fontsize=9)
    right.set(xlabel="frequency, cycles per pixel", ylabel="share let through", xlim=(0, 0.5), ylim=(0, 1.05))
    right.legend(frameon=False, loc="lower left")
    return figure


def pau() -> Figure:
    """Return the Padé activation unit as it starts, beside the leaky ReLU that it approximates."""
    figure, axes = plt.subplots(1, 2, figsize=(8.2, 3.0), layout="constrained")
    unit = PAU()
    for axis, limit, title in zip(axes, (3, 10), ("where it was fitted", "far outside"), strict=True):
        x = torch.linspace(-limit, limit, 400)
        axis.axhline(0, color=PALE, linewidth=1, zorder=0)
        axis.plot(x, torch.nn.functional.leaky_relu(x, 0.01), color=GREY, label="leaky ReLU, slope 0.01")
        axis.plot(x, unit(x).detach(), color=BLUE, label="Padé activation unit, untrained")
        axis.set(xlim=(-limit, limit), xlabel="x", title=title)
    axes[0].legend(frameon=False)
    return figure


def styles() -> Figure:
    """Return the wiring of the style generator for pictures of 64 px."""
    figure, axis = plt.subplots(figsize=(10.2, 4.6))
    figure.subplots_adjust(0.01, 0.01, 0.99, 0.99)
    axis.set(xlim=(0, 20.6), ylim=(0, 9.2))
    axis.axis("off")
    box(axis, 0.2, 7.6, 1.5, "z\nrandom", PALE)
    box(axis, 2.5, 7.6, 2.0, "mapping\nnetwork", "white")
    arrow(axis, (1.7, 8.1), (2.5, 8.1))
    axis.text(5.0, 8.28, "w: one latent, offered to every slot", color=ORANGE)
    blocks = int(np.log2(SIZE)) - 1
    width, step = 2.5, 3.55
    arrow(axis, (4.5, 8.1), (3.4 + (blocks - 1) * step + 2.55, 8.1), ORANGE)
    for block in range(blocks):
        x, side = 3.4 + block * step - 1.3, 4 << block
        count = 1 if block == 0 else 2
        first = 0 if block == 0 else 2 * block - 1
        names = ("constant 4×4,\nconvolution",) if block == 0 else ("enlarge,\nconvolve", "convolve")
        for number, name in enumerate(names):
            left = x + number * width / count
            box(axis, left, 4.6, width / count - 0.12, name, "white", size=8)
            slot(axis, left + width / count / 2, 5.75, first + number)
        noise = x + width / 2
        axis.text(noise, 4.2, "+ noise", ha="center", fontsize=8, color=GREY)
        box(axis, x + 0.45, 2.5, width - 1.0, "to grey", PALE, size=8)
        slot(axis, x + 0.28, 3.0, first + count, across=True)
        arrow(axis, (noise, 4.1), (noise, 3.55))
        arrow(axis, (noise, 2.5), (noise, 1.55))
        axis.text(
            noise,
            1.05,
            "picture" if block == 0 else "+",
            ha="center",
            va="center",
            fontsize=9 if block == 0 else 13,
        )
        axis.text(noise, 6.95, f"{side}×{side}", ha="center", fontweight="bold", color=BLUE)
        if block < blocks - 1:
            arrow(axis, (x + width - 0.1, 5.1), (x + step - 0.02, 5.1))
            arrow(axis, (noise + 0.55, 1.05), (noise + step - 0.3, 1.05), GREY)
            axis.text(noise + 0.5 * step + 0.1, 0.55, "enlarge", ha="center", fontsize=8, color=GREY)
    axis.text(0.2, 5.0, "features", color=GREY)
    axis.text(0.2, 0.95, "picture", color=GREY)
    return figure


def box(axis: Axes, x: float, y: float, width: float, text: str, colour: str, size: float = 10) -> None:
    """Draw a rounded box of height 1 with its lower left corner at (x, y)."""
    shape = FancyBboxPatch((x, y), width, 1.0, boxstyle="round,pad=0,rounding_size=0.15", fc=colour, ec=GREY)
    axis.add_patch(shape)
    axis.text(x + width / 2, y + 0.5, text, ha="center", va="center", fontsize=size)


def arrow(axis: Axes, start: tuple[float, float], end: tuple[float, float], colour: str = "black") -> None:
    axis.annotate(
        "", end, start, arrowprops={"arrowstyle": "-|>", "color": colour, "shrinkA": 0, "shrinkB": 0}
    )


def slot(axis: Axes, x: float, y: float, number: int, across: bool = False) -> None:
    """Mark where style `number` enters."""
    if across:
        arrow(axis, (x - 0.35, y), (x + 0.17, y), ORANGE)
        axis.text(x - 0.42, y, str(number), color=ORANGE, ha="right", va="center", fontweight="bold")
    else:
        arrow(axis, (x, y + 0.55), (x, y - 0.15), ORANGE)
        axis.text(x, y + 0.62, str(number), color=ORANGE, ha="center", va="bottom", fontweight="bold")


def cutmix() -> Figure:
    """Return two phantoms, a CutMix mask and their mixture."""
    pictures = [
        phantom.simulate(1, seed, size=128, pixel_size=0.216, trap=trap).images[0, 0].astype(float)
        for seed, trap in ((11, "tear_drop"), (4, "rectangular"))
    ]
    pictures = [(one - one.mean()) / one.std() for one in pictures]
    masks = cutmix_masks(20, 128, 128, np.random.default_rng(0))[:, 0].numpy()
    mask = next(one for one in masks if 0.4 < one.mean() < 0.6)  # large enough to be seen
    shown = [*pictures, mask, mask * pictures[0] + (1 - mask) * pictures[1]]
    titles = ("taken for real", "taken for generated", "mask", "mixture")
    figure, axes = plt.subplots(1, 4, figsize=(8.2, 2.3), layout="constrained")
    for axis, picture, title in zip(axes, shown, titles, strict=True):
        low, high = (0, 1) if title == "mask" else (-2.5, 3.5)
        axis.imshow(picture, cmap="gray", vmin=low, vmax=high)
        axis.set(xticks=[], yticks=[], title=title)
    return figure


def truncation() -> Image.Image:
    """Return three pictures at five truncations."""
    model = cs.load_model(MODEL)
    values = (0.0, 0.3, 0.5, 0.7, 1.0)
    made = [generation.generate(model, n=3, seed=1, truncation=t).images[:, 0, 0] for t in values]
    return sheet(np.stack(made, axis=1), top=[f"truncation {t:g}" for t in values])


def mixing() -> Image.Image:
    """Return the mixing grid of three by four pictures, crossed in the middle."""
    model = cs.load_model(MODEL)
    slots = model.network.slots
    made = generation.mix(
        model,
        generation.generate(model, n=4, seed=5),
        generation.generate(model, n=3, seed=6),
        layer=slots // 2,
    )
    rows, columns = made.grid or (0, 0)
    pictures = made.images[:, 0, 0].reshape(rows, columns, *made.images.shape[-2:])
    top = ["mean"] + [f"source {i}" for i in range(1, columns)]
    return sheet(pictures, top=top, left=[""] + [f"dest. {i}" for i in range(1, rows)])


def walk() -> Image.Image:
    """Return a walk between two pictures."""
    model = cs.load_model(MODEL)
    made = generation.interpolate(model, generation.generate(model, n=2, seed=3), steps=8)
    count = len(made)
    top = [f"{100 * i // (count - 1)} %" for i in range(count)]
    return sheet(made.images[None, :, 0, 0], top=top)


def directions() -> Image.Image:
    """Return one picture moved along the first three principal directions."""
    model = cs.load_model(MODEL)
    found = generation.directions(model)
    picture = generation.generate(model, n=1, seed=4, truncation=0.5)
    weights = (-3, -1.5, 0, 1.5, 3)
    rows = []
    for direction in range(3):
        moved = np.zeros((len(weights), len(found)))
        moved[:, direction] = weights
        latents = np.repeat(picture.latents, len(weights), axis=0)
        edited = generation.edit(model, latents, found, moved)
        rows.append(edited.images[:, 0, 0])
    return sheet(
        np.stack(rows),
        top=[f"{w:+g}" if w else "0" for w in weights],
        left=[f"{i}: {100 * found.explained[i - 1]:.0f} %" for i in (1, 2, 3)],
    )


def sheet(
    pictures: np.ndarray, top: Sequence[str] = (), left: Sequence[str] = (), zoom: int = ZOOM
) -> Image.Image:
    """Return pictures (rows, columns, Y, X) side by side, in one common scale of greys, with what is written around."""
    rows, columns, height, width = pictures.shape
    low, high = np.percentile(pictures, (0.5, 99.5))
    greys = (np.clip((pictures - low) / max(high - low, 1e-9), 0, 1) * 255).astype(np.uint8)
    x0, y0 = (MARGIN if any(left) else 0), (18 if any(top) else 0)
    wide, high_ = width * zoom + GAP, height * zoom + GAP
    canvas = Image.new("L", (x0 + columns * wide - GAP, y0 + rows * high_ - GAP), 255)
    draw, font = ImageDraw.Draw(canvas), ImageFont.load_default(12)
    for column, text in enumerate(top):
        draw.text((x0 + column * wide + width * zoom / 2, 2), text, fill=60, font=font, anchor="ma")
    for row in range(rows):
        if left:
            draw.text((2, y0 + row * high_ + height * zoom / 2), left[row], fill=60, font=font, anchor="lm")
        for column in range(columns):
            tile = Image.fromarray(greys[row, column]).resize(
                (width * zoom, height * zoom), Image.Resampling.NEAREST
            )
            canvas.paste(tile, (x0 + column * wide, y0 + row * high_))
    return canvas


def bundled() -> str | None:
    """Return the hash of the model, or None where it is not installed."""
    return next((entry.hash for entry in cs.list_models() if entry.name == MODEL), None)


def save_stamped(picture: Image.Image, path: Path, digest: str) -> None:
    """Write a PNG with the hash of the model that drew what it shows."""
    text = PngInfo()
    text.add_text(STAMP, digest)
    picture.save(path, pnginfo=text, optimize=True)


DRAWN: dict[str, Callable[[], Figure]] = {
    "fir.svg": fir,
    "pau.svg": pau,
    "styles.svg": styles,
    "cutmix.png": cutmix,
}
GENERATED: dict[str, Callable[[], Image.Image]] = {
    "truncation.png": truncation,
    "mixing.png": mixing,
    "walk.png": walk,
    "directions.png": directions,
}
