"""The teaching set: every example computes what it claims, and page, script and figure belong together."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from scipy.stats import wasserstein_distance

ROOT = Path(__file__).resolve().parents[1]
GALLERY, IMAGES = ROOT / "docs" / "gallery", ROOT / "docs" / "images"
NAMES = sorted(path.stem for path in GALLERY.glob("*.py") if not path.stem.startswith("_"))


def load(name: str) -> ModuleType:
    """Import a script of the gallery without leaving its folder on the path."""
    sys.path.insert(0, str(GALLERY))
    try:
        return importlib.import_module(name)
    finally:
        sys.path.remove(str(GALLERY))


def names_of(text: str) -> set[str]:
    return set(re.findall(r"^(?:def|class) (\w+)", text, re.MULTILINE))


# Pages


@pytest.mark.parametrize("name", NAMES)
def test_page_script_and_figure_belong_together(name):
    drawing = load("_drawing")
    script = GALLERY / f"{name}.py"
    page = script.with_suffix(".md").read_text(encoding="utf-8")
    picture = drawing.target(script)
    assert f"](../images/{picture.name})" in page
    assert f"python docs/gallery/{name}.py" in page
    with Image.open(picture) as image:
        drawn_by = image.text[drawing.STAMP]
    assert drawn_by == drawing.fingerprint(script), (
        f"draw it again: python scripts/make_gallery.py --only {name}"
    )
    assert picture.stat().st_size < 200_000
    shown = re.findall(r"```{literalinclude} (\S+)\n:pyobject: (\w+)", page)
    assert shown
    for path, thing in shown:
        assert path == f"{name}.py"
        assert thing in names_of(script.read_text(encoding="utf-8"))


def test_index_shows_every_example():
    assert len(NAMES) == 8
    index = (GALLERY / "index.md").read_text(encoding="utf-8")
    for name in NAMES:
        assert "[![" in index
        assert f"](../images/gallery_{name}.png)]({name}.md)" in index
        assert re.search(rf"^{name}$", index, re.MULTILINE)
    assert "gallery/index" in (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
    assert {path.stem for path in GALLERY.glob("*.md")} == {*NAMES, "index"}


def test_one_command_draws_a_figure(tmp_path):
    def command(*arguments: str) -> subprocess.CompletedProcess[str]:
        script = [sys.executable, str(ROOT / "scripts" / "make_gallery.py"), *arguments]
        return subprocess.run(script, capture_output=True, text=True, check=False)

    made = command("--only", "orbit", "--out", str(tmp_path / "new"))
    assert made.returncode == 0, made.stderr
    with Image.open(tmp_path / "new" / "gallery_orbit.png") as image:
        assert image.width > 500
        assert len(np.unique(np.asarray(image.convert("L")))) > 20
    refused = command("--only", "orbits")
    assert refused.returncode != 0
    assert "orbits" in refused.stderr
    assert "earth_mover" in refused.stderr


# V = x y


@given(st.floats(0.01, 0.5), st.integers(1, 60))
@settings(max_examples=20)
def test_orbits(lr, steps):
    orbit = load("orbit")
    growth = np.hypot(*orbit.path(orbit.simultaneous, lr, steps).T)
    np.testing.assert_allclose(growth, (1 + lr**2) ** (np.arange(steps + 1) / 2))
    np.testing.assert_allclose(np.hypot(*orbit.path(orbit.exact, lr, steps).T), 1)
    x, y = orbit.path(orbit.alternating, lr, steps).T
    np.testing.assert_allclose(x**2 + y**2 + lr * x * y, 1)
    ahead = np.hypot(*orbit.path(orbit.looking_ahead, lr, steps).T)
    np.testing.assert_allclose(ahead, np.sqrt((1 - lr**2) ** 2 + lr**2) ** np.arange(steps + 1))


def test_small_steps_follow_the_flow_and_penalties_end_it():
    orbit = load("orbit")
    steps = 4000
    near = orbit.path(orbit.simultaneous, 1 / steps, steps)[-1]
    np.testing.assert_allclose(near, [np.cos(1), -np.sin(1)], atol=2e-4)
    assert np.hypot(*orbit.path(orbit.penalised, steps=1000)[-1]) < 0.01
    circling = orbit.path(orbit.alternating, steps=2000)
    assert np.hypot(*orbit.running_average(circling, 0.999)[-1]) < 0.15 < 0.9 < np.hypot(*circling[-1])


# Earth mover


def test_blocks_of_the_thesis_take_five_steps():
    mover = load("earth_mover")
    found = mover.earth_mover((4, 1, 2, 4), (1, 3, 4, 3))  # Reich 2020, eq. 3.1 and figure 3.1
    assert found.distance == pytest.approx(5)
    np.testing.assert_allclose(found.plan.sum(1), (4, 1, 2, 4))
    np.testing.assert_allclose(found.plan.sum(0), (1, 3, 4, 3))


@given(st.integers(0, 10**6), st.integers(2, 9))
@settings(max_examples=25)
def test_plan_and_critic_agree_with_scipy(seed, size):
    mover = load("earth_mover")
    random = np.random.default_rng(seed)
    here, wanted = random.dirichlet(np.ones(size), 2)
    places = np.sort(random.uniform(0, 10, size))
    found = mover.earth_mover(here, wanted, places)
    assert found.distance == pytest.approx(wasserstein_distance(places, places, here, wanted), abs=1e-7)
    # Kantorovich and Rubinstein: the best critic of slope 1 measures the same distance
    assert found.critic @ (here - wanted) == pytest.approx(found.distance, abs=1e-7)
    apart = np.abs(places[:, None] - places)
    assert (np.abs(found.critic[:, None] - found.critic) <= apart + 1e-7).all()


def test_distance_tells_how_far_and_divergence_does_not():
    mover = load("earth_mover")
    for gap in (6, 10, 15):
        first, second = mover.bump(10), mover.bump(10 + gap)
        assert mover.earth_mover(first, second).distance == pytest.approx(gap)
        assert mover.jensen_shannon(first, second) == pytest.approx(np.log(2))
    assert mover.jensen_shannon(mover.bump(10), mover.bump(10)) == pytest.approx(0)
    with pytest.raises(ValueError, match="no plan"):
        mover.earth_mover((1, 2), (1, 1))


# Gradients


@pytest.mark.parametrize("verdict", [1e-6, 0.01, 0.3, 0.5, 0.99])
def test_slopes_of_the_losses(verdict):
    vanishing = load("vanishing_gradients")
    assert vanishing.slope("minimax", verdict) == pytest.approx(-verdict)
    assert vanishing.slope("non-saturating", verdict) == pytest.approx(-(1 - verdict))
    assert vanishing.slope("Wasserstein", verdict) == -1


def test_only_the_minimax_gradient_vanishes():
    vanishing = load("vanishing_gradients")
    course = vanishing.gradients(steps=200, every=200, batch=32)
    before, after = ({name: values[i] for name, values in course.gradient.items()} for i in (0, 1))
    assert course.verdict[1] < 0.01
    assert after["minimax"] < 0.1 * before["minimax"]
    assert after["non-saturating"] > before["non-saturating"]
    assert after["Wasserstein"] > 0.3 * before["Wasserstein"]


# Checkerboards


@pytest.mark.parametrize("side", [2, 3, 4, 5, 6, 7])
def test_uneven_painting_has_a_closed_form(side):
    board = load("checkerboard")
    # along each axis, every other pixel is painted ⌈k/2⌉ times, the others ⌊k/2⌋ times
    more, fewer = (side + 1) // 2, side // 2
    line = 2 * (more**2 + fewer**2) / side**2
    assert board.unevenness(board.transposed, side) == pytest.approx(line**2 - 1)
    assert board.unevenness(board.transposed, 3) == pytest.approx(19 / 81)


def test_other_ways_paint_evenly_and_untrained_networks_show_it():
    board = load("checkerboard")
    assert board.unevenness(board.repeated, 3) == pytest.approx(0)
    assert board.unevenness(board.filtered, 3) == pytest.approx(0)
    shares = [board.fine_share(board.untrained(*way, count=4)) for way in board.WAYS.values()]
    assert shares[0] > 0.3
    assert shares[1] > 0.3
    assert 0.01 < shares[2] < 0.2
    assert shares[3] < 0.02 * shares[2]
    assert board.untrained(board.filtered, 3, count=2).shape == (2, 64, 64)


# High dimensions


def test_lengths_concentrate():
    high = load("high_dimensions")
    for dimensions in (32, 128, 512):
        lengths = high.lengths(dimensions)
        assert lengths.mean() == pytest.approx(np.sqrt(dimensions), rel=0.01)
        assert lengths.std() == pytest.approx(np.sqrt(0.5), rel=0.08)


def test_nearest_is_as_far_as_farthest():
    high = load("high_dimensions")
    # on a line, the nearest of N points is 1/(2N) away: from the ball, and measured up to the ends of the line
    assert float(high.ball_radius(1, 100)) == pytest.approx(1 / 200)
    assert float(high.ball_radius(2, 100)) == pytest.approx(1 / np.sqrt(100 * np.pi))
    assert float(high.ball_radius(3, 100)) == pytest.approx((3 / (4 * np.pi * 100)) ** (1 / 3))
    assert high.distances(1)[0] == pytest.approx(1 / 200, rel=0.15)
    ratios = [near / far for near, far in (high.distances(d, repeats=3) for d in (2, 32, 512))]
    assert ratios[0] < 0.1 < 0.5 < ratios[1] < 0.8 < ratios[2]


def test_the_middle_is_empty():
    high = load("high_dimensions")
    straight, sphere = high.walk(512)
    assert straight[0] == pytest.approx(1, rel=0.01)
    assert straight[len(straight) // 2] == pytest.approx(np.sqrt(0.5), rel=0.01)
    np.testing.assert_allclose(sphere, 1, rtol=1e-6)


# Trainings, tiny


def test_circle_training_starts_to_learn():
    circle = load("unit_circle")
    course = circle.train(400, shown=(1, 400))
    first, last = course.snapshots
    assert (first.step, last.step) == (1, 400)
    assert np.hypot(*course.points.T) == pytest.approx(1, rel=1e-6)
    # the discriminator finds out first: data are called real, what is far away drawn
    assert course.on_real[100:].mean() > course.on_drawn[100:].mean()
    assert not np.allclose(first.verdict, last.verdict)
    again = circle.train(400, shown=())
    np.testing.assert_array_equal(again.on_drawn, course.on_drawn)
    ideal = circle.circle(500).double().numpy()
    assert circle.radius_error(ideal) < 1e-6
    assert circle.covered(ideal) == 1
    assert circle.covered(ideal[ideal[:, 0] > 0]) == pytest.approx(0.5)


def test_collapse_is_counted():
    collapse = load("mode_collapse")
    torch.manual_seed(0)
    points = collapse.ring(4000).double().numpy()
    modes, share = collapse.judged(points)
    assert modes == 8
    assert share == pytest.approx(1 - np.exp(-8), abs=0.003)  # of a round normal heap, within four deviations
    assert collapse.judged(points[points[:, 0] > 0.3])[0] == 3
    assert collapse.judged(np.zeros((10, 2))) == (0, 0)


@pytest.mark.parametrize("name", sorted(load("mode_collapse").REMEDIES))
def test_remedies_train(name):
    collapse = load("mode_collapse")
    samples = collapse.train(collapse.REMEDIES[name], steps=3, trainings=2)
    assert samples.shape == (2, collapse.SAMPLES, 2)
    assert np.isfinite(samples).all()
    np.testing.assert_array_equal(samples, collapse.train(collapse.REMEDIES[name], steps=3, trainings=2))


def test_trainings_side_by_side_do_not_mix():
    collapse = load("mode_collapse")
    torch.manual_seed(0)
    networks = collapse.Networks(2, 1, 3)
    x = torch.randn(3, 5, 2)
    layers = [*zip(networks.weights, networks.biases, strict=True)]
    alone = x[1]
    for i, (weight, bias) in enumerate(layers):
        alone = (torch.nn.functional.leaky_relu(alone, 0.2) if i else alone) @ weight[1] + bias[1]
    torch.testing.assert_close(networks(x)[1], alone)
    networks(x)[1].sum().backward()
    for weight, _ in layers:
        assert weight.grad[1].any()
        assert not weight.grad[[0, 2]].any()


def test_dcgan_learns_how_bright_the_ground_is():
    dcgan = load("dcgan")
    course = dcgan.train(40, shown=(1, 40), count=32, width=8)
    assert course.drawn[40].shape == (36, 3, 16, 16)
    assert course.drawn[40].dtype == np.uint8
    target = course.real.mean((0, 2, 3))
    before, after = (np.abs(course.drawn[s].mean((0, 2, 3)) - target).mean() for s in (1, 40))
    assert after < before
    assert dcgan.sheet(course.real, 4).shape == (64, 64, 3)
    np.testing.assert_array_equal(dcgan.sheet(course.real, 4)[:16, 16:32], course.real[1].transpose(1, 2, 0))
