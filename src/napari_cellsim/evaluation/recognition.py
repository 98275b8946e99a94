"""What a classifier says of pictures: classes, how sure it is, and what it makes of generated ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ..base import CellSimError, JobToken
from .report import Strict

if TYPE_CHECKING:
    from ..models import Model

BATCH = 64


class Recognition(Strict):
    """How often a classifier is right.

    Attributes
    ----------
    pictures : int
    accuracy : float
        Share of correctly classified pictures.
    by_class : dict
        The same of each class that has pictures.
    """

    pictures: int
    accuracy: float
    by_class: dict[str, float]


class UncertainCase(Strict):
    """A picture that a classifier with dropout is unsure of.

    Attributes
    ----------
    name : str
        Of the picture.
    truth : str or None
        Its class, where it is known.
    guess : str
    probability : float
        Mean probability of the guess.
    entropy : float
        Of the mean probabilities, over its largest value: 0 sure, 1 all classes alike.
    disagreement : float
        Mutual information of class and weights, over the same value: the part of `entropy` that comes from samples of
        the network contradicting each other, which more training pictures could mend.
    """

    name: str
    truth: str | None
    guess: str
    probability: float
    entropy: float
    disagreement: float


def class_names(model: Model) -> tuple[str, ...]:
    """Return the classes that a classifier tells apart.

    Raises
    ------
    CellSimError
        If the model is no classifier.
    """
    if model.kind != "classifier":
        raise CellSimError(
            f"Model {model.name!r} is a {model.kind}, which knows no classes of specimens: give a classifier."
        )
    found: Any = model.card.training.get("class_names", [])
    count = model.network.config.classes
    return tuple(map(str, found)) if len(found) == count else tuple(f"class {i}" for i in range(count))


def class_probabilities(
    model: Model,
    images: npt.NDArray[np.uint8],
    *,
    samples: int = 0,
    seed: int = 0,
    device: str = "auto",
    token: JobToken | None = None,
) -> npt.NDArray[np.float64]:
    """Return what a classifier says of pictures.

    Parameters
    ----------
    model : Model
        A classifier.
    images : array of uint8 (N, C, H, W)
        As `datasets.read_specimens` reads them.
    samples : int
        0 for the network as it is, (N, K); else so many samples with dropout left on, (samples, N, K).
    seed : int
        Of dropout.
    device : str
        See `models.hardware.devices`.
    token : JobToken, optional
        Cancels between batches.

    Returns
    -------
    array
        Probabilities, which add up to 1 over the K classes.
    """
    import torch

    network, batches = _ready(model, images, device, token)
    with torch.inference_mode(), torch.random.fork_rng():
        torch.manual_seed(seed)
        for module in network.modules():
            if isinstance(module, torch.nn.Dropout):
                module.train(samples > 0)
        try:
            found = [
                np.concatenate([network(batch).double().softmax(1).cpu() for batch in batches()])
                for _ in range(max(1, samples))
            ]
        finally:
            network.eval()
    return np.stack(found) if samples else found[0]


def classifier_features(
    model: Model, images: npt.NDArray[np.uint8], *, device: str = "auto", token: JobToken | None = None
) -> npt.NDArray[np.float32]:
    """Describe photographs of specimens by what a classifier sees in them.

    Parameters
    ----------
    model, images, device, token
        As for `class_probabilities`.

    Returns
    -------
    array (N, D)
        Means and maxima of its last maps, which its head judges; of a ResNet-18 the means alone.

    Notes
    -----
    They see what tells its classes apart, and may miss what does not. Numbers compare only with others of the same
    classifier.
    """
    import torch

    network, batches = _ready(model, images, device, token)
    with torch.inference_mode():
        return np.concatenate([network.features(batch).cpu() for batch in batches()])


def _ready(
    model: Model, images: npt.NDArray[np.uint8], device: str, token: JobToken | None
) -> tuple[Any, Callable[[], Iterator[Any]]]:
    """Return the network on its device, and what yields batches of pictures as it takes them."""
    import torch

    from ..models.hardware import choose_device

    class_names(model)
    channels, size = model.network.config.channels, model.card.input_size
    if images.ndim != 4 or not len(images) or images.shape[1] != channels:
        raise CellSimError(
            f"The classifier {model.name!r} takes pictures (N, {channels}, Y, X), not an array of the shape "
            f"{images.shape}: give one that was trained on such pictures."
        )
    if size and images.shape[2:] != size:
        raise CellSimError(
            f"The classifier {model.name!r} learnt pictures of {size[0]} x {size[1]} px, but these have "
            f"{images.shape[2]} x {images.shape[3]} px: give one that was trained at their size."
        )
    chosen, check = choose_device(device), (token or JobToken()).check

    def batches() -> Iterator[Any]:
        for first in range(0, len(images), BATCH):
            check()
            yield torch.from_numpy(images[first : first + BATCH]).to(chosen).float() / 127.5 - 1

    return model.to(chosen).network.eval(), batches


def recognise(
    model: Model, images: npt.NDArray[np.uint8], labels: npt.NDArray[np.int64], **options: Any
) -> Recognition:
    """Return how often a classifier is right about pictures, real or generated.

    Parameters
    ----------
    model : Model
        A classifier. For a judgement of a generator it must have been trained on real pictures alone.
    images : array of uint8 (N, C, H, W)
    labels : array (N,)
        Index of each picture's class, in the order of the classifier's.
    **options
        As for `class_probabilities`.
    """
    return recognition(class_probabilities(model, images, **options).argmax(1), labels, class_names(model))


def recognition(
    guesses: npt.NDArray[np.int64], labels: npt.NDArray[np.int64], names: Sequence[str]
) -> Recognition:
    """Return how often guesses are right."""
    right = guesses == labels
    return Recognition(
        pictures=len(labels),
        accuracy=float(right.mean()),
        by_class={
            name: float(right[labels == label].mean())
            for label, name in enumerate(names)
            if (labels == label).any()
        },
    )


def uncertain_cases(
    model: Model,
    images: npt.NDArray[np.uint8],
    names: Sequence[str],
    labels: npt.NDArray[np.int64] | None = None,
    *,
    samples: int = 20,
    most: int = 12,
    seed: int = 0,
    device: str = "auto",
    token: JobToken | None = None,
) -> list[UncertainCase]:
    """Return the pictures that a classifier is least sure of, by Monte-Carlo dropout.

    Parameters
    ----------
    model : Model
        A classifier with dropout.
    images : array of uint8 (N, C, H, W)
    names : sequence of str (N,)
        What each picture is called.
    labels : array (N,), optional
        Their true classes.
    samples : int
        Networks with other units left out.
    most : int
        How many pictures to return.
    seed, device, token
        As for `class_probabilities`.

    Notes
    -----
    Gal & Ghahramani, ICML 2016; mutual information as in Houlsby et al. 2011, arXiv:1112.5745.
    """
    found = class_probabilities(model, images, samples=max(1, samples), seed=seed, device=device, token=token)
    mean = found.mean(0)
    most_possible = float(np.log(found.shape[2]))
    entropy = _entropy(mean) / most_possible
    disagreement = np.maximum(entropy - _entropy(found).mean(0) / most_possible, 0)
    classes = class_names(model)
    order = np.argsort(-entropy, kind="stable")[:most]
    return [
        UncertainCase(
            name=names[i],
            truth=None if labels is None else classes[labels[i]],
            guess=classes[int(mean[i].argmax())],
            probability=float(mean[i].max()),
            entropy=float(entropy[i]),
            disagreement=float(disagreement[i]),
        )
        for i in order
    ]


def _entropy(probabilities: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    found: npt.NDArray[np.float64] = -(probabilities * np.log(np.maximum(probabilities, 1e-300))).sum(-1)
    return found
