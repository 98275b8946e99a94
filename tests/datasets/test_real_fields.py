"""Traps of real chips, found from one drawn rectangle each."""

from __future__ import annotations

import pytest
import tifffile

from napari_cellsim import datasets

FILE = "stills_darmstadt_tyc_fov_N4.ome.tif"


@pytest.mark.parametrize(
    ("picture", "region", "whole"),
    [  # rectangle around one trap, and how many traps lie whole in the picture by eye
        (1, (138, 168, 95, 155), 18),
        (2, (175, 210, 140, 200), 36),
        (3, (166, 210, 430, 500), 14),
    ],
)
def test_every_trap_of_a_real_field_is_found(shared_data, picture, region, whole):
    path = shared_data / FILE
    if not path.is_file():
        pytest.skip(f"{FILE} is not here")
    image = tifffile.imread(path)[picture]
    found = datasets.find_traps(image, datasets.TrapTemplate.from_region(image, region))
    assert len(found) == whole
    assert abs(found.angles[0]) < 1.5
