"""What the Study tab computes away from the GUI thread. Nothing here knows Qt, a layer or a viewer.

The classifiers are trained in a thread, as an adaptation is: they are small, the job can be cancelled between two
small steps, and torch lets go of the interpreter inside its kernels. Forecasts and generators of other docks need not
wait, which they would for hours: none of them shares networks with these trainings or draws from the same chance.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING

from ..base import Event, JobToken, Progress
from .evaluate_request import AugmentationRequest
from .first_import import import_numerics

if TYPE_CHECKING:
    from ..evaluation import AugmentationStudy

_COMMON = {"channels": 3, "fit": "crop", "background": "border"}
"""How the command line reads pictures; it has no options for that."""


def augmentation_work(
    request: AugmentationRequest, token: JobToken
) -> Generator[Event, None, AugmentationStudy]:
    """Train classifiers with and without generated pictures, and compare.

    Yields
    ------
    Progress
    """
    yield Progress(0, 0, "Loading PyTorch")
    import_numerics()
    from ..training import augmentation_study_job
    from ..training.study_settings import study_settings

    config, schedule = study_settings(
        request.real, data=request.photographs, fit={"steps": request.steps, "device": request.device}
    )
    yield Progress(0, 0, "Reading the pictures")
    return (
        yield from augmentation_study_job(
            config,
            request.generated,
            initialisations=request.initialisations,
            per_class=request.per_class,
            schedule=schedule,
            seed=request.seed,
            folder=request.folder,
            command=_command(request),
            token=token,
        )
    )


def _command(request: AugmentationRequest) -> str | None:
    """Return the command line that gives the same numbers again; None where it has no words for it."""
    from ..training.study_settings import SCHEDULE, study_command

    pictures = request.photographs
    if any(pictures[name] != usual for name, usual in _COMMON.items()):
        return None
    return study_command(
        request.real,
        request.generated,
        initialisations=request.initialisations,
        per_class=",".join(map(str, request.per_class)),
        size=pictures["size"],
        steps=None if request.steps == SCHEDULE.steps else request.steps,
        split=pictures.get("split"),
        seed=request.seed,
        device=None if request.device == SCHEDULE.device else request.device,
    )
