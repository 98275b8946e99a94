"""What can be trained, in a biologist's words. A new recipe needs an entry here and nothing else in the dock."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

MOVIES, CLASSES, FLOW, PICTURES, SPECIMENS = "movies", "classes", "flow", "pictures", "specimens"
"""What a recipe learns from: plain movies, movies with classes of pixels, with known motion, pictures of them, or
photographs in one folder per class."""
PRESETS = {"lite – small, for a processor": "lite", "thesis – full size, for a graphics card": "thesis"}
_OF_PHOTOGRAPHS = {
    "channels",
    "classes",
    "fit",
    "background",
    "split",
    "split_seed",
}  # settings of their data alone


@dataclass(frozen=True)
class TrainChoice:
    """One thing to train.

    Attributes
    ----------
    title, sentence : str
        What it is called and what it is for.
    recipe : str
        Name in ``run.toml``.
    kind : str
        Kind of the resulting model, which is also what a training can start from.
    needs : str
        One of `MOVIES`, `CLASSES`, `FLOW`, `PICTURES`, `SPECIMENS`.
    settings : dict
        Settings in which the choice differs from the recipe's own ones.
    fit : dict
        Settings of the run in which it differs from what the dock offers otherwise.
    presets : dict
        Sizes of the network by what they are called.
    stages : dict
        Settings' value by what a stage is called; empty for a recipe without stages.
    stage : str
        The stage to offer first.
    start : str
        Bundled model to start from; "" for fresh weights.
    starts : dict
        Kinds of models besides `kind` that a training can start from, each with the only preset that it fits.
    generator : bool
        Whether a finished generator is needed, whose file is the setting `model`.
    one_class : bool
        Whether one class of specimens can be learnt alone.
    """

    title: str
    sentence: str
    recipe: str
    kind: str
    needs: str
    settings: dict[str, Any] = field(default_factory=dict)
    fit: dict[str, Any] = field(default_factory=dict)
    presets: dict[str, str] = field(default_factory=lambda: PRESETS)
    stages: dict[str, str] = field(default_factory=dict)
    stage: str = ""
    start: str = ""
    starts: dict[str, str] = field(default_factory=dict)
    generator: bool = False
    one_class: bool = False


CHOICES = (
    TrainChoice(
        "Forecaster (SDC-Net++)",
        "Learns what happens next on your chip; the model of the Forecast dock. Plain movies are enough.",
        "sdcnet",
        "sdcnet",
        MOVIES,
        settings={"flow_model": "pwcnet-lite", "segmentation_model": "unet-lite"},
        stages={
            "1 – motion, from nothing": "flow",
            "2 – kernels, to begin with": "kernel_init",
            "3 – everything, or adapt": "fine_tune",
            "4 – several frames ahead": "multi_frame",
        },
        stage="fine_tune",
        start="sdcnet-lite",
    ),
    TrainChoice(
        "Cell segmentation (U-Net)",
        "Learns to tell trap, cell of interest, other cells and background apart. Needs movies with labels.",
        "segmentation",
        "unet",
        CLASSES,
        start="unet-lite",
    ),
    TrainChoice(
        "Motion, from my own movies (PWC-Net)",
        "Adapts the optical flow, where each pixel was in the frame before, to your movies. Needs no labels.",
        "flow_unsupervised",
        "pwcnet",
        MOVIES,
        start="pwcnet-lite",
    ),
    TrainChoice(
        "Motion, from simulated cells (PWC-Net)",
        "Learns where each pixel of a frame was in the frame before, from movies whose motion is known.",
        "flow",
        "pwcnet",
        FLOW,
        start="pwcnet-lite",
    ),
    TrainChoice(
        "Picture generator (Cell-GAN)",
        "Learns to invent pictures of trapped cells that look like yours; the model of the Generate dock.",
        "cellgan",
        "cellgan",
        PICTURES,
    ),
    TrainChoice(
        "Look-alikes (guidance encoder)",
        "Teaches a finished generator to invent look-alikes of a given picture.",
        "guidance_encoder",
        "cellgan",
        PICTURES,
        generator=True,
    ),
    TrainChoice(
        "Picture generator (VAE)",
        "Learns to invent pictures as Cell-GAN does: quicker to train, but blurred.",
        "vae",
        "vae",
        PICTURES,
    ),
    TrainChoice(
        "Generator of specimens (MSG-GAN)",
        "Learns to invent photographs of single specimens – shells, grains, pollen – from a folder with one folder of "
        "pictures per class; a model of the Generate dock.",
        "msggan",
        "msggan",
        SPECIMENS,
        fit={"average": 0.999, "export": "best"},
        one_class=True,
    ),
    TrainChoice(
        "Generator of specimens (Cell-GAN)",
        "The same with another network, which has styles to mix and edit, noise and truncation; slower to train.",
        "cellgan",
        "cellgan",
        SPECIMENS,
        settings={"data": {"channels": 3}},
        fit={"average": 0.998, "export": "best"},
        one_class=True,
    ),
    TrainChoice(
        "Classifier of specimens",
        "Learns to tell the classes of your photographs apart; ends early when it gets no better.",
        "classifier",
        "classifier",
        SPECIMENS,
        fit={"average": 0.0, "validate_every": 20, "patience": 10, "export": "best"},
        presets={
            "lite – small, for a processor": "lite",
            "large – for a graphics card": "large",
            "resnet18 – imported weights": "resnet18",
        },
        starts={"backbone": "resnet18"},
    ),
)


def choice_of(recipe: str, settings: dict[str, Any]) -> TrainChoice:
    """Return the choice that a ``run.toml`` belongs to: the one of its recipe that shares most settings with it."""
    photographs = bool(_OF_PHOTOGRAPHS & set(settings.get("data", {})))
    fitting = [choice for choice in CHOICES if choice.recipe == recipe]
    fitting = [choice for choice in fitting if (choice.needs == SPECIMENS) == photographs] or fitting
    if not fitting:
        return TrainChoice(recipe, "A recipe without a description.", recipe, "", MOVIES)
    return max(fitting, key=lambda c: sum(1 if settings.get(n) == v else -1 for n, v in c.settings.items()))
