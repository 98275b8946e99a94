"""Nothing after `last_frame` is read from a crop store."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile

from napari_cellsim import datasets
from napari_cellsim.base import CellSimError
from napari_cellsim.datasets.finding import Traps
from napari_cellsim.training import DataConfig
from napari_cellsim.training.augmentation import Augmentation


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """Three traps, ten frames in windows of five; all pixels of a frame have the same value: its number."""
    root = tmp_path_factory.mktemp("chip")
    frames = np.broadcast_to(np.arange(10, dtype=np.uint16)[:, None, None], (10, 40, 120))
    (root / "field").mkdir()
    tifffile.imwrite(root / "field" / "p.tif", np.ascontiguousarray(frames), metadata={"axes": "TYX"})
    experiment = datasets.open_experiment(root / "field", pixel_size=0.1, interval=10)
    traps = Traps.from_centres([(20, 20), (20, 60), (20, 100)], (32, 32))
    located = datasets.Located(experiment.positions[0].name, traps, datasets.Track.still(10))
    crops = datasets.run(datasets.crop_job(experiment, root / "crops.zarr", [located], size=32, workers=1))
    datasets.make_split(crops, datasets.Curation(crops, 5).kept(), (0.34, 0.33, 0.33)).save(crops)
    return crops.path


def values(sequences):
    return sorted(int(v) for s in sequences for v in np.asarray(s.images[:, 0, 0]))


def test_windows_are_cut_and_later_ones_left_out(store):
    def data(last):
        return DataConfig(
            folder=str(store), batch=2, crop=16, last_frame=last, augmentation=Augmentation.none()
        )

    assert values(data(None).sequences("train")) == list(range(10))
    assert [s.info["first_frame"] for s in data(None).sequences("train")] == [0, 5]
    assert values(data(6).sequences("train")) == list(range(7))
    assert values(data(6).sequences("validation")) == list(range(7))
    assert values(data(2).sequences("train")) == [0, 1, 2]
    # sequences that have become too short are passed over
    feeder = data(6).feeder(history=2)
    for step in range(5):
        assert feeder(step, 4).images.shape == (2, 4, 1, 16, 16)
    with pytest.raises(CellSimError, match="has 3 frames, but 4 are needed"):
        data(2).feeder(history=2)(0, 4)
    with pytest.raises(CellSimError, match="have at most 3 frames, but 8 are needed"):
        data(2).validation(3, 8)
