"""Shape and dtype contracts shared by the operators."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from napari_cellsim.base.errors import CellSimError

HALF_TYPES = (torch.float16, torch.bfloat16)


def check_floating(**tensors: Tensor) -> None:
    """Raise a sentence unless every tensor holds real floating-point numbers."""
    for name, tensor in tensors.items():
        if not tensor.is_floating_point():
            raise CellSimError(
                f"{name} holds {_name(tensor.dtype)} values; convert it to a floating-point type."
            )


def check_shape(name: str, tensor: Tensor, expected: Sequence[int | str]) -> None:
    """Raise a sentence unless `tensor` has the expected shape; a letter stands for any length."""
    shape = tuple(tensor.shape)
    fits = len(shape) == len(expected) and all(
        isinstance(want, str) or have == want for have, want in zip(shape, expected, strict=True)
    )
    if not fits:
        wanted = ", ".join(str(want) for want in expected)
        raise CellSimError(f"{name} has shape {shape} where ({wanted}) is needed.")


def check_same_device(**tensors: Tensor) -> None:
    """Raise a sentence unless all tensors live on one device."""
    devices = {name: str(tensor.device) for name, tensor in tensors.items()}
    if len(set(devices.values())) > 1:
        where = ", ".join(f"{name} on {device}" for name, device in devices.items())
        raise CellSimError(f"All tensors must be on one device, but there is {where}.")


def check_dtype(name: str, tensor: Tensor, allowed: Sequence[torch.dtype]) -> None:
    """Raise a sentence unless the dtype of `tensor` is one of `allowed`."""
    if tensor.dtype not in allowed:
        wanted = " or ".join(_name(dtype) for dtype in dict.fromkeys(allowed))
        raise CellSimError(f"{name} is {_name(tensor.dtype)} where {wanted} is needed; convert it first.")


def widen(tensor: Tensor) -> Tensor:
    """Turn half precision into float32 and leave the rest."""
    return tensor.float() if tensor.dtype in HALF_TYPES else tensor


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
