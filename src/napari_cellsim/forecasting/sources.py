"""Where the flow and the segmentation of a roll-out come from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
from torch import Tensor

from ..base import CellSimError, JobToken
from .classical import lucas_kanade
from .grids import Grids
from .tiles import evaluate_tiled

if TYPE_CHECKING:
    from ..models import Model
    from ..nets.pwcnet import PWCNet, Pyramid
    from ..nets.rollout import FlowFunction, SegmentFunction

FlowSource = Literal["model", "classical"] | Any
SegmentationSource = Literal["model", "none"] | Any

_FINDER = "unet-lite"  # finds cells for models that need none themselves
_CELL_OF_INTEREST, _AUXILIARY, _TRAP, _BACKGROUND = 2, 3, 1, 0


def classical_flow(first: Tensor, second: Tensor) -> Tensor:
    """Return the Lucas-Kanade flow of pictures (B, 1, H, W), as (B, 2, H, W) px."""
    pairs = zip(first[:, 0].cpu().numpy(), second[:, 0].cpu().numpy(), strict=True)
    flows = np.stack([lucas_kanade(one, other) for one, other in pairs])
    return torch.from_numpy(flows).to(first.device)


def network_flow(network: PWCNet, tile: int, token: JobToken) -> FlowFunction:
    """Wrap a PWC-Net as a flow function that works on tiles.

    Where a picture is one tile, the last one encoded is remembered: in a roll-out each frame is first the new one of a
    pair and then the old one of the next.
    """
    last: tuple[Tensor, Pyramid] | None = None

    def encode(frame: Tensor) -> Pyramid:
        nonlocal last
        if last is None or last[0].shape != frame.shape or not torch.equal(last[0], frame):
            last = frame.clone(), network.encode(frame)
        return last[1]

    def flow(first: Tensor, second: Tensor) -> Tensor:
        if max(first.shape[-2:]) > tile:
            return evaluate_tiled(network, (first, second), tile, token)[0]
        before = encode(second)
        return network.flow_from_features(encode(first), before)

    return flow


def network_segmentation(network: torch.nn.Module, tile: int, token: JobToken) -> SegmentFunction:
    """Wrap a segmentation network as a function that returns probabilities and works on tiles."""

    def segment(frame: Tensor) -> Tensor:
        return torch.softmax(evaluate_tiled(network, (frame,), tile, token)[0], dim=1)

    return segment


def check_flow_source(source: FlowSource, history: list[int], shape: tuple[int, int]) -> np.ndarray | None:
    """Return the flow of the past frames (T0, 2, Y, X) if `source` is an array, else None; complain if unusable."""
    if isinstance(source, np.ndarray):
        expected = f"(T, 2, {shape[0]}, {shape[1]})"
        if (
            source.ndim != 4
            or source.shape[1] != 2
            or source.shape[2:] != shape
            or len(source) <= history[-1]
        ):
            raise CellSimError(
                f"The given flow has shape {source.shape}; it must be {expected} with one entry per frame up to "
                f"frame {history[-1]}."
            )
        return np.asarray(source[history], dtype=np.float32)
    kind = getattr(source, "kind", None)
    if source in ("model", "classical") or kind == "pwcnet":
        return None
    raise CellSimError(
        f"The flow source {_name(source)} is unknown; choose 'model', 'classical', a PWC-Net model or a flow array."
    )


def check_segmentation_source(
    source: SegmentationSource, history: list[int], shape: tuple[int, int]
) -> np.ndarray | None:
    """Return class maps of the past frames (T0, 4, Y, X) if `source` is an array, else None; complain if unusable."""
    if isinstance(source, np.ndarray):
        if source.shape[-2:] != shape or source.ndim not in (2, 3, 4):
            raise CellSimError(
                f"The given segmentation has shape {source.shape}; it must be labels ({shape[0]}, {shape[1]}) or "
                f"(T, {shape[0]}, {shape[1]}), or class probabilities (T, 4, {shape[0]}, {shape[1]})."
            )
        if source.ndim > 2 and len(source) <= history[-1]:
            raise CellSimError(
                f"The given segmentation has {len(source)} frames; it must reach to frame {history[-1]}, the last "
                "one the forecast may see."
            )
        if source.ndim == 4:
            if source.shape[1] != 4:
                raise CellSimError(f"Class probabilities need 4 classes, not {source.shape[1]}.")
            return np.asarray(source[history], dtype=np.float32)
        frames = [source] * len(history) if source.ndim == 2 else [source[i] for i in history]
        return np.stack([labels_to_classes(f) for f in frames])
    kind = getattr(source, "kind", None)
    if source in ("model", "none") or kind == "unet":
        return None
    raise CellSimError(
        f"The segmentation source {_name(source)} is unknown; choose 'model', 'none', a U-Net model or a label image."
    )


def labels_to_classes(labels: np.ndarray) -> np.ndarray:
    """Turn instance labels into the four classes that the predictor reads.

    Parameters
    ----------
    labels : ndarray
        (Y, X) integers: 0 background, -1 trap where known, every positive number one cell.

    Returns
    -------
    ndarray
        (4, Y, X) float32 one-hot: background, trap, cell of interest (the cell whose centre is nearest to the
        middle of the trap, or of the picture where no trap is marked), auxiliary cells.
    """
    from scipy import ndimage

    labels = np.asarray(labels).astype(np.int64)
    classes = np.where(labels > 0, _AUXILIARY, np.where(labels < 0, _TRAP, _BACKGROUND))
    ids = np.unique(labels[labels > 0])
    if len(ids):
        trap = labels < 0
        middle = np.argwhere(trap).mean(0) if trap.any() else (np.array(labels.shape) - 1) / 2
        centres = np.array(ndimage.center_of_mass(labels > 0, labels, ids))
        nearest = ids[np.argmin(((centres - middle) ** 2).sum(1))]
        classes[labels == nearest] = _CELL_OF_INTEREST
    return np.eye(4, dtype=np.float32)[classes].transpose(2, 0, 1)


def flow_function(
    source: FlowSource, model: Model, device: torch.device, tile: int, token: JobToken
) -> tuple[FlowFunction | None, dict[str, Any]]:
    """Return the flow function of a source and what provenance should say about it.

    A network that sees frames alone needs none.
    """
    if frames_only(model):
        return None, {"source": "none: the model sees frames alone"}
    if isinstance(source, np.ndarray):
        return None, {"source": "array"}
    if isinstance(source, str) and source == "classical":
        return classical_flow, {"source": "classical (skimage.registration.optical_flow_ilk, radius 7)"}
    partner = _partner(model, "flow") if isinstance(source, str) else source
    network = partner.network.to(device).eval()
    return network_flow(network, tile, token), {"source": partner.name, "hash": partner.hash}


def segmentation_function(
    source: SegmentationSource, model: Model, device: torch.device, tile: int, token: JobToken
) -> tuple[SegmentFunction | None, dict[str, Any]]:
    """Return the segmentation function of a source and what provenance should say about it.

    A network that sees frames alone names no partner; the bundled U-Net then finds the cells in what it has predicted,
    on the grid that it was itself trained on. A partner has learned on the grid of its model.
    """
    if isinstance(source, np.ndarray):
        return None, {"source": "labels"}
    if isinstance(source, str) and source == "none":
        return None, {"source": "none"}
    partner = cell_finder(model) if isinstance(source, str) else source
    segment = network_segmentation(partner.network.to(device).eval(), tile, token)
    if frames_only(model):
        segment = _on_own_grid(segment, partner.card.zoom(model.card.pixel_size))
    return segment, {"source": partner.name, "hash": partner.hash}


def _on_own_grid(segment: SegmentFunction, zoom: float) -> SegmentFunction:
    """Let a segmentation see frames whose pixels are `zoom` times as large as its own on its own grid."""

    def resampled(frame: Tensor) -> Tensor:
        grids = Grids.match(frame.shape[-2], frame.shape[-1], zoom)
        return grids.maps_to_movie(segment(grids.images_to_model(frame)))

    return resampled


def past_maps(
    array: np.ndarray | None, grids: Grids, device: torch.device, *, is_flow: bool
) -> Tensor | None:
    """Bring given maps (T0, C, Y, X) to the model's grid as (1, T0, C, h, w)."""
    if array is None:
        return None
    tensor = torch.from_numpy(np.ascontiguousarray(array)).to(device)
    return (grids.flow_to_model(tensor) if is_flow else grids.maps_to_model(tensor))[None]


def frames_only(model: Model) -> bool:
    """Return whether a model looks at pictures alone, without flow and classes."""
    return bool(model.network.config.sees == "frames")


def cell_finder(model: Model) -> Model:
    """Return the U-Net that finds cells for a forecasting model: its partner, or the bundled one if it needs none."""
    from ..models import load_model

    return load_model(_FINDER) if frames_only(model) else _partner(model, "segmentation")


def _partner(model: Model, role: str) -> Model:
    from ..models import resolve_partner

    return resolve_partner(model, role)


def _name(source: object) -> str:
    return repr(source) if isinstance(source, str) else type(source).__name__
