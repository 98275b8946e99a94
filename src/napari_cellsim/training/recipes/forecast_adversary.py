"""The sequence discriminator's part in the last stage of SDC-Net++."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ... import nets
from ..adversarial import non_saturating_discriminator, non_saturating_generator
from .forecast_settings import SDCNetConfig


@dataclass(frozen=True)
class Sequences:
    """What the discriminator compares; both begin with the same recorded history.

    Attributes
    ----------
    recorded, predicted : Tensor
        (B, T, 1, H, W).
    """

    recorded: Tensor
    predicted: Tensor

    def __len__(self) -> int:
        return len(self.recorded)

    def part(self, rows: slice) -> Sequences:
        """Return some of the sequences."""
        return Sequences(self.recorded[rows], self.predicted[rows])


def make_discriminator(config: SDCNetConfig) -> nn.Module:
    """Return a fresh sequence discriminator."""
    return nets.create(
        "sequence_discriminator", config.discriminator_preset, **config.discriminator_overrides
    )


def adversarial_term(discriminator: nn.Module, predicted: Tensor) -> Tensor:
    """Return ``−E log D(predicted sequence)``, what the predictor minimises (Reich 2020, eq. 6.5, second term).

    Parameters
    ----------
    discriminator : torch.nn.Module
        Returns logits (B, 1).
    predicted : Tensor
        (B, T, 1, H, W), the recorded history included.
    """
    return non_saturating_generator([discriminator(predicted).float()])


def discriminator_losses(discriminator: nn.Module, sequences: Sequences) -> dict[str, Tensor]:
    """Return ``−E log D(recorded) − E log(1 − D(predicted))`` as "loss", and the mean logits (Reich 2020, §6.1.2)."""
    real = discriminator(sequences.recorded).float()
    fake = discriminator(sequences.predicted).float()
    return {
        "loss": non_saturating_discriminator([real], [fake]),
        "real_logit": real.detach().mean(),
        "fake_logit": fake.detach().mean(),
    }


def last_pass(parts: list[Tensor], count: int) -> Tensor:
    """Join the parts of a batch of `count` samples; of a batch that was begun anew the last pass counts."""
    return torch.cat(parts)[-count:]
