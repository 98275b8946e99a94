"""A stage that wanders."""

from __future__ import annotations

import numpy as np
import pytest

from napari_cellsim import phantom
from napari_cellsim.base import CellSimError


def test_a_drifting_field_moves_and_its_flow_says_so():
    config = phantom.PhantomConfig().changed(microscope={"stage_jitter": 0.0}, mechanics={"burn_in": (0, 0)})
    still, moved = (
        phantom.simulate_field(1, 1, 3, 5, tile=64, pixel_size=0.4, config=config, drift=drift)
        for drift in ((0.0, 0.0), (8.0, -4.0))
    )
    np.testing.assert_allclose(moved.shifts, [(0, 0), (4, -2), (8, -4)])
    assert not still.shifts.any()
    trap = moved.labels == -1
    np.testing.assert_array_equal(trap[2, 20:50, 10:50], (still.labels == -1)[2, 12:42, 14:54])
    np.testing.assert_allclose(
        moved.flow[0][:, trap[1]].T, np.broadcast_to((2, -4), (trap[1].sum(), 2)), atol=1e-5
    )
    np.testing.assert_array_equal(moved.centres, still.centres)


@pytest.mark.parametrize("drift", [(40.0, 0.0), (float("nan"), 0.0)])
def test_a_drift_out_of_the_tile_gets_a_sentence(drift):
    with pytest.raises(CellSimError, match="drift must be"):
        phantom.simulate_field(1, 1, 2, tile=64, pixel_size=0.4, drift=drift)
