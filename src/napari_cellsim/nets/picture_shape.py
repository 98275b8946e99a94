"""What the configurations of all networks that make or judge pictures of one size share."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator


class PictureShape(BaseModel):
    """Size of the pictures.

    Attributes
    ----------
    sizes : tuple of int
        Sides that pictures may have, px.
    size : int
        Side of the pictures, px: one of `sizes`.
    channels, frames : int
        Channels of a picture, and consecutive frames per sample (1 or 3).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    sizes: ClassVar[tuple[int, ...]] = (32, 64, 128, 256, 512)

    size: int = 256
    channels: int = Field(1, ge=1)
    frames: Literal[1, 3] = 1

    @field_validator("size")
    @classmethod
    def _size(cls, size: int) -> int:
        if size not in cls.sizes:
            raise ValueError(
                f"the picture size must be one of {', '.join(map(str, cls.sizes))} px, not {size}"
            )
        return size

    @property
    def planes(self) -> int:
        """Planes of a sample as networks take it, (B, planes, size, size): frames times channels."""
        return self.frames * self.channels

    @property
    def halvings(self) -> int:
        """How often the size can be halved until 4 px are left."""
        return self.size.bit_length() - 3

    @property
    def slots(self) -> int:
        """Number of places where a style enters a generator of this size: ``2·log2(size) - 2``."""
        return 2 * self.halvings + 2


def block_widths(widths: tuple[int, ...], size: int) -> tuple[int, ...]:
    """Return one width per halving from `size` to 2 px, fine to coarse.

    A width belongs to a resolution: smaller pictures leave the finest ones out, larger ones repeat the first.
    That way weights learnt at one size fit the coarse blocks of the next.

    Parameters
    ----------
    widths : tuple of int
        The last one works on 4×4 px, the one before on 8×8, and so on.
    size : int
        Side of the pictures, a power of two.
    """
    count = size.bit_length() - 2
    return (widths[:1] * count + widths)[-count:]
