"""What the tests of the Train dock share: a tiny training folder and a dock that is quick on it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from napari_cellsim.training.labels import write_labelled

TINY = {"data": {"size": 32, "batch": 4}, "overrides": {"widths": [8, 8, 12, 12], "latent": 8}}
"""A variational autoencoder that does a step in some milliseconds."""
PATIENCE = 240_000
"""Milliseconds; a training process needs seconds to load, and a busy machine makes minutes of them."""


def discs(frames=10, size=40):
    """Return drifting discs of changing size (T, Y, X) uint16 and their labels."""
    y, x = np.mgrid[:size, :size]
    radius = np.linspace(6, 11, frames)
    labels = np.stack([np.hypot(y - size / 2, x - 14 - t) < r for t, r in enumerate(radius)])
    noise = np.random.default_rng(0).normal(0, 150, labels.shape)
    return (4000 + 6000 * labels + noise).astype(np.uint16), labels.astype(np.int32)


def write_tiny(folder: Path) -> Path:
    """Write a training folder."""
    pictures, labels = discs()
    write_labelled(folder, pictures, labels, name="discs", pixel_size=0.108, interval=10.0)
    return folder


def choose(dock, recipe, folder=None, *, steps=1_000_000, **fit):
    """Choose a tiny training in the first tab, as a person would."""
    form = dock.form
    form.what.value = next(choice for choice in form.what.choices if choice.recipe == recipe)
    if folder is not None:
        form.folder.value = str(folder)
    form.start.value = ""
    form.device.value = "cpu"
    form.unit.value = "steps"
    form.amount.value = steps
    form.advanced.fill(TINY if recipe == "vae" else {}, {"log_every": 2, **fit})


def ended(dock):
    """Return whether nothing is being followed any more."""
    return dock.follower.job is None
