"""The nearest real picture of each generated one."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile

from napari_cellsim.base import CellSimError, JobCancelled, JobToken
from napari_cellsim.data import TimeLapse
from napari_cellsim.generation import Generated, nearest_real


def fake(images) -> Generated:
    """Pretend that pictures (N, T, C, Y, X) were generated."""
    images = np.asarray(images, dtype=np.float32)
    count = len(images)
    return Generated(images, np.zeros((count, 1, 4), np.float32), np.full(count, -1), pixel_size=0.5)


@pytest.fixture
def dataset(pictures) -> TimeLapse:
    return pictures(frames=6, size=(32, 32))


def test_a_learnt_picture_is_found_also_mirrored_and_in_other_units(dataset):
    real = np.asarray(dataset.frames)[:, :, 0].astype(np.float32)
    made = fake(np.stack([real[4], 3 * real[1][..., ::-1] - 500, real[2]])[:, None])
    found = nearest_real(made, dataset)
    np.testing.assert_array_equal(found.indices, [4, 1, 2])
    np.testing.assert_array_equal(found.mirrored, [False, True, False])
    np.testing.assert_allclose(found.distances, 0, atol=1e-4)
    np.testing.assert_allclose(found.images[0].std(), 1, atol=1e-4)
    plain = nearest_real(made, dataset, mirror=False)
    assert not plain.mirrored.any()
    assert plain.distances[1] > 0.5


def test_unrelated_pictures_are_about_the_root_of_two_away(dataset):
    noise = np.random.default_rng(0).normal(size=(5, 1, 1, 32, 32))
    assert nearest_real(fake(noise), dataset).distances == pytest.approx(np.sqrt(2), abs=0.1)


def test_a_dataset_may_be_a_folder_an_array_or_a_list(dataset, tmp_path):
    real = np.asarray(dataset.frames)[:, 0, 0]
    for i, picture in enumerate(real):
        tifffile.imwrite(tmp_path / f"t{i}.tif", picture)
    made = fake(real[[5, 0], None, None])
    for given in (tmp_path, str(tmp_path), real, [real[:2], real[2:]], [dataset]):
        np.testing.assert_array_equal(nearest_real(made, given).indices, [5, 0])


def test_sequences_are_compared_as_sequences(pictures):
    movie = pictures(frames=6, size=(32, 32), channels=2)
    real = np.asarray(movie.frames)[:, :, 0]
    found = nearest_real(fake(np.stack([real[1:4], real[3:6]])), movie)
    np.testing.assert_array_equal(found.indices, [3, 5])
    assert found.images.shape == (2, 3, 2, 32, 32)


def test_real_pictures_are_cut_to_the_generated_field(pictures):
    movie = pictures(frames=2, size=(64, 64), pixel_size=0.5)
    made = fake(np.asarray(movie.frames)[1:, None, 0, :, 16:48, 16:48])
    assert nearest_real(made, movie).distances == pytest.approx(0, abs=1e-4)


def test_what_cannot_be_compared_gets_a_sentence(dataset, pictures):
    made = fake(np.zeros((1, 3, 1, 32, 32)) + np.eye(32))
    with pytest.raises(CellSimError, match="no 3 consecutive"):
        nearest_real(made, pictures(frames=2))
    with pytest.raises(CellSimError, match="dataset is empty"):
        nearest_real(made, [])
    with pytest.raises(CellSimError, match="size from 8 to 32"):
        nearest_real(made, dataset, size=64)
    token = JobToken()
    token.cancel()
    with pytest.raises(JobCancelled):
        nearest_real(made, dataset, token=token)
