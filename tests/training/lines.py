"""A recipe that learns a small function within milliseconds, for tests of the engine."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from safetensors.torch import save_file

from napari_cellsim.training import AdamP, FitConfig, Recipe


@dataclass
class Points:
    """A batch of points."""

    x: torch.Tensor

    def __len__(self):
        return len(self.x)

    def to(self, device):
        return Points(self.x.to(device))

    def part(self, rows):
        return Points(self.x[rows])


class Line(Recipe):
    """Learns a sum; with dropout, if asked for, so that torch's random state matters.

    `poison_at` is a step with a not-a-number in its batch; `memory` the largest batch that fits.
    """

    name = "line"

    def __init__(self, poison_at=None, dropout=0.2, width=8, memory=None):
        super().__init__()
        network = torch.nn.Sequential(
            torch.nn.Linear(3, width),
            torch.nn.Dropout(dropout),
            torch.nn.ReLU(),
            torch.nn.Linear(width, 1),
        )
        self.modules["network"] = network
        self.optimisers["network"] = AdamP(network.parameters(), lr=0.02, weight_decay=0.01)
        self.poison_at, self.memory = poison_at, memory
        self.seen = []

    def batch(self, step, progress):
        x = torch.randn(16, 3, generator=torch.Generator().manual_seed(step))
        if step == self.poison_at:
            x[0, 0] = float("nan")
        return Points(x)

    def losses(self, batch, progress):
        self.seen.append(len(batch))
        if self.memory is not None and len(batch) > self.memory:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        target = batch.x.sum(1, keepdim=True)
        return {"loss": (self.modules["network"](batch.x) - target).square().mean()}

    def validate(self):
        x = torch.randn(64, 3, generator=torch.Generator().manual_seed(1234))
        self.modules.eval()
        loss = (self.modules["network"](x) - x.sum(1, keepdim=True)).square().mean().item()
        self.modules.train()
        return {"loss": loss}

    def save(self, path, training):
        save_file({k: v.contiguous() for k, v in self.modules.state_dict().items()}, path)


def new_line(**kwargs):
    torch.manual_seed(5)
    return Line(**kwargs)


SETTINGS = FitConfig(steps=60, log_every=10, validate_every=20, checkpoint_every=7, average=0.9, seed=3)
