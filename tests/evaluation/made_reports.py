"""Reports with chosen scores."""

from __future__ import annotations

from napari_cellsim.evaluation.report import METHODS, Horizon, RegionScores, Report, Scores


def scores(mse: float, cells: float | None = None) -> Scores:
    rest = {"l1": mse, "psnr": 20.0, "ssim": 1 - mse, "mse_z": mse, "l1_z": mse, "sharpness": 1.0}
    inside = None if cells is None else RegionScores(mse=cells, **rest)
    return Scores(mse=mse, **rest, psnr_thesis=1.0, ssim_thesis=1.0, cells=inside)


def report(
    sequence: str, model: float, copy: float, blurred: float, flow: float, horizon=1, name="m"
) -> Report:
    found = Horizon(
        horizon=horizon,
        frame=3 + horizon,
        minutes=None,
        mse_ratio=None,
        **{m: scores(v, v / 2) for m, v in zip(METHODS, (model, copy, blurred, flow), strict=True)},
    )
    return Report(
        input=sequence,
        sequence=sequence,
        at=3,
        steps=1,
        channel=0,
        plane=0,
        region=None,
        pixel_size=None,
        interval=None,
        model={"name": name, "hash": "0"},
        blur_sigma=[0.7],
        blur_tuned_on="validation sequences",
        horizons=[found],
    )
