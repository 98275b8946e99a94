"""Between the movie's pixel grid and the grid that a model was trained on."""

from __future__ import annotations

from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor

# Closer than this the grids count as equal: resampling would cost sharpness and gain nothing.
_TOLERANCE = 0.02


@dataclass(frozen=True)
class Grids:
    """Two grids over the same field of view.

    Attributes
    ----------
    height, width : int
        Size on the movie's grid, px.
    model_height, model_width : int
        Size on the model's grid, px.
    """

    height: int
    width: int
    model_height: int
    model_width: int

    @classmethod
    def match(cls, height: int, width: int, zoom: float) -> Grids:
        """Grids for a movie whose pixels are `zoom` times as large as the model's."""
        if abs(zoom - 1.0) <= _TOLERANCE:
            return cls(height, width, height, width)
        return cls(height, width, max(1, round(height * zoom)), max(1, round(width * zoom)))

    @property
    def equal(self) -> bool:
        """Whether nothing needs resampling."""
        return (self.height, self.width) == (self.model_height, self.model_width)

    def images_to_model(self, images: Tensor) -> Tensor:
        """Resample images (N, C, H, W), bicubic with anti-aliasing."""
        return self._resize(images, (self.model_height, self.model_width), "bicubic")

    def images_to_movie(self, images: Tensor) -> Tensor:
        """Resample images (N, C, h, w) back, bicubic with anti-aliasing."""
        return self._resize(images, (self.height, self.width), "bicubic")

    def maps_to_model(self, maps: Tensor) -> Tensor:
        """Resample smooth maps (N, C, H, W) such as probabilities, bilinear."""
        return self._resize(maps, (self.model_height, self.model_width), "bilinear")

    def maps_to_movie(self, maps: Tensor) -> Tensor:
        """Resample smooth maps (N, C, h, w) back, bilinear."""
        return self._resize(maps, (self.height, self.width), "bilinear")

    def flow_to_model(self, flow: Tensor) -> Tensor:
        """Resample a flow (N, 2, H, W) in movie px to model px."""
        scale = flow.new_tensor([self.model_width / self.width, self.model_height / self.height])
        return self.maps_to_model(flow) * scale[:, None, None]

    def flow_to_movie(self, flow: Tensor) -> Tensor:
        """Resample a flow (N, 2, h, w) in model px to movie px."""
        scale = flow.new_tensor([self.width / self.model_width, self.height / self.model_height])
        return self.maps_to_movie(flow) * scale[:, None, None]

    def _resize(self, x: Tensor, size: tuple[int, int], mode: str) -> Tensor:
        if self.equal:
            return x
        return F.interpolate(x, size=size, mode=mode, align_corners=False, antialias=True)
