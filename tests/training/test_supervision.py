"""A training in a process of its own: started, followed, killed, found."""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import time
from pathlib import Path

import pytest
from discs import write_discs
from lines import SETTINGS, new_line

from napari_cellsim.base import CellSimError, JobCancelled, JobToken, now
from napari_cellsim.training import FitConfig, RunFolder, StepLogged, fit, write_run
from napari_cellsim.training import supervision as supervision_module
from napari_cellsim.training.describing import attribute_sentences, read_catalogue
from napari_cellsim.training.errands import ask_process
from napari_cellsim.training.probe import probe
from napari_cellsim.training.run_folder import in_use
from napari_cellsim.training.runs import list_runs, look
from napari_cellsim.training.supervision import (
    EventLines,
    Recorded,
    event_of,
    last_words,
    launch,
    watch,
)

TINY = {"overrides": {"widths": [8, 8, 12, 12], "latent": 8}}


@pytest.fixture(autouse=True)
def _in_a_hurry(monkeypatch):
    """A child at low priority would wait for every other process of a busy machine."""
    monkeypatch.setattr(supervision_module, "NICENESS", 0)


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    store = write_discs(tmp_path_factory.mktemp("discs"))
    return {"data": {"folder": str(store), "size": 32, "batch": 4}, **TINY, "model_name": "tiny"}


def write(folder: Path, settings, **fit_settings) -> Path:
    write_run(folder, "vae", settings, FitConfig(**{"log_every": 2, "checkpoint_every": 4, **fit_settings}))
    return folder


def test_launched_killed_resumed(settings, tmp_path, monkeypatch):
    monkeypatch.setattr(supervision_module, "NICENESS", 3)
    run = write(tmp_path / "run", settings, steps=1_000_000)
    process = launch(run)
    assert process.pid != os.getpid()
    if sys.platform != "win32":
        assert os.getsid(process.pid) != os.getsid(0)
        assert os.getpriority(os.PRIO_PROCESS, process.pid) == os.getpriority(os.PRIO_PROCESS, 0) + 3
    assert look(run).status == "starting"
    with pytest.raises(CellSimError, match="trained already"):
        launch(run)
    steps, following = [], watch(run, process)
    for event in following:
        if isinstance(event, Recorded):
            steps += [logged.step for logged in event.events if isinstance(logged, StepLogged)]
        if len(steps) > 4:
            break
    assert steps == list(range(2, 2 + 2 * len(steps), 2))
    assert in_use(run)
    assert look(run).status == "running"
    following.close()  # only the watching ends
    assert process.poll() is None

    # found by somebody who knows nothing but the folder
    token, stranger = JobToken(), watch(run)
    assert isinstance(next(stranger), Recorded)
    process.send_signal(signal.SIGTERM if sys.platform == "win32" else signal.SIGKILL)
    process.wait()
    with pytest.raises(CellSimError, match=r"is gone .* Resume .*train\.log"):
        list(stranger)
    assert look(run).status == "dead"
    if sys.platform != "win32":
        with pytest.raises(CellSimError, match="killed by signal 9"):
            list(watch(run, process, token))

    write(run, settings, steps=RunFolder(run).state()["step"] + 6)
    ended = _end_of(watch(run, launch(run)))
    assert ended.status == "finished"
    assert ended.model == run / "final.safetensors"
    assert ended.model.is_file()
    assert look(run).status == "finished"
    assert not in_use(run)


def _end_of(generator):
    while True:
        try:
            next(generator)
        except StopIteration as stop:
            return stop.value


def test_what_fails_at_once_is_said_in_one_sentence(settings, tmp_path):
    nowhere = {**settings, "data": {"folder": str(tmp_path / "nowhere")}}
    run = write(tmp_path / "run", nowhere, steps=2)
    sentence = r"The training failed: There are no training sequences in .*nowhere"
    with pytest.raises(CellSimError, match=sentence) as told:
        list(watch(run, launch(run)))
    assert "train.log" in str(told.value)
    assert look(run).status == "failed"
    with pytest.raises(CellSimError, match="no training sequences"):
        probe(run)


def test_probe_tells_the_time_and_leaves_the_run_alone(settings, tmp_path):
    run = write(tmp_path / "run", settings, steps=1000, validate_every=100)
    found = probe(run, steps=6)
    assert found.steps == 4
    assert found.seconds >= 1000 * found.seconds_per_step
    assert found.images_per_second == pytest.approx(4 / found.seconds_per_step)
    assert sorted(path.name for path in run.iterdir()) == ["run.toml"]


def test_errand_ends_when_cancelled():
    token = JobToken()
    token.cancel()
    with pytest.raises(JobCancelled):
        ask_process("training.describing", token=token)


def test_catalogue_describes_every_recipe():
    from napari_cellsim.training import RECIPES

    found = read_catalogue()
    assert set(found.schemas) == set(RECIPES)
    assert found.schemas["vae"]["properties"]["kl"]["default"] == 1.0
    assert set(found.stages["lite"]) >= {"flow", "kernel_init", "fine_tune"}
    assert {"auto", "cpu"} <= set(found.devices)
    for schema in found.schemas.values():
        sentences = attribute_sentences(schema["description"])
        assert set(schema["properties"]) <= set(sentences), schema["title"]


def cancelled_at(step: int, folder: RunFolder) -> int:
    """Train, ask to cancel after a step, and return the step reached."""
    reached = 0
    for event in fit(new_line(), SETTINGS, folder.path):
        reached = event.step
        if reached == step:
            folder.control("cancel")
    return reached


def test_cancelled_through_the_folder(tmp_path):
    folder = RunFolder(tmp_path)
    with pytest.raises(JobCancelled):
        cancelled_at(10, folder)
    assert (folder.state()["status"], folder.state()["step"]) == ("cancelled", 10)
    assert not folder.final.exists()
    assert list(fit(new_line(), SETTINGS, tmp_path))[-1].step == 60  # and resumed


def test_finished_is_the_last_word(tmp_path):
    for event in fit(new_line(), SETTINGS, tmp_path):
        if event.step == 59:
            time.sleep(2.1)  # the next sign of life is due
    assert RunFolder(tmp_path).state()["status"] == "finished"


def test_asked_while_it_was_starting(tmp_path):
    folder = RunFolder(tmp_path)
    folder.write_state("starting", 0)
    folder.control("stop")
    events = list(fit(new_line(), SETTINGS, tmp_path))
    assert events[-1].stopped
    assert events[-1].step == 0
    assert len(list(fit(new_line(), SETTINGS, tmp_path))) > 5, "a later start goes on as usual"


def test_events_are_read_once_and_anew_when_rewritten(tmp_path):
    folder = RunFolder(tmp_path)
    lines = EventLines(tmp_path / "events.jsonl")
    assert list(lines.read()) == []
    for step in (10, 20):
        folder.append(StepLogged(step, {"loss": 1.0}, 5.0, 1e-3, 0.1))
    (first,) = lines.read()
    assert [event.step for event in first.events] == [10, 20]
    assert first.afresh
    with lines.path.open("a") as file:
        file.write('{"event": "StepLogged", "st')  # a line that is being written
    assert list(lines.read()) == []
    with lines.path.open("a") as file:
        file.write('ep": 30, "losses": {}, "images_per_second": 1, "learning_rate": 0, "progress": 0}\n')
    (second,) = lines.read()
    assert ([event.step for event in second.events], second.afresh) == ([30], False)
    folder.forget_events_after(10)
    (again,) = lines.read()
    assert ([event.step for event in again.events], again.afresh) == ([10], True)


@pytest.mark.parametrize(
    "line", ["", "{", "[]", '{"event": "Gone", "step": 1}', '{"event": "StepLogged", "step": 1}']
)
def test_lines_of_other_versions_are_left_out(line):
    assert event_of(line) is None


def test_list_of_runs_tells_their_states(settings, tmp_path):
    for name in ("new", "here", "elsewhere", "silent"):
        write(tmp_path / name, settings, steps=1)
    (tmp_path / "no run").mkdir()
    for name, host in (
        ("here", socket.gethostname()),
        ("elsewhere", "another-machine"),
        ("silent", "another-machine"),
    ):
        RunFolder(tmp_path / name).write_state("running", 5, 0.5)
        state = RunFolder(tmp_path / name).state() | {"host": host}
        if name == "silent":
            state["heartbeat"] = "2020-01-01T00:00:00+00:00"
        (tmp_path / name / "state.json").write_text(json.dumps(state))
    (tmp_path / "here" / "lock").touch()
    states = {run.path.name: run.status for run in list_runs(tmp_path)}
    assert states == {"new": "new", "here": "dead", "elsewhere": "running", "silent": "dead"}
    with RunFolder(tmp_path / "here").locked():
        assert look(tmp_path / "here").active
    assert list_runs(tmp_path / "nowhere") == []
    (tmp_path / "new" / "run.toml").write_text("recipe = ")
    assert look(tmp_path / "new").recipe == ""
    assert look(tmp_path / "no run") is None


def test_last_words(tmp_path):
    log = tmp_path / "train.log"
    assert last_words(log) == ""
    log.write_text("one\nError: two\n\n")
    assert last_words(log) == "Error: two"


def test_state_says_when_it_fails_before_the_first_step(settings, tmp_path):
    folder = RunFolder(tmp_path)
    folder.write_state("starting", 7, 0.2)
    folder.note_failure("It is broken.")
    assert folder.state()["status"] == "failed"
    assert (folder.state()["step"], folder.state()["message"]) == (7, "It is broken.")
    assert folder.state()["heartbeat"] <= now()
