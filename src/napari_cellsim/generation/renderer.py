"""A generative model made ready on a device."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..base import CellSimError, JobToken, now, versions
from ..models import Model, load_model
from ..models.hardware import choose_device
from .generated import COLOURS, NO_NOISE, WHITE
from .seeds import check_seed

# Larger batches gain nothing on a CPU, and make progress and cancelling slow to answer.
_CPU_BYTES, _LARGEST_BATCH = 64 * 2**20, 64
# Feature maps of the largest kind that live at once while a picture is drawn.
_LIVE_MAPS = 4
_MAPPED_AT_ONCE = 1000
_ARTICLES = {"cellgan": "a Cell-GAN", "msggan": "an MSG-GAN", "vae": "an autoencoder"}
# What an MSG-GAN draws, [-1, 1], as 8-bit intensities.
_MIDDLE = _HALF = WHITE / 2

_means: OrderedDict[tuple[str, int, int], tuple[NDArray[np.float32], float]] = OrderedDict()


class Renderer:
    """Draws pictures of one model on one device.

    Parameters
    ----------
    model : Model, str or Path
        A Cell-GAN, an MSG-GAN or an autoencoder, or the name or file of one.
    device : str
        See `models.hardware.devices`.
    token : JobToken, optional
        To cancel or pause whatever it does that takes longer.

    Raises
    ------
    CellSimError
        If the model is of another kind or its weights are no numbers, or there is no such device.
    """

    def __init__(
        self, model: Model | str | Path, device: str = "auto", token: JobToken | None = None
    ) -> None:
        self.token = token or JobToken()
        self.model = load_model(model) if isinstance(model, str | Path) else model
        if self.model.kind not in _ARTICLES:
            raise CellSimError(
                f"Model {self.model.name!r} is a {self.model.kind}, which cannot generate pictures; choose a Cell-GAN, "
                "an MSG-GAN or an autoencoder."
            )
        self.device = choose_device(device)
        config = self.model.network.config
        self.size, self.channels, self.frames = int(config.size), int(config.channels), int(config.frames)
        self.latent = int(config.latent)
        self.kind = self.model.kind
        self.styled = self.kind == "cellgan"
        self.slots = int(self.model.network.slots) if self.styled else 1
        self.network = self.ready(self.kind)
        self._noise: tuple[bytes, list[Tensor]] | None = None

    @property
    def spherical(self) -> bool:
        """Whether latents count by their direction alone, as those of an MSG-GAN do: they have length √D."""
        return self.kind == "msggan"

    @property
    def photographs(self) -> bool:
        """Whether the model draws photographs, as any MSG-GAN does; their intensities are from 0 to `WHITE`."""
        return self.spherical or self.model.card.modality == "photograph"

    @property
    def channel_names(self) -> tuple[str, ...]:
        """Red, green and blue for a model of colour photographs, else nothing."""
        return COLOURS if self.photographs and self.channels == len(COLOURS) else ()

    def refuse_unless_styled(self, why: str) -> None:
        """Raise one sentence if the model has no styles.

        Parameters
        ----------
        why : str
            What is missing, following "Model … is an MSG-GAN".

        Raises
        ------
        CellSimError
            Naming the model and what it is.
        """
        if not self.styled:
            raise CellSimError(
                f"Model {self.model.name!r} is {_ARTICLES[self.kind]}{why}; choose a Cell-GAN."
            )

    def ready(self, role: str) -> Any:
        """Return one of the model's networks, on the device and checked.

        Raises
        ------
        CellSimError
            If it holds weights that are no numbers.
        """
        network = self.model.networks[role].to(self.device).eval()
        for name, weight in network.state_dict().items():
            if weight.is_floating_point() and not bool(weight.isfinite().all()):
                raise CellSimError(
                    f"Model {self.model.name!r} holds weights that are not numbers ({role}.{name}); its training or "
                    "its file went wrong, so choose another checkpoint."
                )
        return network

    @cached_property
    def mapping(self) -> Any:
        """The network from z to w; where codes are z themselves, nothing but a change of type."""
        return self.ready("mapping") if self.styled else torch.nn.Identity()

    @cached_property
    def encoder(self) -> Any:
        """The guidance encoder of a Cell-GAN that has one."""
        return self.ready("encoder")

    @cached_property
    def hash(self) -> str:
        """`Model.hash`, computed once."""
        return self.model.hash

    @property
    def batch(self) -> int:
        """Number of pictures that are drawn at once."""
        config = self.model.network.config
        if self.kind in ("cellgan", "msggan"):
            maps = [w * (4 << i) ** 2 for i, w in enumerate(config.widths) if 4 << i <= self.size]
        else:
            maps = [config.widths[0] * self.size**2]
        budget = _CPU_BYTES
        if self.device.type == "cuda":
            budget = torch.cuda.mem_get_info(self.device)[0] // 2
        return int(min(max(budget // (4 * _LIVE_MAPS * max(maps)), 1), _LARGEST_BATCH))

    @property
    def intensity(self) -> NDArray[np.float64]:
        """Offset and gain (C, 2) that give a freely generated picture the intensities of the training data."""
        stated = self.model.card.normalisation
        values = stated if isinstance(stated, dict) else {}
        usual = (_MIDDLE, _HALF) if self.spherical else (0.0, 1.0)
        pair = (values.get("mean", usual[0]), values.get("std", usual[1]))
        rows = [np.broadcast_to(np.asarray(value, dtype=np.float64), self.channels) for value in pair]
        return np.stack(rows, axis=-1)

    @property
    def unit_notes(self) -> list[str]:
        """What must be said about the intensities of free pictures."""
        stated = self.model.card.normalisation
        if self.spherical or (isinstance(stated, dict) and {"mean", "std"} <= stated.keys()):
            return []
        return [
            f"Model {self.model.name!r} states no intensities, so pictures have mean 0 and standard deviation 1."
        ]

    @property
    def limits(self) -> tuple[float, float] | None:
        """What intensities are cut off at; None where there are no limits."""
        return (0.0, float(WHITE)) if self.photographs else None

    def codes(self, seeds: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return z (N, D), each row drawn from N(0, 1) by a CPU generator with its own seed.

        For a spherical model each row is brought to length √D.
        """
        rows = [
            torch.randn(self.latent, generator=torch.Generator().manual_seed(int(seed))) for seed in seeds
        ]
        z: NDArray[np.float32] = torch.stack(rows).numpy()
        return on_sphere(z) if self.spherical else z

    @torch.inference_mode()
    def map(self, z: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return w (N, D) of z (N, D)."""
        parts = []
        for i in range(0, len(z), _MAPPED_AT_ONCE):
            self.token.check()
            parts.append(
                self.mapping(torch.from_numpy(z[i : i + _MAPPED_AT_ONCE]).to(self.device)).cpu().numpy()
            )
        return np.concatenate(parts)

    def sample(self, count: int, seed: int) -> NDArray[np.float32]:
        """Return w (count, D) of one stream of random z, for statistics."""
        generator = torch.Generator().manual_seed(check_seed(seed))
        z: NDArray[np.float32] = torch.randn(count, self.latent, generator=generator).numpy()
        return self.map(on_sphere(z) if self.spherical else z)

    def mean(self, count: int = 10_000, seed: int = 0) -> tuple[NDArray[np.float32], float]:
        """Return w̄ (D,) and σ, the root mean square distance of w from it per dimension.

        They are 0 and 1 where there is no mapping network. Remembered by the model's hash.
        """
        if not self.styled:
            return np.zeros(self.latent, np.float32), 1.0
        key = (self.hash, count, seed)
        if key not in _means:
            w = self.sample(count, seed).astype(np.float64)
            mean = w.mean(0)
            _means[key] = (mean.astype(np.float32), float(np.sqrt(np.square(w - mean).mean())))
            while len(_means) > 8:
                _means.popitem(last=False)
        mean32, deviation = _means[key]
        return mean32.copy(), deviation

    def noise(self, seeds: NDArray[np.int64]) -> list[Tensor] | None:
        """Return noise maps (B, 1, h, w), one per place of a style generator; None for other models."""
        if not self.styled:
            return None
        key = np.ascontiguousarray(seeds).tobytes()
        if self._noise is None or self._noise[0] != key:
            self._noise = (key, self._draw_noise(seeds))
        return self._noise[1]

    @torch.inference_mode(False)  # tensors made in that mode cannot take part in a projection
    def _draw_noise(self, seeds: NDArray[np.int64]) -> list[Tensor]:
        shapes: Sequence[tuple[int, int]] = self.network.noise_shapes
        maps = [torch.zeros(len(seeds), 1, *shape) for shape in shapes]
        for i, seed in enumerate(seeds):
            if seed != NO_NOISE:
                generator = torch.Generator().manual_seed(int(seed))
                for one, shape in zip(maps, shapes, strict=True):
                    one[i, 0] = torch.randn(shape, generator=generator)
        return [one.to(self.device) for one in maps]

    def draw(self, latents: Tensor, noise: list[Tensor] | None) -> Tensor:
        """Return pictures (B, T·C, H, W) in network units of latents (B, L, D); differentiable."""
        if self.styled:
            pictures: Tensor = self.network(latents, noise)
        elif self.spherical:
            pictures = self.network(latents[:, 0])[-1]
        else:
            pictures = self.network.decode(latents[:, 0])
        return pictures

    @torch.inference_mode()
    def scales(self, latents: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        """Return what an MSG-GAN draws of latents (B, 1, D) at every scale: (B, 1, C, h, w), coarse to fine."""
        codes = torch.from_numpy(np.ascontiguousarray(latents[:, 0], dtype=np.float32)).to(self.device)
        return [scale.float().cpu().numpy()[:, None] for scale in self.network(codes)]

    @torch.inference_mode()
    def pictures(self, latents: NDArray[np.float32], seeds: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return pictures (B, T, C, Y, X) in network units of latents (B, L, D) and noise seeds (B,)."""
        styles = torch.from_numpy(np.ascontiguousarray(latents, dtype=np.float32)).to(self.device)
        drawn = self.draw(styles, self.noise(seeds)).float().cpu().numpy()
        return drawn.reshape(len(drawn), self.frames, self.channels, self.size, self.size)

    @torch.inference_mode()
    def encode(self, guides: NDArray[np.float32], plus: bool) -> NDArray[np.float32]:
        """Return latents (B, L, D) of standardised guides (B, T, C, Y, X), in W+ if `plus`, else L = 1."""
        images = torch.from_numpy(np.ascontiguousarray(guides)).to(self.device).flatten(1, 2)
        if self.styled:
            found = self.encoder(images, plus=plus)
        else:
            found = self.network.encode(images)[0][:, None]
        latents: NDArray[np.float32] = found.float().cpu().numpy()
        return latents

    def expand(self, latents: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return latents (N, slots, D): one for every slot."""
        if latents.shape[1] == self.slots:
            return latents
        return np.repeat(latents, self.slots, axis=1)

    def facts(self) -> dict[str, Any]:
        """Return the fields of `Generated` that the model alone decides."""
        card = self.model.card
        return {
            "pixel_size": card.pixel_size,
            "interval": card.interval if self.frames > 1 else None,
        }

    def provenance(self, config: dict[str, Any], notes: Sequence[str] = ()) -> dict[str, Any]:
        """Return the provenance of a result made with these settings."""
        return {
            "kind": "generated",
            "model": {"name": self.model.name, "hash": self.hash, "kind": self.kind},
            "config": config,
            "notes": [*notes, *self.model.warnings],
            "device": str(self.device),
            "versions": versions(),
            "time": now(),
        }


def on_sphere(codes: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return codes (N, D) brought to length √D, the sphere that MSG-GAN draws from (Østmo 2020, published code)."""
    lengths = np.linalg.norm(codes.astype(np.float64), axis=-1, keepdims=True)
    placed: NDArray[np.float32] = (codes * (math.sqrt(codes.shape[-1]) / lengths)).astype(np.float32)
    return placed
