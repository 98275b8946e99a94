"""Losses and penalties of adversarial training."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..nets import Verdict

Critic = Callable[[Tensor], Sequence[Tensor]]


def non_saturating_discriminator(real: Sequence[Tensor], fake: Sequence[Tensor]) -> Tensor:
    """Return the discriminator's loss: ``E softplus(-D(x)) + E softplus(D(G(z)))``, summed over the outputs.

    Parameters
    ----------
    real, fake : sequence of Tensor
        Logits of each output (scalar, pixel) for real and generated pictures.

    Notes
    -----
    Goodfellow et al., NeurIPS 2014, with every output of weight 1 (Reich 2020, eq. 5.4).
    """
    terms = [F.softplus(-r).mean() + F.softplus(f).mean() for r, f in zip(real, fake, strict=True)]
    return torch.stack(terms).sum()


def non_saturating_generator(fake: Sequence[Tensor]) -> Tensor:
    """Return the generator's loss: ``E softplus(-D(G(z)))``, summed over the outputs (Reich 2020, eq. 5.3)."""
    return torch.stack([F.softplus(-f).mean() for f in fake]).sum()


def wasserstein_discriminator(real: Sequence[Tensor], fake: Sequence[Tensor], drift: float = 1e-3) -> Tensor:
    """Return the critic's loss ``E D(G(z)) - E D(x) + drift · E D(x)²``, summed over the outputs.

    Notes
    -----
    Arjovsky et al., ICML 2017; the drift term is Karras et al., ICLR 2018, appendix A.1. Needs `gradient_penalty`.
    """
    terms = [f.mean() - r.mean() + drift * r.square().mean() for r, f in zip(real, fake, strict=True)]
    return torch.stack(terms).sum()


def wasserstein_generator(fake: Sequence[Tensor]) -> Tensor:
    """Return the generator's loss ``-E D(G(z))``, summed over the outputs."""
    return torch.stack([-f.mean() for f in fake]).sum()


def verdict_sum(outputs: Sequence[Tensor]) -> Tensor:
    """Return ``Σ_pictures (scalar logit + mean pixel logit)``, what gradient penalties differentiate.

    The mean over the pixels keeps the strength of a penalty independent of the picture's size, as it is in the loss.
    """
    return torch.stack([output.flatten(1).mean(1).sum() for output in outputs]).sum()


def r1_penalty(critic: Critic, images: Tensor) -> Tensor:
    """Return ``E ‖∇_x D(x)‖²`` over real pictures; multiply with γ/2.

    Parameters
    ----------
    critic : callable
        Returns the logits of each output; differentiated twice.
    images : Tensor
        (B, C, H, W) or (B, D).

    Notes
    -----
    Mescheder et al., ICML 2018, eq. 9; Reich 2020, eq. 5.5.
    """
    images = images.detach().requires_grad_()
    (slope,) = torch.autograd.grad(verdict_sum(critic(images)), images, create_graph=True)
    penalty: Tensor = slope.square().flatten(1).sum(1).mean()
    return penalty


def gradient_penalty(critic: Critic, real: Tensor, fake: Tensor) -> Tensor:
    """Return ``E (‖∇ D(x̂)‖ - 1)²`` at random points between real and generated pictures.

    Notes
    -----
    Gulrajani et al., NeurIPS 2017, eq. 3.
    """
    return multi_scale_gradient_penalty(lambda pictures: verdict_sum(critic(pictures[0])), [real], [fake])


def multi_scale_gradient_penalty(
    critic: Callable[[Sequence[Tensor]], Tensor], real: Sequence[Tensor], fake: Sequence[Tensor]
) -> Tensor:
    """Return the mean over scales of ``E (‖∇_s D(x̂)‖ - 1)²``, ∇_s by the pictures of scale s.

    Parameters
    ----------
    critic : callable
        Returns the logits of pictures at all scales; differentiated twice.
    real, fake : sequence of Tensor
        (B, C, h, w) of each scale. Each picture is mixed in the same random proportion at all scales.

    Notes
    -----
    Gulrajani et al., NeurIPS 2017, eq. 3, for the critic of Karnewar and Wang, CVPR 2020; Østmo 2020, eq. 3.16, and its
    published code, which adds 1e-10 under the root.
    """
    first = real[0]
    share = torch.rand(len(first), *[1] * (first.ndim - 1), device=first.device, dtype=first.dtype)
    between = [
        (r.detach() * share + f.detach() * (1 - share)).requires_grad_()
        for r, f in zip(real, fake, strict=True)
    ]
    slopes = torch.autograd.grad(critic(between).sum(), between, create_graph=True)
    norms = [(slope.square().flatten(1).sum(1) + 1e-10).sqrt() for slope in slopes]
    return torch.stack([(norm - 1).square().mean() for norm in norms]).mean()


class PathLength(nn.Module):
    """Path length regularisation: equal steps in W should change the picture equally.

    ``E (‖Jᵀ y‖ - a)²`` with y ~ N(0, 1) / √pixels and a the running mean of the lengths (Karras et al., CVPR 2020,
    eq. 4). The running mean is a buffer, so that a checkpoint holds it.

    Parameters
    ----------
    decay : float
        Share of the newest mean length in the running mean.
    """

    mean: Tensor

    def __init__(self, decay: float = 0.01) -> None:
        super().__init__()
        self.decay = decay
        self.register_buffer("mean", torch.zeros(()))

    def forward(self, images: Tensor, styles: Tensor) -> Tensor:
        """Return the penalty for `images` (B, C, H, W), made from `styles` (B, slots, D) which need a gradient."""
        noise = torch.randn_like(images) / math.sqrt(images.shape[-2] * images.shape[-1])
        (slope,) = torch.autograd.grad((images * noise).sum(), styles, create_graph=True)
        lengths = slope.square().sum(2).mean(1).sqrt()
        with torch.no_grad():
            self.mean.lerp_(lengths.mean(), self.decay)
        return (lengths - self.mean).square().mean()


def cutmix_masks(count: int, height: int, width: int, generator: np.random.Generator) -> Tensor:
    """Return binary masks (count, 1, height, width): 1 outside, 0 inside a random box, or the other way round.

    The box covers a share of the picture that is uniform in (0, 1), at a uniform place, cut off at the border; half of
    the masks are inverted (Yun et al., ICCV 2019, §3.1; Schönfeld et al., CVPR 2020, §3.2).
    """
    masks = torch.ones(count, 1, height, width)
    for mask in masks:
        side = math.sqrt(generator.uniform())
        row, column = generator.uniform(0, height), generator.uniform(0, width)
        rows = slice(*(round(min(max(row + s * side * height / 2, 0), height)) for s in (-1, 1)))
        columns = slice(*(round(min(max(column + s * side * width / 2, 0), width)) for s in (-1, 1)))
        mask[:, rows, columns] = 0
        if generator.random() < 0.5:
            mask.neg_().add_(1)
    return masks


def cutmix_consistency(
    critic: Callable[[Tensor], Verdict],
    real: Tensor,
    fake: Tensor,
    verdicts: tuple[Verdict, Verdict],
    masks: Tensor,
) -> Tensor:
    """Return the mean squared difference of the mixed verdicts and the verdict on the mixed pictures.

    Parameters
    ----------
    critic : callable
        Discriminator with a pixel output.
    real, fake : Tensor
        (B, C, H, W).
    verdicts : pair of Verdict
        On `real` and `fake`; taken as targets, without gradient.
    masks : Tensor
        (B, 1, H, W), 1 where the real picture shows.

    Notes
    -----
    Reich 2020, eq. 5.7, with the mean of squares instead of the norm; pixel output only.
    """
    mixed = torch.lerp(fake.detach(), real, masks)
    pixel = critic(mixed).pixel
    small = F.interpolate(masks, size=pixel.shape[2:], mode="area")
    target = torch.lerp(verdicts[1].pixel.detach(), verdicts[0].pixel.detach(), small)
    return (pixel - target).square().mean()


def top_k(logits: Tensor, share: float) -> Tensor:
    """Return the `share` of the entries of `logits` (B, 1) that the discriminator likes best, at least one.

    Notes
    -----
    Sinha et al., "Top-k Training of GANs", NeurIPS 2020: bad samples give the generator no useful gradient.
    """
    return logits.topk(max(1, math.ceil(share * len(logits))), dim=0).values


def train_only(network: nn.Module, *others: nn.Module) -> None:
    """Let gradients reach the weights of `network`, and not those of the others."""
    network.requires_grad_(True)
    for other in others:
        other.requires_grad_(False)


def in_float32(images: Tensor) -> torch.autocast:
    """Return a context for penalties: gradients of gradients and small differences drown in bfloat16."""
    return torch.autocast(images.device.type, enabled=False)
