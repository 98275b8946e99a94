"""Copies, uneven walks and changing generators, made by hand and by real networks."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter

from napari_cellsim.base import CellSimError
from napari_cellsim.evaluation.convergence import change_of_models, change_of_previews, epoch_change
from napari_cellsim.evaluation.memorising import memorisation, path_steps, walk_steps
from napari_cellsim.models import Model


def textures(n, seed, size=24):
    return gaussian_filter(np.random.default_rng(seed).normal(size=(n, size, size)), [0, 2, 2])


def test_copies_are_found_with_their_original():
    real, new = textures(60, 0), textures(20, 1)
    learnt = 5 * real[[7, 30]] + 100
    learnt[1] = learnt[1, :, ::-1]
    found = memorisation(np.concatenate([new, learnt]), real)
    assert found.nearest[20:] == pytest.approx([0, 0], abs=1e-6)
    assert found.nearest_index[20:].tolist() == [7, 30]
    assert found.copies == pytest.approx(2 / 22, abs=0.1)
    assert memorisation(learnt, real, mirror=False).nearest[1] > found.threshold


def test_distances_are_those_of_all_pairs():
    real, new = textures(9, 0), textures(4, 1)
    found = memorisation(new, real, mirror=False)

    def standard(x):
        return (x - x.mean()) / x.std()

    table = [[np.sqrt(np.mean((standard(a) - standard(b)) ** 2)) for b in real] for a in new]
    assert found.nearest == pytest.approx(np.min(table, axis=1))
    assert found.nearest_index.tolist() == np.argmin(table, axis=1).tolist()
    pairs = [[standard(a) - standard(b) for b in real] for a in real]
    own = [min(np.sqrt(np.mean(d**2)) for j, d in enumerate(row) if j != i) for i, row in enumerate(pairs)]
    assert found.real == pytest.approx(own)
    assert found.threshold == pytest.approx(np.quantile(own, 0.01))


def test_new_pictures_of_the_same_kind_are_no_copies():
    found = memorisation(textures(300, 1), textures(300, 0))
    assert found.copies <= 0.04


def test_even_and_sharp_walks():
    line = np.linspace(0, 1, 11)[:, None] * [3.0, 4.0]
    jump = np.repeat([[0.0, 0.0], [3.0, 4.0]], [6, 5], axis=0)
    found = path_steps(np.stack([line, jump]))
    assert found.length == pytest.approx(5)
    assert found.steps[0] == pytest.approx(np.full(10, 0.5))
    assert found.sharpest == pytest.approx(10)
    assert found.evenness == pytest.approx((1 + 10) / 2)
    assert path_steps(np.ones((1, 5, 3))).evenness == 1


@settings(max_examples=30)
@given(st.integers(0, 2**32 - 1), st.floats(0.1, 10))
def test_evenness_needs_no_unit(seed, scale):
    walks = np.random.default_rng(seed).normal(size=(3, 6, 4))
    one, other = path_steps(walks), path_steps(scale * walks + 7)
    assert other.evenness == pytest.approx(one.evenness)
    assert other.length == pytest.approx(scale * one.length)
    assert 1 <= one.evenness <= one.sharpest <= 5


def test_walks_of_a_real_generator():
    model = Model.create("untrained", "cellgan", size=32)
    found = walk_steps(model, walks=2, steps=4, device="cpu")
    assert found.steps.shape == (2, 4)
    assert found.sharpest >= found.evenness >= 1
    again = walk_steps(model, walks=2, steps=4, device="cpu")
    np.testing.assert_array_equal(again.steps, found.steps)
    with pytest.raises(CellSimError, match="1 steps"):
        walk_steps(model, steps=1)


def test_change_written_out():
    generator = np.random.default_rng(0)
    pictures = generator.normal(size=(3, 5, 16, 16))
    found = epoch_change(pictures, ["a", "b", "c"])
    assert found.names == ("b", "c")
    assert list(found.by_size) == [16, 8, 4]
    variance = np.mean([p.var() for p in pictures[1]])
    assert found.by_size[16][0] == pytest.approx(((pictures[1] - pictures[0]) ** 2).mean() / variance)
    half = pictures.reshape(3, 5, 8, 2, 8, 2).mean((3, 5))
    assert found.by_size[8][1] == pytest.approx(
        ((half[2] - half[1]) ** 2).mean() / np.mean([p.var() for p in half[2]])
    )
    assert found.by_size[16] == pytest.approx([2, 2], abs=0.3)  # unrelated


def test_nothing_changes_in_a_finished_generator():
    still = np.repeat(textures(4, 0)[None], 3, axis=0)
    assert all((values == 0).all() for values in epoch_change(still).by_size.values())
    with pytest.raises(CellSimError, match="two epochs"):
        epoch_change(still[:1])
    with pytest.raises(CellSimError, match="at least 4 px"):
        epoch_change(np.zeros((2, 3, 2, 2)))


def test_change_of_previews_and_of_models(tmp_path):
    from napari_cellsim.training import RunFolder

    folder = RunFolder(tmp_path / "run")
    sheets = (127 + 40 * np.random.default_rng(0).normal(size=(3, 32, 64))).clip(0, 255).astype(np.uint8)
    for step, sheet in zip((100, 200, 1500), sheets, strict=True):
        folder.write_preview(step, sheet)
    found = change_of_previews(folder.path)
    assert found.names == ("200", "1500")
    expected = epoch_change(sheets[:, None])
    for size, values in expected.by_size.items():
        np.testing.assert_allclose(found.by_size[size], values)
    with pytest.raises(CellSimError, match="0 previews"):
        change_of_previews(tmp_path)
    one, other = (Model.create(name, "cellgan", size=32) for name in ("one", "other"))
    changed = change_of_models([one, one, other], n=4, device="cpu")
    assert changed.names == ("one", "other")
    assert changed.by_size[32][0] == 0
    assert changed.by_size[32][1] > 0.01
    with pytest.raises(CellSimError, match="at least two"):
        change_of_models([one], n=2, device="cpu")
