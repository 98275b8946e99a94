"""Duality gap of a pair of adversaries: how much either could still gain against the other."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

Loss = Callable[[Any, Any, int], Tensor]


def duality_gap(
    discriminator: Any,
    generator: Any,
    losses: tuple[Loss, Loss],
    value: Callable[[Any, Any], float],
    steps: int,
    lr: float,
    betas: tuple[float, float] = (0.0, 0.99),
) -> float:
    """Return ``M(D*, G) - M(D, G*)``: what a better discriminator gains, and a better generator.

    D* and G* are copies, trained for some steps against the other one as it is. At an equilibrium neither gains
    anything and the gap is 0. It needs no features of another network, only held-out pictures.

    Parameters
    ----------
    discriminator, generator : torch.nn.Module
        Neither is changed.
    losses : pair of callable
        Loss of the discriminator and of the generator, each a function of both networks and the number of the step.
    value : callable
        M(D, G), which the discriminator wants large and the generator small, on held-out data.
    steps : int
        Training steps of each copy.
    lr, betas : float
        Of Adam.

    Returns
    -------
    float
        In units of M. May be slightly negative where the few steps have made a copy worse.

    Notes
    -----
    Grnarova et al., "A domain agnostic measure for monitoring and evaluating GANs", NeurIPS 2019, eq. 2.
    """
    found = []
    devices = sorted({p.device.index or 0 for p in generator.parameters() if p.device.type == "cuda"})
    # The training that goes on afterwards must not notice.
    with torch.random.fork_rng(devices), torch.enable_grad():
        torch.manual_seed(0)
        for best, loss in enumerate(losses):
            pair = [copy.deepcopy(discriminator), copy.deepcopy(generator)]
            pair[best].requires_grad_(True)
            pair[1 - best].requires_grad_(False)
            optimiser = torch.optim.Adam(pair[best].parameters(), lr, betas)
            for step in range(steps):
                optimiser.zero_grad(set_to_none=True)
                loss(pair[0], pair[1], step).backward()
                optimiser.step()
            with torch.no_grad():
                found.append(value(pair[0], pair[1]))
    return found[0] - found[1]
