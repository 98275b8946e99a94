"""Repulsion: asks that generated pictures lie no nearer to each other than real ones do."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

_SIDE = 16  # px of the pictures that are compared: layouts count, grain does not
_DECAY = 0.01  # share of the newest batch in the running mean
_NEAREST = 1e-6  # distance below which two pictures are the same


class Repulsion(nn.Module):
    """Penalises generated pictures whose nearest neighbour is nearer than that of a real picture usually is.

    A discriminator that judges picture by picture hardly sees that a generator draws the same layout once in a
    thousand times too often. The mean log distance to the nearest neighbour estimates the entropy of what is drawn (up
    to a factor and a constant that depend on the dimension and the number of neighbours alone; Kozachenko and Leonenko,
    Problems of Information Transmission 23, 1987). Here each picture's own term counts only as long as it is below the
    median of the real ones, so that pictures are not driven apart for ever:
    ``mean_i max(0, a - log d_i)`` with d_i the distance of picture i to the nearest one remembered or
    in its batch, and a the running mean of the batches' median of the same of real pictures.

    Parameters
    ----------
    channels : int
        Frames times channels of a picture.
    memory : int
        How many of the latest pictures of either kind are remembered.

    Notes
    -----
    Its state lies in buffers, so that a checkpoint holds it. The median, because some real pictures show a remembered
    scene again (other frames of a movie, other focal planes) and lie next to it; as long as they are fewer than half,
    they change little.
    """

    generated: Tensor
    real: Tensor
    seen: Tensor
    usual: Tensor

    def __init__(self, channels: int, memory: int = 512) -> None:
        super().__init__()
        for name in ("generated", "real"):
            self.register_buffer(name, torch.zeros(memory, channels * _SIDE**2))
        self.register_buffer("seen", torch.zeros((), dtype=torch.long))  # pictures of either kind so far
        self.register_buffer("usual", torch.zeros(()))

    def forward(self, generated: Tensor, real: Tensor) -> Tensor:
        """Return the penalty, a scalar, and remember both.

        Parameters
        ----------
        generated, real : Tensor
            As many of each, (B, T·C, H, W), standardised intensities, sides of at least 16 px.

        Returns
        -------
        Tensor
            0 until the memory is full for the first time.
        """
        made, true = _reduced(generated), _reduced(real)
        full = self.seen >= len(self.real)
        with torch.no_grad():
            usual = _log_nearest(true, self.real).median()
            first = self.usual == 0
            moved = torch.where(first, usual, self.usual.lerp(usual, _DECAY))
            self.usual.copy_(torch.where(full, moved, self.usual))
        # a copy, because the memory changes before the slope is asked for
        penalty = (self.usual - _log_nearest(made, self.generated.clone())).clamp(min=0).mean()
        with torch.no_grad():
            places = (self.seen + torch.arange(len(true), device=true.device)) % len(self.real)
            self.generated[places] = made.detach()
            self.real[places] = true
            self.seen += len(true)
        # not a product with 0: an empty memory may lie at distance 0
        return torch.where(full, penalty, torch.zeros_like(penalty))


def _reduced(images: Tensor) -> Tensor:
    """Return small pictures as rows (B, D)."""
    return F.adaptive_avg_pool2d(images.float(), _SIDE).flatten(1)


def _log_nearest(rows: Tensor, others: Tensor) -> Tensor:
    """Return the log distance (B,) of each row to the nearest other one, in its batch or among `others`."""
    own = torch.cdist(rows, rows).masked_fill(
        torch.eye(len(rows), dtype=torch.bool, device=rows.device), torch.inf
    )
    return torch.cat([own, torch.cdist(rows, others)], 1).amin(1).clamp(min=_NEAREST).log()
