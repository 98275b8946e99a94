"""Generate pictures of trapped cells and specimens: freely, after a guide picture, and along the latent space.

Nothing here imports torch until a picture is made.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..base.lazy import lazily

if TYPE_CHECKING:
    from .editing import Editor, edit, edit_job
    from .encoding import encode, encode_job, project, project_job
    from .events import PicturesReady, RefinementReady
    from .files import open_result
    from .generated import Generated
    from .matching import Guides, match_guides
    from .mixtures import mix, mix_job
    from .neighbours import Neighbours, nearest_real
    from .principal import Directions, directions
    from .sampling import generate, generate_job, mean_latent, render
    from .sheets import contact_sheet, scale_sheet, scales, walk_sheet
    from .walks import interpolate, interpolate_job

_HOME = {
    "Directions": "principal",
    "Editor": "editing",
    "Generated": "generated",
    "Guides": "matching",
    "Neighbours": "neighbours",
    "PicturesReady": "events",
    "RefinementReady": "events",
    "contact_sheet": "sheets",
    "directions": "principal",
    "edit": "editing",
    "edit_job": "editing",
    "encode": "encoding",
    "encode_job": "encoding",
    "generate": "sampling",
    "generate_job": "sampling",
    "interpolate": "walks",
    "interpolate_job": "walks",
    "match_guides": "matching",
    "mean_latent": "sampling",
    "mix": "mixtures",
    "mix_job": "mixtures",
    "nearest_real": "neighbours",
    "open_result": "files",
    "project": "encoding",
    "project_job": "encoding",
    "render": "sampling",
    "scale_sheet": "sheets",
    "scales": "sheets",
    "walk_sheet": "sheets",
}
__all__ = [
    "Directions",
    "Editor",
    "Generated",
    "Guides",
    "Neighbours",
    "PicturesReady",
    "RefinementReady",
    "contact_sheet",
    "directions",
    "edit",
    "edit_job",
    "encode",
    "encode_job",
    "generate",
    "generate_job",
    "interpolate",
    "interpolate_job",
    "match_guides",
    "mean_latent",
    "mix",
    "mix_job",
    "nearest_real",
    "open_result",
    "project",
    "project_job",
    "render",
    "scale_sheet",
    "scales",
    "walk_sheet",
]

__getattr__ = lazily(__name__, _HOME)
