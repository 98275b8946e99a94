"""From a whole field of view to a dataset: are all traps found, is their drift followed, how long do the crops take?

A phantom field (2048², 64 traps, 20 frames, 3 focal planes, 30 px of drift, dust that stays) is simulated once and kept
as single TIFFs in the folder given by --data. Writes results/crops.json.

    python benchmarks/crops.py [--data /somewhere/large] [--frames 20] [--small-files 20000]
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from _machine import record

from napari_cellsim import datasets, phantom
from napari_cellsim.base import run
from napari_cellsim.data import TrapGeometry

TILES, TILE, PIXEL = 8, 256, 0.108
PLANES = (-0.8, 0.0, 0.8)
DRIFT = (24.0, -18.0)


def make_field(data: Path, frames: int) -> Path:
    """Simulate the field unless it is there: position/plane/time.tif, and the truth beside it."""
    root = data / f"field-{frames}"
    if root.is_dir():
        return root
    draft = root.with_name(root.name + ".part")
    shutil.rmtree(draft, ignore_errors=True)
    config = phantom.PhantomConfig().changed(biology={"empty_trap": 0.1})
    field = phantom.simulate_field(
        TILES, TILES, frames, 4, tile=TILE, pixel_size=PIXEL, planes=PLANES, config=config, drift=DRIFT
    )
    for plane in range(len(PLANES)):
        folder = draft / "experiment" / "position0" / f"focus{plane}"
        folder.mkdir(parents=True)
        for t in range(frames):
            tifffile.imwrite(folder / f"frame_{t:03d}.tif", field.images[t, plane])
    np.save(draft / "semantic.npy", field.semantic)
    truth = {"centres": field.centres.tolist(), "shifts": field.shifts.tolist(), "interval": field.interval}
    (draft / "truth.json").write_text(json.dumps(truth))
    draft.rename(root)
    return root


def small_files(count: int) -> dict[str, float]:
    """Time opening an experiment of many small TIFFs: 10 positions, 4 planes, the rest times."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        first = root / "picture.tif"
        tifffile.imwrite(first, np.arange(64, dtype=np.uint16).reshape(8, 8))
        content = first.read_bytes()
        first.unlink()
        for n in range(count):
            position, plane, t = n % 10, n // 10 % 4, n // 40
            name = root / f"pos{position}" / f"img_t{t:05d}_z{plane}.tif"
            name.parent.mkdir(exist_ok=True)
            name.write_bytes(content)
        began = time.perf_counter()
        experiment = datasets.open_experiment(root)
        listed = time.perf_counter() - began
        movies = [position.timelapse() for position in experiment.positions]
        assert sum(m.n_times * m.n_planes for m in movies) == count
        return {"files": count, "list_s": listed, "all_positions_as_movies_s": time.perf_counter() - began}


def findings(experiment: datasets.Experiment, truth: dict[str, Any]) -> dict[str, Any]:
    """Recall, precision and centre error in the first frame, per focal plane, and how hits and errors separate."""
    centres = np.array(truth["centres"]) + np.array(truth["shifts"][0])
    movie = experiment.positions[0].timelapse()
    y, x = centres[9].round().astype(int)
    rows = {}
    for plane in range(len(PLANES)):
        image = movie.array([0], plane=plane)[0]
        drawn = datasets.TrapTemplate.from_region(image, (y - 50, y + 51, x - 70, x + 71))
        for name, template in (("geometry", TrapGeometry.nominal("tear_drop")), ("drawn rectangle", drawn)):
            began, cpu = time.perf_counter(), time.process_time()
            found = datasets.find_traps(image, template, PIXEL, threshold=0.2)
            row: dict[str, Any] = {"wall_s": time.perf_counter() - began, "cpu_s": time.process_time() - cpu}
            away = np.hypot(*(centres[:, None] - found.centres[None]).transpose(2, 0, 1))
            true = (away < 15).any(0)
            row["lowest_score_of_a_trap"] = float(found.scores[true].min())
            row["highest_score_of_no_trap"] = float(found.scores[~true].max()) if (~true).any() else None
            kept = found.scores >= 0.4
            row["recall"] = float((away[:, kept].min(1) < 15).mean())
            row["precision"] = float(true[kept].mean())
            row["centre_error_px_median"] = float(np.median(away[:, kept].min(1)))
            row["centre_error_px_largest"] = float(away[:, kept].min(1).max())
            rows[f"plane {PLANES[plane]:+} um, {name}"] = row
    return rows


def crops(experiment: datasets.Experiment, truth: dict[str, Any]) -> dict[str, Any]:
    """Find, follow and cut everything with two threads; the drift against the truth."""
    began, cpu = time.perf_counter(), time.process_time()
    located = run(datasets.locate_job(experiment.positions[0], TrapGeometry.nominal("tear_drop")))
    row: dict[str, Any] = {"locate_s": time.perf_counter() - began, "locate_cpu_s": time.process_time() - cpu}
    shifts = np.array(truth["shifts"])
    error = np.hypot(*(located.track.shifts - (shifts - shifts[0])).T)
    row["drift_px"] = float(np.hypot(*(shifts[-1] - shifts[0])))
    row["drift_error_px_largest"] = float(error.max())
    with tempfile.TemporaryDirectory() as folder:
        began, cpu = time.perf_counter(), time.process_time()
        store = run(
            datasets.crop_job(experiment, Path(folder) / "crops.zarr", [located], size=256, workers=2)
        )
        row["crop_s"], row["crop_cpu_s"] = time.perf_counter() - began, time.process_time() - cpu
        row["traps"], row["left_out_at_border"] = len(store), len(store.left_out)
        row["pictures"] = sum(1 for _ in store.manifest())
        size = sum(f.stat().st_size for f in store.path.rglob("*") if f.is_file())
        row["store_mb"] = size / 1e6
    row["peak_memory_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return row


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=Path(tempfile.gettempdir()) / "cellsim-crops")
    parser.add_argument("--frames", type=int, default=20)
    parser.add_argument("--small-files", type=int, default=20_000)
    options = parser.parse_args()
    options.data.mkdir(parents=True, exist_ok=True)
    root = make_field(options.data, options.frames)
    truth = json.loads((root / "truth.json").read_text())
    experiment = datasets.open_experiment(root / "experiment", pixel_size=PIXEL, interval=truth["interval"])
    # first, because the memory that is asked for at the end is the largest of this process
    results = {"crops": crops(experiment, truth), "traps": findings(experiment, truth)}
    results["opening"] = small_files(options.small_files)
    for part, rows in results.items():
        print(part)
        for name, value in rows.items():
            print(f"  {name:34s} {value}")
    record("crops", {"field": "2048 x 2048, 64 traps, 20 frames, 3 planes", **results})


if __name__ == "__main__":
    main()
