"""`adapt`: the file it writes, what it prints, and one sentence for every mistake."""

from __future__ import annotations

import pytest

from napari_cellsim.models import load_model
from napari_cellsim.training import adaptation_course

SHORT = ("--at", 5, "--steps", 2, "--device", "cpu")


@pytest.fixture
def words(files, tmp_path):
    """Command, movie, model and target."""
    model = files / "untrained.safetensors"
    return "adapt", files / "movie.ome.tif", "--model", model, "--out", tmp_path / "own.safetensors", *SHORT


def test_writes_a_model_that_predicts(run, files, words, tmp_path, monkeypatch):
    monkeypatch.setattr(adaptation_course, "LEARNING_RATE", 0.003)
    result = run(*words, "--steps", 20)
    assert result.exit_code == 0, result.output
    assert list(tmp_path.iterdir()) == [tmp_path / "own.safetensors"]
    model = load_model(tmp_path / "own.safetensors")
    told = model.card.training["adaptation"]
    assert model.name == "untrained adapted to movie"
    assert told["movie"]["frames"] == [0, 5]
    assert f"{told['before']:.3f} before, {told['after']:.3f} after" in result.stdout
    assert "Adapted model 'untrained adapted to movie'" in result.stdout
    assert "the best baseline's" in result.stdout
    sources = ("--flow", "classical", "--segmentation", "none", "--device", "cpu")
    target = tmp_path / "p.ome.tif"
    forecast = run(
        "predict", words[1], "--at", 5, "--steps", 2, "--model", words[5], "--out", target, *sources
    )
    assert forecast.exit_code == 0, forecast.output


def test_says_when_it_did_not_help(run, files, words, tmp_path, monkeypatch):
    monkeypatch.setattr(adaptation_course, "LEARNING_RATE", 0.0)
    result = run(*words)
    assert result.exit_code == 0, result.output
    assert "Unchanged model 'untrained'" in result.stdout
    assert "stays as it is" in result.stdout
    assert load_model(tmp_path / "own.safetensors").hash == load_model(files / "untrained.safetensors").hash


def test_quiet_prints_nothing(run, words, monkeypatch):
    monkeypatch.setattr(adaptation_course, "LEARNING_RATE", 0.0)
    result = run(*words, "--quiet", "--interval", 10)
    assert (result.exit_code, result.stdout) == (0, "")


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (("--at", 99), "frames 0 to 7"),
        (("--at", 2), "too few to adapt to"),
        (("--steps", 0, "--minutes", 0), "greater than 0"),
        (("--channel", 3), "channel 3"),
        (("--model", "absent"), "'absent'"),
        (("--out", "own.pt"), "change the file's name"),
        (("--out", "nowhere/own.safetensors"), "there is no folder"),
    ],
)
def test_mistakes_are_one_sentence_and_write_nothing(run, words, tmp_path, monkeypatch, change, word):
    monkeypatch.chdir(tmp_path)
    result = run(*words, *change)
    assert result.exit_code == 2, result.output
    assert word in result.stderr
    assert "Traceback" not in result.output
    assert list(tmp_path.iterdir()) == []


def test_a_model_of_another_kind_and_an_input_as_target_are_refused(run, files, words):
    result = run(*words, "--model", files / "classes.safetensors")
    assert result.exit_code == 2
    assert "cannot forecast" in result.stderr
    result = run(*words, "--out", files / "untrained.safetensors")
    assert result.exit_code == 2
    assert "never overwritten" in result.stderr
