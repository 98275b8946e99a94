"""Rendering against pixels that are followed back one by one, through maps on which bilinear sampling is exact."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates

from napari_cellsim import nets
from napari_cellsim.nets.motion import Motion, Renderer

STEPS, TAPS, HEIGHT, WIDTH, BORDER = 4, 3, 36, 42, 13
INNER = (slice(BORDER, -BORDER), slice(BORDER, -BORDER))  # no pixel of these comes from outside
Array = NDArray[np.float64]


class Plane:
    """A map that rises evenly: offset, slope along the columns, slope along the rows."""

    def __init__(self, random: np.random.Generator, size: float) -> None:
        self.offset, self.x, self.y = random.normal(size=3) * (size, size / 10, size / 10)

    def __call__(self, x: Array, y: Array) -> Array:
        return self.offset + self.x * x + self.y * y


Y, X = (axis.astype(float) for axis in np.indices((HEIGHT, WIDTH)))


def tensor(*maps: Array) -> torch.Tensor:
    return torch.from_numpy(np.stack(maps))[None]


class Scene:
    """Flow, residual and expected error of every step."""

    def __init__(self) -> None:
        random = np.random.default_rng(4)
        self.flows = [(Plane(random, 0.5), Plane(random, 0.5)) for _ in range(STEPS)]
        self.residuals = [Plane(random, 1.0) for _ in range(STEPS)]
        self.errors = [Plane(random, 1.0) for _ in range(STEPS)]

    def motion(self, step: int, vertical: list[float], horizontal: list[float]) -> Motion:
        def kernel(taps: list[float]) -> torch.Tensor:
            return tensor(*(np.full((HEIGHT, WIDTH), tap) for tap in taps))

        return Motion(
            tensor(*(part(X, Y) for part in self.flows[step])),
            kernel(vertical),
            kernel(horizontal),
            tensor(self.residuals[step](X, Y)),
            tensor(self.errors[step](X, Y)),
        )

    def follow(self, step: int) -> tuple[Array, Array, Array, Array]:
        """Return where each pixel of frame `step` was in the real one (x, y), and what it gathered on its way."""
        x, y, residual, error = X, Y, np.zeros_like(X), np.zeros_like(X)
        for earlier in range(step, -1, -1):
            residual = residual + self.residuals[earlier](x, y)
            error = error + self.errors[earlier](x, y)
            u, v = self.flows[earlier]
            x, y = x + u(x, y), y + v(x, y)
        return x, y, residual, error


def test_a_composed_frame_samples_the_real_one_once_where_its_pixels_come_from() -> None:
    scene, random = Scene(), np.random.default_rng(1)
    real = random.normal(size=(HEIGHT, WIDTH))
    render = Renderer(compose=True)
    for step in range(STEPS):
        vertical, horizontal = random.normal(size=(2, TAPS)).tolist()
        frame, scale = render(tensor(real), scene.motion(step, vertical, horizontal))
        x, y, residual, error = scene.follow(step)
        expected = residual + sum(
            vertical[i]
            * horizontal[j]
            * map_coordinates(real, [y + i - 1, x + j - 1], order=1, mode="nearest")
            for i in range(TAPS)
            for j in range(TAPS)
        )
        assert np.hypot(x - X, y - Y)[INNER].max() < BORDER - 1
        np.testing.assert_allclose(frame[0, 0].numpy()[INNER], expected[INNER], atol=1e-9)
        assert scale is not None
        np.testing.assert_allclose(scale[0, 0].numpy()[INNER], error[INNER], atol=1e-9)


@pytest.mark.parametrize("compose", [True, False])
def test_both_ways_agree_where_sampling_again_costs_nothing(compose: bool) -> None:
    scene, real = Scene(), Plane(np.random.default_rng(2), 3.0)
    render, frame = Renderer(compose), tensor(real(X, Y))
    for step in range(STEPS):
        frame, scale = render(frame, scene.motion(step, [0.25, 0.5, 0.25], [0.1, 0.8, 0.1]))
        x, y, residual, error = scene.follow(step)
        np.testing.assert_allclose(frame[0, 0].numpy()[INNER], (real(x, y) + residual)[INNER], atol=1e-9)
        assert scale is not None
        np.testing.assert_allclose(scale[0, 0].numpy()[INNER], error[INNER], atol=1e-9)


def test_each_frame_of_a_block_gets_its_own_maps() -> None:
    """Heads that say the same everywhere, a different number in each channel."""
    block, taps, stride = 3, 5, 2
    net = nets.create("sdcnet", "default", block=block, kernel_size=taps, normalise=False, scale=True)
    with torch.no_grad():
        for name, part in net.named_children():
            if name.endswith("decoder"):
                part.head.weight.zero_()
                part.head.bias.copy_(torch.arange(len(part.head.bias)).float() / 10)
    shape = (1, 3, 1, 17, 22)  # not a multiple of what the network halves
    frames = torch.rand(shape)
    motions = net.predict_motion(frames, torch.zeros(1, 3, 2, 17, 22), torch.zeros(1, 3, 4, 17, 22))
    assert len(motions) == block
    for step, motion in enumerate(motions):
        assert motion.residual is not None
        assert motion.scale is not None
        for maps, count, factor in (
            (motion.flow, 2, net.config.flow_scale),
            (motion.kernel_v, taps, 1.0),
            (motion.kernel_h, taps, 1.0),
        ):
            expected = factor * (step * count + torch.arange(count)) / 10
            assert torch.allclose(maps, expected[:, None, None].expand(1, count, 17, 22), atol=1e-5)
        rows, columns = torch.arange(17)[:, None] % stride, torch.arange(22) % stride
        expected = (step * stride**2 + stride * rows + columns) / 10
        assert torch.allclose(motion.residual[0, 0], expected, atol=1e-5)
        assert torch.allclose(motion.scale, 0.03 * torch.tensor(step / 10).exp().expand_as(motion.scale))
