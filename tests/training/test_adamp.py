from __future__ import annotations

import copy
import math

import numpy as np
import pytest
import torch

from napari_cellsim.training.adamp import AdamP


def oracle(p, grads, lr, betas, eps, weight_decay, delta, wd_ratio, nesterov):
    """AdamP from its description, in float64 numpy."""
    p, m, v = p.astype(np.float64), 0.0, 0.0
    (b1, b2), projections = betas, 0
    for t, g in enumerate(grads, 1):
        m, v = b1 * m + (1 - b1) * g, b2 * v + (1 - b2) * g * g
        lead = b1 * m + (1 - b1) * g if nesterov else m
        d, ratio = lead / (np.sqrt(v) / math.sqrt(1 - b2**t) + eps), 1.0
        for rows in (p.shape[0], 1) if p.ndim > 1 else ():
            w, gr, dr = p.reshape(rows, -1), g.reshape(rows, -1), d.reshape(rows, -1)
            cos = np.abs((w * gr).sum(1)) / (np.linalg.norm(w, axis=1) * np.linalg.norm(gr, axis=1))
            if cos.max() < delta / math.sqrt(w.shape[1]):
                unit = w / (np.linalg.norm(w, axis=1, keepdims=True) + eps)
                d = (dr - unit * (unit * dr).sum(1, keepdims=True)).reshape(p.shape)
                ratio, projections = wd_ratio, projections + 1
                break
        p = p * (1 - lr * weight_decay * ratio) - lr / (1 - b1**t) * d
    return p, projections


@pytest.mark.parametrize("nesterov", [False, True])
@pytest.mark.parametrize(
    ("shape", "tangential"), [((6, 4, 3, 3), True), ((6, 4, 3, 3), False), ((5, 7), True), ((9,), True)]
)
def test_equals_the_oracle_over_many_steps(shape, tangential, nesterov):
    generator = np.random.default_rng(7)
    start = generator.normal(size=shape)
    parameter = torch.nn.Parameter(torch.tensor(start))
    settings = {
        "lr": 0.02,
        "betas": (0.8, 0.99),
        "eps": 1e-8,
        "weight_decay": 0.05,
        "delta": 0.1,
        "wd_ratio": 0.1,
        "nesterov": nesterov,
    }
    optimiser, grads = AdamP([parameter], **settings), []
    for step in range(40):
        g = generator.normal(size=shape)
        if (
            tangential and step % 2 == 0 and len(shape) > 1
        ):  # what a scale-invariant weight's gradient looks like
            w = parameter.detach().numpy().reshape(shape[0], -1)
            flat = g.reshape(shape[0], -1)
            g = (flat - w * ((w * flat).sum(1) / (w * w).sum(1))[:, None]).reshape(shape)
        grads.append(g)
        parameter.grad = torch.tensor(g)
        optimiser.step()
    expected, projections = oracle(start, grads, **settings)
    np.testing.assert_allclose(parameter.detach().numpy(), expected, rtol=0, atol=1e-10)
    if tangential and len(shape) > 1:
        assert projections >= 20
    if len(shape) == 1:
        assert projections == 0


def test_projection_keeps_the_norm_of_scale_invariant_weights():
    torch.manual_seed(0)
    norms = {}
    for optimiser_class in (torch.optim.Adam, AdamP):
        weight = torch.nn.Parameter(torch.ones(1, 10))
        optimiser = optimiser_class([weight], lr=0.05)
        generator = torch.Generator().manual_seed(1)
        for _ in range(200):
            direction = torch.randn(10, generator=generator)
            loss = torch.nn.functional.cosine_similarity(weight, direction[None]).sum()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        norms[optimiser_class] = weight.norm().item()
    assert norms[AdamP] < norms[torch.optim.Adam]


def test_state_survives_a_round_trip_with_adams_keys():
    torch.manual_seed(0)
    layer = torch.nn.Linear(4, 3)
    optimiser = AdamP(layer.parameters(), lr=0.01)

    def step(model, optim, value):
        optim.zero_grad()
        model(torch.full((2, 4), value)).square().sum().backward()
        optim.step()

    step(layer, optimiser, 1.0)
    twin = torch.nn.Linear(4, 3)
    twin.load_state_dict(layer.state_dict())
    other = AdamP(twin.parameters(), lr=0.01)
    saved = copy.deepcopy(
        optimiser.state_dict()
    )  # a checkpoint is a copy; the live dictionary shares its tensors
    other.load_state_dict(saved)
    assert set(optimiser.state_dict()["state"][0]) == {"step", "exp_avg", "exp_avg_sq"}
    for value in (0.5, -1.0):
        step(layer, optimiser, value)
        step(twin, other, value)
    assert torch.equal(layer.weight, twin.weight)
    assert torch.equal(layer.bias, twin.bias)


def test_refuses_impossible_settings():
    with pytest.raises(ValueError, match="betas"):
        AdamP([torch.nn.Parameter(torch.zeros(1))], betas=(1.0, 0.9))
