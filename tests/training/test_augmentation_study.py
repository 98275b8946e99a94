"""The augmentation study on shells: what is compared, what is refused, what is repeated."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from napari_cellsim import phantom
from napari_cellsim.base import CellSimError, Progress
from napari_cellsim.evaluation import AugmentationStudy
from napari_cellsim.evaluation.comparison import Estimate
from napari_cellsim.models import Model, ModelCard
from napari_cellsim.training import (
    ClassifierConfig,
    ClassifierData,
    FitConfig,
    augmentation_study,
    augmentation_study_job,
)
from napari_cellsim.training.specimen_pictures import fingerprints

CLASSES = ("spiral", "grain")
TINY = {"widths": [8, 8], "hidden": [8], "dropout": 0.2}
SCHEDULE = FitConfig(steps=3, validate_every=1, export="best", checkpoint_every=0)


def write_shells(root: Path, count: int, seed: int = 0) -> Path:
    for name in CLASSES:
        (root / name).mkdir(parents=True)
        for number, picture in enumerate(phantom.simulate_shells(count, seed, size=16, classes=name).images):
            Image.fromarray(picture.transpose(1, 2, 0)).save(root / name / f"{number:03d}.png")
    return root


@pytest.fixture(scope="module")
def shells(tmp_path_factory) -> Path:
    return write_shells(tmp_path_factory.mktemp("study") / "shells", 20)


@pytest.fixture(scope="module")
def generated(tmp_path_factory) -> Path:
    return write_shells(tmp_path_factory.mktemp("study") / "generated", 10, seed=50)


def config(folder: Path) -> ClassifierConfig:
    data = ClassifierData(folder=str(folder), size=16, batch=8)
    return ClassifierConfig(data=data, overrides=TINY)


@pytest.fixture(scope="module")
def runs(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="module")
def study(shells, generated, runs) -> AugmentationStudy:
    return augmentation_study(
        config(shells),
        generated,
        initialisations=2,
        per_class=(4, 8),
        schedule=SCHEDULE,
        folder=runs,
        dropout_samples=4,
        command="napari-cellsim study shells",
    )


def test_every_arm_has_every_initialisation(study):
    assert [arm.per_class for arm in study.arms] == [0, 4, 8]
    assert [[one.seed for one in arm.trainings] for arm in study.arms] == [[0, 1]] * 3
    assert [test.per_class for test in study.tests] == [4, 8]
    assert len(study.test) == len(study.truth) == 4
    for arm in study.arms:
        for one in arm.trainings:
            assert one.accuracy == np.mean(np.array(one.guesses) == study.truth)
            assert 1 <= one.best_step <= one.steps == 3
    assert not any(test.significant for test in study.tests)
    assert all("not significant" in test.conclusion for test in study.tests)
    assert any("no p below 1 is" in line for line in study.warnings)
    assert any("does not say what its generator learnt from" in line for line in study.warnings)
    assert study.generated[0].pictures == 20
    assert [one.accuracy for one in study.real] == [one.accuracy for one in study.arms[0].trainings]
    assert {case.name for case in study.uncertain} == set(study.test)


def test_the_verdict_says_what_is_significant(study):
    assert study.verdict == (
        "No significant difference: the study does not show that generated pictures help or harm."
    )
    few, many = (
        test.model_copy(
            update={"significant": True, "difference": Estimate(value=value, low=None, high=None)}
        )
        for test, value in zip(study.tests, (0.02, -0.03), strict=True)
    )
    both = study.model_copy(update={"tests": [few, many]})
    assert both.verdict == (
        "A significant difference: generated pictures help with 4 per class, and harm with 8 per class."
    )
    one = study.model_copy(update={"tests": [study.tests[0], many]})
    assert one.verdict == "A significant difference: generated pictures harm with 8 per class."


def test_it_is_written_as_page_numbers_and_json(study, tmp_path):
    for suffix in (".html", ".csv", ".json"):
        study.save(tmp_path / f"s{suffix}")
    assert AugmentationStudy.open(tmp_path / "s.json").model_dump() == study.model_dump()
    rows = list(csv.DictReader(io.StringIO((tmp_path / "s.csv").read_text())))
    assert sum(row["part"] == "training" and row["metric"] == "accuracy" for row in rows) == 6
    page = (tmp_path / "s.html").read_text()
    for text in (
        "not significant",
        "napari-cellsim study shells",
        "data:image/jpeg",
        "Monte-Carlo",
        "spiral",
    ):
        assert text in page
    assert "not significant" in study.table()


def test_finished_trainings_are_not_repeated_and_others_are_not_mixed_in(study, shells, generated, runs):
    before = {path: path.stat().st_mtime_ns for path in runs.rglob("final.safetensors")}
    assert len(before) == 6
    options = {"initialisations": 2, "schedule": SCHEDULE, "folder": runs, "dropout_samples": 0}
    again = augmentation_study(config(shells), generated, per_class=(8,), **options)
    assert again.arms == [study.arms[0], study.arms[2]]
    assert {path: path.stat().st_mtime_ns for path in runs.rglob("final.safetensors")} == before
    with pytest.raises(CellSimError, match="other settings"):
        augmentation_study(
            config(shells).model_copy(update={"lr": 0.1}), generated, per_class=(8,), **options
        )


def test_a_kept_folder_is_not_taken_for_a_study_of_other_pictures(study, shells, runs, tmp_path):
    other = write_shells(tmp_path / "other", 10, seed=51)
    options = {"initialisations": 2, "per_class": (8,), "schedule": SCHEDULE, "dropout_samples": 0}
    with pytest.raises(CellSimError, match="generated-8 holds trainings with other pictures"):
        augmentation_study(config(shells), other, folder=runs, **options)


def test_a_study_tells_which_training_it_is_at_and_goes_on_after_an_interruption(shells, generated, tmp_path):
    options = {"initialisations": 2, "per_class": (4,), "dropout_samples": 0}
    options["schedule"] = SCHEDULE.model_copy(update={"log_every": 1})
    job = augmentation_study_job(config(shells), generated, folder=tmp_path, **options)
    told = [event for event in job if isinstance(event, Progress) and "Training" in event.message]
    assert list(dict.fromkeys(event.message for event in told)) == [
        f"Training {n} of 4" for n in (1, 2, 3, 4)
    ]
    assert [event.done for event in told] == sorted(event.done for event in told)
    assert (told[-1].done, told[-1].total, told[-1].seconds_left) == (12, 12, 0)
    last = tmp_path / "generated-4" / "seed-1" / "final.safetensors"
    last.unlink()  # as after an interruption
    again = augmentation_study_job(config(shells), generated, folder=tmp_path, **options)
    told = [event for event in again if isinstance(event, Progress) and "Training" in event.message]
    assert {event.message for event in told} == {"Training 4 of 4"}
    assert last.is_file()


def generators(folder: Path, learnt: str | None) -> list[Path]:
    paths = []
    for name in CLASSES:
        card = ModelCard(
            training={"classes": {name: 16}} | ({} if learnt is None else {"fingerprints": learnt}),
            normalisation={"method": "range", "mean": 127.5, "std": 127.5, "low": 0, "high": 255},
            input_size=16,
        )
        torch.manual_seed(len(paths))
        model = Model.create(
            f"gan {name}", "msggan", card=card, size=16, latent=6, widths=[12, 10, 8, 6, 4, 4, 4, 4, 4]
        )
        paths.append(folder / f"{name}.safetensors")
        model.save(paths[-1])
    return paths


def test_generators_must_not_have_seen_what_is_held_out(shells, tmp_path):
    specimens = config(shells).data.read()
    options = {"initialisations": 2, "per_class": (2,), "schedule": SCHEDULE, "dropout_samples": 0}
    train = fingerprints(specimens, specimens.rows("train"))
    both = fingerprints(specimens, np.concatenate([specimens.rows("train"), specimens.rows("validation")]))
    with pytest.raises(CellSimError, match="learnt from 4 pictures of the validation part"):
        augmentation_study(config(shells), generators(tmp_path, both), **options)
    with pytest.raises(CellSimError, match="does not say which pictures it learnt from"):
        augmentation_study(config(shells), generators(tmp_path, None), **options)
    paths = generators(tmp_path, train)
    with pytest.raises(CellSimError, match="No model generates the class spiral"):
        augmentation_study(config(shells), paths[1:], **options)
    with pytest.raises(CellSimError, match="both generate spiral"):
        augmentation_study(config(shells), [*paths, paths[0]], **options)
    large = config(shells).model_copy(update={"data": config(shells).data.model_copy(update={"size": 32})})
    with pytest.raises(CellSimError, match="draws 16 px"):
        augmentation_study(large, paths, **options)
    study = augmentation_study(config(shells), tmp_path, folder=tmp_path / "runs", **options)
    assert study.synthetic["counts"] == {"grain": 2, "spiral": 2}
    assert set(study.synthetic["models"]) == set(CLASSES)
    assert not any("folder" in line for line in study.warnings)
    assert len(list((tmp_path / "runs" / "pictures-0").rglob("*.png"))) == 4


def test_a_classifier_to_start_from_must_not_have_seen_it_either(shells, generated, tmp_path):
    specimens, path = config(shells).data.read(), tmp_path / "start.safetensors"
    options = {"initialisations": 2, "per_class": (2,), "schedule": SCHEDULE, "dropout_samples": 0}
    started = config(shells).model_copy(update={"start": str(path)})
    for part in ("test", "train"):
        card = ModelCard(training={"fingerprints": fingerprints(specimens, specimens.rows(part))})
        Model.create("start", "classifier", card=card, classes=2, **TINY).save(path)
        if part == "test":
            with pytest.raises(CellSimError, match="'start' learnt from 4 pictures of the test part"):
                augmentation_study(started, generated, **options)
    assert len(augmentation_study(started, generated, **options).arms) == 2


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"initialisations": 1}, "shows no spread"),
        ({"per_class": (0,)}, "at least one above 0"),
        ({"per_class": (11,)}, "but 11 of each class"),
        ({"schedule": FitConfig(minutes=1, validate_every=1)}, "steps alone"),
        ({"schedule": FitConfig(steps=1)}, "validate_every"),
    ],
)
def test_refusals(shells, generated, changes, words):
    options = {"initialisations": 2, "per_class": (4,), "schedule": SCHEDULE, **changes}
    with pytest.raises(CellSimError, match=words) as caught:
        augmentation_study(config(shells), generated, **options)
    assert "\n" not in str(caught.value)


def test_command(shells, generated, tmp_path):
    from typer.testing import CliRunner

    from napari_cellsim.cli import app

    arguments = [
        "study",
        shells,
        "--synthetic",
        generated,
        "--initialisations",
        2,
        "--per-class",
        4,
        "--steps",
        1,
    ]
    arguments += ["--size", 16, "--out", tmp_path / "r.html", "--out", tmp_path / "r.json", "-q"]
    result = CliRunner().invoke(app, [str(one) for one in arguments])
    assert result.exit_code == 0, result.output
    study = AugmentationStudy.open(tmp_path / "r.json")
    assert study.command.endswith(
        f"--synthetic {generated} --initialisations 2 --per-class 4 --size 16 --steps 1"
    )
    assert (tmp_path / "r.html").is_file()
    wrong = CliRunner().invoke(
        app, ["study", str(shells), "--synthetic", str(generated), "--per-class", "many"]
    )
    assert wrong.exit_code == 2
    assert "'many'" in wrong.output
