"""The real movies open with the shape and calibration that their sources state."""

from __future__ import annotations

import numpy as np
import pytest

from napari_cellsim.base import CellSimError
from napari_cellsim.data import check_frames, fit_scale, open_timelapse

# file -> shape (T, C, Z, Y, X), dtype, µm per pixel, minutes per frame
_MOVIES = {
    "colony_phylocell_gfp_bin2_T100": ((100, 1, 1, 150, 150), "uint16", 0.156, 3.0),
    "colony_phylocell_labels_T100": ((100, 1, 1, 300, 300), "uint16", 0.078, 3.0),
    "colony_phylocell_phase_T100": ((100, 1, 1, 300, 300), "uint16", 0.078, 3.0),
    "colony_yeastvision_sample1_labels_T10": ((10, 1, 1, 520, 692), "uint16", None, None),
    "colony_yeastvision_sample1_phase_cdc_T10": ((10, 2, 1, 520, 692), "uint16", None, None),
    "still_baby_evolve_pos001_trap031_tp089_Z5": ((1, 1, 5, 81, 81), "uint16", 0.263, None),
    "still_baby_evolve_pos001_trap031_tp089_Z5_labels": ((1, 1, 1, 81, 81), "uint16", 0.263, None),
    "still_baby_evolve_pos013_trap018_tp148_Z5": ((1, 1, 5, 81, 81), "uint16", 0.263, None),
    "still_baby_evolve_pos013_trap018_tp148_Z5_labels": ((1, 1, 1, 81, 81), "uint16", 0.263, None),
    "trap_alcatras_dic_gfp_cy5_part1_T058": ((58, 3, 1, 81, 81), "uint8", 0.263, None),
    "trap_alcatras_dic_part1_T058": ((58, 1, 1, 58, 81), "uint8", 0.263, None),
    "trap_baby_evolve_pos007_trap005_empty_T4Z5": ((4, 1, 5, 81, 81), "uint16", 0.263, None),
    "trap_baby_prime95b_pos005_trap048_T5Z5": ((5, 1, 5, 117, 117), "uint16", 0.18208, None),
    "trap_baby_prime95b_pos005_trap048_T5Z5_labels": ((5, 1, 1, 117, 117), "uint16", 0.18208, None),
}


@pytest.mark.parametrize("name", sorted(_MOVIES))
def test_real_movie(shared_data, name):
    shape, dtype, pixel_size, interval = _MOVIES[name]
    movie = open_timelapse(shared_data / f"{name}.ome.tif")
    assert (movie.frames.shape, movie.dtype, movie.name) == (shape, dtype, name)
    assert (movie.pixel_size, movie.interval) == (pixel_size, interval)
    frames = movie.array([0, -1])
    check_frames(frames)
    scale = fit_scale(frames)
    np.testing.assert_allclose(scale.inverse(scale.forward(frames)), frames, rtol=3e-7, atol=1e-4)


def test_channel_names(shared_data):
    movie = open_timelapse(shared_data / "trap_alcatras_dic_gfp_cy5_part1_T058.ome.tif")
    assert movie.channel_names == ("DIC", "GFP", "Cy5")


def test_stills_are_no_movies(shared_data):
    stills = sorted(shared_data.glob("stills_*.ome.tif"))
    assert stills
    for path in stills:
        with pytest.raises(CellSimError, match="independent pictures"):
            open_timelapse(path)
        assert open_timelapse(path, axes="TYX").n_times > 1


def test_every_real_file_is_in_this_list(shared_data):
    files = {path.name.removesuffix(".ome.tif") for path in shared_data.glob("*.tif")}
    assert {name for name in files if not name.startswith("stills_")} == set(_MOVIES)
