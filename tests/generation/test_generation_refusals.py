"""Bad input: one plain sentence each, before anything is drawn."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import napari_cellsim as cs
from napari_cellsim.base import CellSimError
from napari_cellsim.generation import (
    Editor,
    directions,
    edit,
    generate,
    interpolate,
    mean_latent,
    mix,
    project,
    render,
)
from napari_cellsim.models import Model


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"n": 0}, "number of pictures is 0"),
        ({"n": -3}, "number of pictures is -3"),
        ({"n": 2.5}, "number of pictures is 2.5"),
        ({"seed": -1}, "seed is -1"),
        ({"seed": 1.5}, "seed is 1.5"),
        ({"truncation": 1.2}, "truncation is 1.2"),
        ({"truncation": -0.1}, "truncation is -0.1"),
        ({"truncation": float("nan")}, "truncation is nan"),
        ({"noise": "loud"}, "noise is 'loud'"),
        ({"device": "abacus"}, "no device 'abacus'"),
        ({"batch": 0}, "batch is 0"),
        ({"model": "no-such-model"}, "no model called"),
    ],
)
def test_generate(gan, options, sentence):
    with pytest.raises(CellSimError, match=sentence) as error:
        cs.generate(**{"model": gan, "n": 1, **options})
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"refine_steps": -1}, "refinement steps is -1"),
        ({"seed": -1}, "seed is -1"),
        ({"space": "x"}, "latent space is 'x'"),
        ({"images": 7}, "is no time-lapse"),
        ({"images": "gone.tif"}, "no file"),
        ({"channel": 1}, "no channel 1"),
    ],
)
def test_encode(gan, movie, options, sentence):
    with pytest.raises(CellSimError, match=sentence):
        cs.encode(**{"model": gan, "images": movie, **options})


def test_a_model_that_cannot_generate(movie):
    forecaster = Model.create("forecaster", "sdcnet", "lite")
    for call in (
        lambda: generate(forecaster, n=1),
        lambda: cs.encode(forecaster, movie),
        lambda: mean_latent(forecaster),
        lambda: directions(forecaster),
    ):
        with pytest.raises(CellSimError, match="is a sdcnet, which cannot"):
            call()


@pytest.mark.parametrize("role", ["cellgan", "mapping", "encoder", "discriminator"])
def test_weights_that_are_no_numbers(make_model, movie, role):
    model = make_model(plus=True)
    with torch.no_grad():
        next(model.networks[role].parameters()).view(-1)[0] = float("nan")
    draws = role in ("cellgan", "mapping")
    call = (
        (lambda: generate(model, n=1)) if draws else (lambda: cs.encode(model, movie, at=0, refine_steps=1))
    )
    with pytest.raises(CellSimError, match=rf"not numbers \({role}\."):
        call()


def test_not_even_one_picture_fits_the_memory(make_model):
    model = make_model()

    def no_memory(module, inputs):
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes.")

    model.network.register_forward_pre_hook(no_memory)
    with pytest.raises(CellSimError, match="not enough for one picture"):
        generate(model, n=2)


def test_refining_needs_more_memory_than_drawing(make_model, movie):
    model = make_model()

    def no_memory_for_gradients(module, inputs):
        if torch.is_grad_enabled() and inputs[0].requires_grad:
            raise torch.OutOfMemoryError("CUDA out of memory.")

    model.network.register_forward_pre_hook(no_memory_for_gradients)
    with pytest.raises(CellSimError, match="not enough to refine"):
        cs.encode(model, movie, at=0, refine_steps=1)


def test_other_errors_are_not_taken_for_full_memory(make_model):
    model = make_model()

    def broken(module, inputs):
        raise RuntimeError("sizes do not match")

    model.network.register_forward_pre_hook(broken)
    with pytest.raises(RuntimeError, match="sizes do not match"):
        generate(model, n=2)


def test_walks(gan):
    pictures = generate(gan, n=2)
    for keyframes, options, sentence in (
        (pictures.select(0), {}, "at least two pictures"),
        (pictures, {"steps": 0}, "steps between two pictures is 0"),
        (pictures, {"space": "y"}, "latent space is 'y'"),
        (np.zeros((2, 3, 256)), {}, "latents have the shape"),
        (np.zeros((2, 1, 100)), {}, "latents have the shape"),
        (np.full((2, 1, 256), np.nan), {}, "not numbers"),
    ):
        with pytest.raises(CellSimError, match=sentence):
            interpolate(gan, keyframes, **options)


def test_mixing_and_editing(gan, make_model):
    pictures = generate(gan, n=2)
    for layer in (-1, 9, 1.5):
        with pytest.raises(CellSimError, match=f"crossed at layer {layer}"):
            mix(gan, pictures, pictures, layer)
    found = directions(gan, n=2)
    for weights, sentence in (
        ([1], "weights have the shape"),
        ([np.nan, 0], "not numbers"),
        (np.zeros((3, 2)), "shape"),
    ):
        with pytest.raises(CellSimError, match=sentence):
            edit(gan, pictures, found, weights)
    for n in (0, 257):
        with pytest.raises(CellSimError, match=f"no {n} principal directions"):
            directions(gan, n=n)
    with pytest.raises(CellSimError, match="too few"):
        directions(gan, samples=200)
    wide = make_model(latent=300)
    with pytest.raises(CellSimError, match="find those of this model"):
        edit(wide, np.zeros((1, 300)), found, [0, 0])
    with pytest.raises(CellSimError, match="no picture 2"):
        Editor(gan, pictures, 2)


def test_refining_and_rendering(gan, sequence_gan, movie):
    with pytest.raises(CellSimError, match="no guides"):
        project(gan, generate(gan, n=1))
    guided = cs.encode(gan, movie, at=0)
    with pytest.raises(CellSimError, match="refinement steps is 0"):
        project(gan, guided, steps=0)
    with pytest.raises(CellSimError, match="choose W"):
        project(gan, guided, space="w")
    with pytest.raises(CellSimError, match="size, frames or channels"):
        project(sequence_gan, guided)
    with pytest.raises(CellSimError, match="noise seeds"):
        render(gan, guided.latents, np.array([1, 2]))
    with pytest.raises(CellSimError, match="intensity"):
        render(gan, guided.latents, intensity=np.zeros((1, 3, 2)))
    with pytest.raises(CellSimError, match="take at least 1"):
        mean_latent(gan, n=0)
