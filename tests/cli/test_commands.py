"""The other commands, and the command line as a whole."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile

import napari_cellsim
from napari_cellsim.cli import app
from napari_cellsim.data import open_timelapse
from napari_cellsim.models import FORMAT_VERSION

COMMANDS = (
    "demo",
    "predict",
    "adapt",
    "evaluate",
    "generate",
    "encode",
    "phantom",
    "crop",
    "import-movie",
    "models",
    "import-weights",
    "train",
    "study",
    "doctor",
)


def python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


def test_help_needs_neither_torch_nor_napari():
    code = (
        "import sys; from napari_cellsim.cli import app\n"
        "try: app(['--help'])\n"
        "except SystemExit as stop: code = stop.code\n"
        "heavy = {'torch', 'napari', 'skimage', 'scipy', 'numpy', 'tifffile', 'qtpy'} & set(sys.modules)\n"
        "sys.exit(f'{code} {heavy}' if code or heavy else 0)"
    )
    result = python(code)
    assert result.returncode == 0, result.stderr
    for command in COMMANDS:
        assert command in result.stdout


def test_every_option_is_explained():
    from typer.main import get_command

    group = get_command(app)
    assert set(group.commands) == set(COMMANDS)
    for command in group.commands.values():
        assert command.help
        for parameter in command.params:
            assert getattr(parameter, "help", None), f"{command.name} {parameter.name}"


def test_real_process_and_version():
    result = subprocess.run(
        [sys.executable, "-m", "napari_cellsim", "--version"], capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.strip() == f"napari-cellsim {napari_cellsim.__version__}"
    wrong = subprocess.run(
        [sys.executable, "-m", "napari_cellsim", "predict", "absent.tif", "--out", "p.tif"],
        capture_output=True,
        text=True,
    )
    assert wrong.returncode == 2
    assert wrong.stderr.startswith("napari-cellsim: ")
    assert "Traceback" not in wrong.stderr


def test_doctor_reports_everything(run):
    result = run("doctor")
    assert result.exit_code == 0, result.output
    for word in ("python", "torch", "cpu:", "kernels", "models", "napari 0.", "Qt binding", "screen:"):
        assert word in result.stdout


def test_doctor_without_torch_napari_and_qt():
    """It is called when something is broken, so a broken import must not stop it."""
    code = (
        "import sys\n"
        "for name in ('torch', 'napari', 'qtpy'): sys.modules[name] = None\n"
        "from napari_cellsim.cli import app\n"
        "app(['doctor'])"
    )
    result = python(code)
    assert result.returncode == 0, result.stderr
    assert "Traceback" not in result.stderr
    assert result.stdout.count("not available") + result.stdout.count("cannot be imported") >= 3
    assert "versions" in result.stdout
    assert "numpy" in result.stdout


def test_phantom_writes_calibrated_movie_and_truth(run, tmp_path):
    from napari_cellsim import phantom

    path = tmp_path / "phantom.ome.tif"
    result = run(
        "phantom",
        "--out",
        path,
        "--frames",
        3,
        "--seed",
        7,
        "--size",
        96,
        "--trap",
        "round",
        "--planes",
        "-1,0",
    )
    assert result.exit_code == 0, result.output
    movie = open_timelapse(path)
    expected = phantom.simulate(3, 7, size=96, trap="round", planes=(-1.0, 0.0))
    assert (movie.n_times, movie.n_planes, movie.height, movie.width) == (3, 2, 96, 96)
    assert movie.pixel_size == pytest.approx(0.108)
    assert movie.interval == pytest.approx(10)
    assert movie.z_step == pytest.approx(1)
    np.testing.assert_array_equal(np.asarray(movie.frames)[:, 0], expected.images)
    with tifffile.TiffFile(path) as file:
        series = {one.name: one.asarray() for one in file.series}
    assert list(series) == ["images", "labels", "semantic", "flow", "valid"]
    np.testing.assert_array_equal(series["labels"], expected.labels)
    np.testing.assert_array_equal(series["flow"], expected.flow)


def test_phantom_of_one_frame_has_no_flow(run, tmp_path):
    path = tmp_path / "one.ome.tif"
    assert run("phantom", "--out", path, "--frames", 1, "--size", 64).exit_code == 0
    with tifffile.TiffFile(path) as file:
        assert [one.name for one in file.series] == ["images", "labels", "semantic"]


def test_phantom_explains_wrong_planes(run, tmp_path):
    result = run("phantom", "--out", tmp_path / "p.tif", "--planes", "low")
    assert result.exit_code == 2
    assert "'low'" in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_phantom_writes_a_folder_of_shells_per_class(run, tmp_path):
    from PIL import Image

    from napari_cellsim import datasets, phantom

    out = tmp_path / "shells"
    result = run(
        "phantom", "--specimen", "shells", "--out", out, "--per-class", 10, "--size", 32, "--seed", 4
    )
    assert result.exit_code == 0, result.output
    assert [path.name for path in tmp_path.iterdir()] == ["shells"]
    expected = phantom.simulate_shells(40, 4, size=32)
    picture = np.asarray(Image.open(out / "agglutinated" / "agglutinated_00003.png"))
    np.testing.assert_array_equal(picture, expected.images[4 * 3 + 2].transpose(1, 2, 0))
    found = datasets.read_specimens(out, 32)
    assert found.counts == {
        name: {"train": 8, "validation": 1, "test": 1} for name in sorted(phantom.SHELL_CLASSES)
    }
    again = run("phantom", "--specimen", "shells", "--out", out, "--per-class", 1)
    assert again.exit_code == 2
    assert "there already" in again.stderr


@pytest.mark.parametrize(
    ("options", "word"),
    [
        (["--specimen", "shells", "--frames", "3"], "--frames"),
        (["--specimen", "shells", "--trap", "round"], "--trap"),
        (["--specimen", "shells", "--size", "2000"], "2000 px"),
        (["--per-class", "3"], "--per-class"),
        (["--ground", "dark"], "--ground"),
    ],
)
def test_phantom_refuses_what_the_specimen_has_not(run, tmp_path, options, word):
    result = run("phantom", "--out", tmp_path / "x", *options)
    assert result.exit_code == 2
    assert word in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_models_are_listed_and_shown(run, files, tmp_path, monkeypatch):
    monkeypatch.setenv("CELLSIM_MODEL_DIR", str(files))
    listing = run("models")
    assert listing.exit_code == 0, listing.output
    assert "untrained" in listing.stdout
    assert "sdcnet" in listing.stdout
    assert str(files) in listing.stdout
    card = run("models", "untrained")
    assert json.loads(card.stdout[card.stdout.index("{") :])["format_version"] == FORMAT_VERSION
    wrong = run("models", "absent")
    assert wrong.exit_code == 2
    assert "'absent'" in wrong.stderr
    monkeypatch.setenv("CELLSIM_MODEL_DIR", str(tmp_path))
    assert "untrained" not in run("models").stdout


def test_import_weights_refuses_what_it_cannot_read(run, tmp_path):
    (tmp_path / "text.pth").write_text("no checkpoint")
    result = run("import-weights", tmp_path / "text.pth", "--out", tmp_path / "m.safetensors")
    assert result.exit_code == 2
    assert "text.pth" in result.stderr
    assert not (tmp_path / "m.safetensors").exists()
    assert run("import-weights", tmp_path / "text.pth", "--kind", "vgg").exit_code == 2


def test_reference_page_names_every_command_and_option():
    from typer.main import get_command

    page = (Path(__file__).parents[2] / "docs" / "reference" / "cli.md").read_text(encoding="utf-8")
    for name, command in get_command(app).commands.items():
        assert f"## {name}\n" in page
        for parameter in command.params:
            for option in [*parameter.opts, *parameter.secondary_opts]:
                if option.startswith("--") and option != "--help":
                    assert f"`{option}`" in page, f"{name} {option}"
