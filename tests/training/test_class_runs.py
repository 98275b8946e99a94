"""Runs that follow on each other: one model per class of a folder of photographs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from napari_cellsim.base import CellSimError, JobCancelled, JobToken
from napari_cellsim.models import load_model
from napari_cellsim.training import (
    FitConfig,
    RunFolder,
    SlurmConfig,
    StepLogged,
    read_run,
    supervision,
    train,
    write_run,
)
from napari_cellsim.training.class_runs import split_by_class
from napari_cellsim.training.run import next_run
from napari_cellsim.training.runs import ACTIVE
from napari_cellsim.training.supervision import Ended, StateSeen, launch, watch

CLASSES = ("benthic", "planktic", "sediment")


@pytest.fixture(scope="module")
def photographs(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("forams")
    random = np.random.default_rng(0)
    for name in CLASSES:
        (root / name).mkdir()
        for number in range(12):
            Image.fromarray(random.integers(0, 256, (8, 8, 3), np.uint8)).save(root / name / f"{number}.png")
    return root


@pytest.fixture
def together(photographs, tmp_path) -> Path:
    """The folder of a run of all classes."""
    data = {"folder": str(photographs), "size": 8, "batch": 2}
    settings = {"data": data, "overrides": {"latent": 4, "widths": [4] * 9}}
    return write_run(tmp_path / "forams", "msggan", settings, FitConfig(steps=2, log_every=1)).parent


def drain(watching):
    seen = []
    while True:
        try:
            seen.append(next(watching))
        except StopIteration as stop:
            return stop.value, seen


def test_a_run_per_class_each_followed_by_the_next(together):
    settings = read_run(together / "run.toml").settings
    write_run(together, "msggan", settings, FitConfig(steps=2), slurm=SlurmConfig(gpus=1))
    folders = split_by_class(together)
    assert [folder.name for folder in folders] == [f"forams ({name})" for name in CLASSES]
    runs = [read_run(folder / "run.toml") for folder in folders]
    assert [run.settings["data"]["classes"] for run in runs] == [[name] for name in CLASSES]
    assert [run.settings["model_name"] for run in runs] == [f"forams ({name})" for name in CLASSES]
    assert {run.settings["data"]["size"] for run in runs} == {8}
    assert {run.fit.steps for run in runs} == {2}
    assert {run.slurm.gpus for run in runs} == {1}
    assert [next_run(folder) for folder in folders] == [*folders[1:], None]


def test_some_classes_and_a_name_for_the_models(together):
    settings = read_run(together / "run.toml").settings
    settings = {
        **settings,
        "model_name": "my",
        "data": {**settings["data"], "classes": ["sediment", "benthic"]},
    }
    write_run(together, "msggan", settings, FitConfig(steps=1))
    folders = split_by_class(together)
    assert [folder.name for folder in folders] == ["forams (sediment)", "forams (benthic)"]
    assert read_run(folders[0] / "run.toml").settings["model_name"] == "my (sediment)"


def test_all_are_trained_one_after_the_other_and_the_same_call_goes_on(together):
    first, second, third = split_by_class(together)
    token = JobToken()
    begun = train(first, token)
    steps = (event for event in begun if isinstance(event, StepLogged))
    assert [next(steps).step for _ in range(3)] == [1, 2, 1]  # in the middle of the second run
    token.cancel()
    with pytest.raises(JobCancelled):
        list(begun)
    assert (first / "final.safetensors").is_file()
    assert RunFolder(second).state()["status"] == "cancelled"
    assert not (third / "final.safetensors").exists()
    events = list(train(first))
    assert sum(isinstance(event, StepLogged) for event in events) == 3, "nothing is done twice"
    for folder, name in zip((first, second, third), CLASSES, strict=True):
        card = load_model(folder / "final.safetensors").card
        assert list(card.training["classes"]) == [name]


def test_a_run_that_is_stopped_is_the_last_one(together):
    first, second, _ = split_by_class(together)
    for event in train(first):
        if isinstance(event, StepLogged):
            RunFolder(first).control("stop")
    assert RunFolder(first).state()["status"] == "stopped"
    assert not (second / "state.json").exists()


def test_circles_end_with_a_sentence(together):
    first, *_, last = split_by_class(together)
    run = read_run(last / "run.toml")
    write_run(last, run.recipe, run.settings, run.fit, then=f"../{first.name}")
    with pytest.raises(CellSimError, match="in a circle"):
        list(train(first))


def test_a_missing_run_to_follow_gets_a_sentence(together):
    run = read_run(together / "run.toml")
    write_run(together, run.recipe, run.settings, run.fit, then="../nowhere")
    with pytest.raises(CellSimError, match=r"nowhere.run\.toml cannot be read"):
        list(train(together))
    assert (together / "final.safetensors").is_file()


@pytest.mark.parametrize("known", [True, False])
def test_whoever_watches_is_led_from_run_to_run(together, known, monkeypatch):
    """With the process at hand as after Start, and without as when napari was closed meanwhile."""
    monkeypatch.setattr(supervision, "NICENESS", 0)
    settings = read_run(together / "run.toml").settings
    write_run(together, "msggan", settings, FitConfig(minutes=0.04))  # long enough to be seen at work
    folders = split_by_class(together)
    process = launch(folders[0])
    try:
        run, seen = folders[0], []
        while run is not None:
            ended, events = drain(watch(run, process if known else None))
            assert isinstance(ended, Ended)
            assert ended.status == "finished"
            assert ended.model == run / "final.safetensors"
            seen.append(run)
            assert next(e.status for e in events if isinstance(e, StateSeen)) in ACTIVE
            run = ended.following
        assert seen == folders
        assert process.wait(60) == 0
        # a run that was over before is shown alone
        assert drain(watch(folders[0]))[0].following is None
    finally:
        process.kill()


def test_only_generators_of_photographs_have_classes(together, tmp_path):
    run = read_run(together / "run.toml")
    for recipe, settings in (("classifier", run.settings), ("cellgan", {}), ("vae", run.settings)):
        write_run(tmp_path / "other", recipe, settings, run.fit)
        with pytest.raises(CellSimError, match="cannot have one model per class"):
            split_by_class(tmp_path / "other")
    settings = {**run.settings, "data": {"folder": str(tmp_path / "nowhere")}}
    write_run(tmp_path / "other", "msggan", settings, run.fit)
    with pytest.raises(CellSimError, match="There is no folder"):
        split_by_class(tmp_path / "other")


def test_on_the_command_line(together):
    command = [sys.executable, "-m", "napari_cellsim", "train", str(together), "--per-class"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    heads = [line for line in done.stdout.splitlines() if line.startswith("Training msggan in ")]
    assert [f"forams ({name})" in head for name, head in zip(CLASSES, heads, strict=True)] == [True] * 3
    assert all((together.with_name(f"forams ({name})") / "final.safetensors").is_file() for name in CLASSES)
