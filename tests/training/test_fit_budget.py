"""Budgets, the best checkpoint, and what is exported."""

from __future__ import annotations

import pytest
import torch
from lines import SETTINGS, new_line
from safetensors.torch import load_file

from napari_cellsim.base import CellSimError
from napari_cellsim.training import CheckpointSaved, Finished, FitConfig, Resumed, StepLogged, Validated, fit
from napari_cellsim.training.checkpoints import best_checkpoint, list_checkpoints, load_modules

METRICS = {20: 0.5, 40: 0.2, 60: 0.3, 80: 0.4}


def line_with_samples(count):
    recipe = new_line()
    recipe._feeder = range(count)
    return recipe


@pytest.mark.parametrize(
    ("budget", "steps"),
    [
        ({"steps": 5}, 5),
        ({"images": 80}, 5),  # batches of 16
        ({"images": 81}, 6),
        ({"epochs": 2}, 9),  # of 70 samples
        ({"epochs": 0.5, "steps": 100}, 3),
        ({"images": 1000, "steps": 4, "minutes": 60}, 4),
    ],
)
def test_the_first_budget_that_is_used_up_ends_the_run(tmp_path, budget, steps):
    *_, last = fit(line_with_samples(70), FitConfig(**budget), tmp_path)
    assert isinstance(last, Finished)
    assert last.step == steps


def test_minutes_end_a_run_that_has_steps_left(tmp_path):
    *_, last = fit(new_line(), FitConfig(steps=10**9, minutes=0.005), tmp_path)
    assert 0 < last.step < 10**9


def test_epochs_of_a_recipe_without_a_count_are_refused(tmp_path):
    with pytest.raises(CellSimError, match="'line' does not know how many samples"):
        next(fit(new_line(), FitConfig(epochs=1), tmp_path))


def scripted_line():
    """A line whose validation gives the numbers above."""
    recipe = new_line()
    recipe.steps_done = 0
    plain_step, recipe.validate = recipe.train_step, lambda: {"loss": METRICS[recipe.steps_done]}

    def train_step(batch, progress):
        recipe.steps_done = round(progress * 80) + 1
        return plain_step(batch, progress)

    recipe.train_step = train_step
    return recipe


def scripted_run(folder, **changes):
    config = SETTINGS.model_copy(update={"steps": 80, "checkpoint_every": 10, "keep": 1, **changes})
    return fit(scripted_line(), config, folder)


def exported(folder):
    return load_file(folder / "final.safetensors")


def state_at(folder, step):
    tensors = load_file(folder / "checkpoints" / f"step-{step:08d}" / "tensors.safetensors")
    return {
        name.removeprefix("average/"): value for name, value in tensors.items() if name.startswith("average/")
    }


def equal(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def test_the_best_checkpoint_is_kept_and_reported(tmp_path):
    events = list(scripted_run(tmp_path))
    assert [(e.step, e.best) for e in events if isinstance(e, Validated)] == [
        (20, True),
        (40, True),
        (60, False),
        (80, False),
    ]
    assert (events[-1].best_step, events[-1].best) == (40, 0.2)
    assert [path.name for path in list_checkpoints(tmp_path / "checkpoints")] == [
        "step-00000040",
        "step-00000080",
    ]
    assert best_checkpoint(tmp_path / "checkpoints").name == "step-00000040"
    assert equal(exported(tmp_path), state_at(tmp_path, 80))
    recipe = new_line()
    load_modules(tmp_path, recipe, best=True)
    assert equal(dict(recipe.modules.state_dict()), state_at(tmp_path, 40))


def test_the_best_weights_can_be_exported(tmp_path):
    list(scripted_run(tmp_path, export="best"))
    assert equal(exported(tmp_path), state_at(tmp_path, 40))


def test_a_resumed_run_remembers_its_best(tmp_path):
    for event in scripted_run(tmp_path):
        if isinstance(event, CheckpointSaved) and event.step == 50:
            break
    first, *_, last = scripted_run(tmp_path)
    assert isinstance(first, Resumed)
    assert (last.best_step, last.best) == (40, 0.2)
    assert best_checkpoint(tmp_path / "checkpoints").name == "step-00000040"


def test_progress_tells_time_and_memory(tmp_path):
    first, second = [e for e in fit(new_line(), FitConfig(steps=40), tmp_path) if isinstance(e, StepLogged)]
    assert 0 < first.seconds < second.seconds
    # half of the steps are done; a clock of whole milliseconds is read a little later than `seconds`
    assert first.seconds_left == pytest.approx(first.seconds, rel=0.2, abs=0.01)
    assert second.seconds_left == 0
    assert first.memory is None or first.memory > 10**7
