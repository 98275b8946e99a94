"""Make a pair of functions a torch operator that autograd, torch.compile and `opcheck` know.

`torch.library.custom_op` would do the same in fewer words, but wraps every call; the first one imports the compiler,
800 modules and more than a second of every first forecast.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

_NAMESPACE = "napari_cellsim"
# The operators live as long as this does.
_LIBRARY = torch.library.Library(_NAMESPACE, "FRAGMENT")


def operator(
    name: str,
    schema: str,
    compute: Callable[..., Any],
    fake: Callable[..., Any],
    differentiate: Callable[..., Any],
    save: Callable[..., None],
) -> Callable[..., Any]:
    """Register an operator and return what calls it.

    Parameters
    ----------
    name
        Its name within ``napari_cellsim::``.
    schema
        Types of its arguments and results, as torch writes them. Spelt out, because torch cannot read postponed
        annotations in all the versions we support.
    compute
        Computes it on the processor and on CUDA; returns new tensors and changes none.
    fake
        Makes empty results of the right shape, dtype and device.
    differentiate, save
        ``backward`` and ``setup_context`` of `torch.library.register_autograd`.
    """
    caller = plain_operator(name, schema, compute, fake)
    qualified = f"{_NAMESPACE}::{name}"
    torch.library.register_autograd(qualified, differentiate, setup_context=save, lib=_LIBRARY)
    return caller


def plain_operator(
    name: str,
    schema: str,
    compute: Callable[..., Any],
    fake: Callable[..., Any],
    *,
    differentiable: bool = True,
) -> Callable[..., Any]:
    """Register an operator without derivatives and return what calls it; see `operator`.

    With ``differentiable=False`` it is for inputs that need no gradient and torch spends no time on looking for one:
    what `torch.library.register_autograd` does in Python takes a tenth of a millisecond where other work has
    emptied the caches.
    """
    _LIBRARY.define(f"{name}{schema}")
    for key in ("CPU", "CUDA"):
        _LIBRARY.impl(name, compute, key)
    if not differentiable:
        _LIBRARY.impl(name, torch.library.fallthrough_kernel, "Autograd")
    torch.library.register_fake(f"{_NAMESPACE}::{name}", fake, lib=_LIBRARY)
    caller: Callable[..., Any] = getattr(getattr(torch.ops, _NAMESPACE), name).default
    return caller


def widen_under_autocast(name: str) -> None:
    """Let autocast hand the operator float32: a bfloat16 displacement, say, would lose its fraction."""
    for device in ("cpu", "cuda"):
        torch.library.register_autocast(f"{_NAMESPACE}::{name}", device, torch.float32, lib=_LIBRARY)
