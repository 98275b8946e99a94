"""From pictures to a dataset: find traps, follow them, cut crops, review, split; or read photographs by class.

Nothing here imports torch until cells are counted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..base import run
from ..base.lazy import lazily

if TYPE_CHECKING:
    from .cropping import crop_job
    from .curation import PRESETS, Curation, Decision, Rule
    from .experiment import Experiment, Position, open_experiment
    from .finding import Traps, find_traps, find_traps_job
    from .locating import Located, locate_job
    from .measures import Measures, MeasureTable, measure_job
    from .orders import CropOrder
    from .parts import PartPictures, part_pictures
    from .specimen_folders import class_names
    from .specimens import Specimens, read_specimens, read_specimens_job
    from .splits import Split, check_leaks, make_split
    from .store import CropSequence, CropStore
    from .templates import TrapTemplate
    from .timewindows import Window, windows
    from .tracking import Track, track_traps, track_traps_job

_HOME = {
    "PRESETS": "curation",
    "CropOrder": "orders",
    "CropSequence": "store",
    "CropStore": "store",
    "Curation": "curation",
    "Decision": "curation",
    "Experiment": "experiment",
    "Located": "locating",
    "MeasureTable": "measures",
    "Measures": "measures",
    "PartPictures": "parts",
    "Position": "experiment",
    "Rule": "curation",
    "Specimens": "specimens",
    "Split": "splits",
    "Track": "tracking",
    "TrapTemplate": "templates",
    "Traps": "finding",
    "Window": "timewindows",
    "check_leaks": "splits",
    "class_names": "specimen_folders",
    "crop_job": "cropping",
    "find_traps": "finding",
    "find_traps_job": "finding",
    "locate_job": "locating",
    "make_split": "splits",
    "measure_job": "measures",
    "open_experiment": "experiment",
    "part_pictures": "parts",
    "read_specimens": "specimens",
    "read_specimens_job": "specimens",
    "track_traps": "tracking",
    "track_traps_job": "tracking",
    "windows": "timewindows",
}
__all__ = [
    "PRESETS",
    "CropOrder",
    "CropSequence",
    "CropStore",
    "Curation",
    "Decision",
    "Experiment",
    "Located",
    "MeasureTable",
    "Measures",
    "PartPictures",
    "Position",
    "Rule",
    "Specimens",
    "Split",
    "Track",
    "TrapTemplate",
    "Traps",
    "Window",
    "check_leaks",
    "class_names",
    "crop_job",
    "find_traps",
    "find_traps_job",
    "locate_job",
    "make_split",
    "measure_job",
    "open_experiment",
    "part_pictures",
    "read_specimens",
    "read_specimens_job",
    "run",
    "track_traps",
    "track_traps_job",
    "windows",
]

__getattr__ = lazily(__name__, _HOME)
