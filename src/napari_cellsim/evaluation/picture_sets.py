"""Sets of pictures to compare: frames of movies, or photographs of single specimens with their classes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np
import numpy.typing as npt

from ..base import CellSimError, JobToken
from ..data import TimeLapse
from ..generation.generated import WHITE

if TYPE_CHECKING:
    from ..generation import Generated
    from ..generation.matching import Target
    from ..models import Model, ModelEntry

_COLOURS = {1: "grey", 3: "colour"}


@dataclass(frozen=True, eq=False)
class PictureSet:
    """Pictures of one size.

    Attributes
    ----------
    images : array (N, C, Y, X)
        Of movies as they are; of photographs uint8, grey or red, green and blue.
    name : str
        Where they are from.
    pixel_size : float or None
        µm.
    files : int
        How many files they come from.
    classes : tuple of str or None
        The class of each, where all are known.
    marks : tuple of str or None
        A mark of each, as model cards keep of pictures that were learnt from; None where the files are not known.
    photographs : bool
        Whether they are photographs of single specimens, each of which stands alone.
    notes : tuple of str
        What the user should know of them.
    """

    images: npt.NDArray[Any]
    name: str
    pixel_size: float | None = None
    files: int = 1
    classes: tuple[str, ...] | None = None
    marks: tuple[str, ...] | None = None
    photographs: bool = False
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.images)

    @property
    def size(self) -> str:
        """The size of the pictures, in words."""
        return f"{self.images.shape[2]} x {self.images.shape[3]} px"

    @property
    def described(self) -> npt.NDArray[Any]:
        """The pictures as extractors of features take them: photographs (N, C, Y, X), others (N, Y, X)."""
        return self.images if self.photographs else self.images[:, 0]

    @property
    def shown(self) -> npt.NDArray[Any]:
        """The pictures as they are looked at: (N, Y, X), or (N, Y, X, 3) in colour."""
        return np.moveaxis(self.images, 1, -1) if self.images.shape[1] == 3 else self.images[:, 0]

    def of_classes(self, names: Sequence[str]) -> Self:
        """Return the pictures of some classes, where classes are known.

        Raises
        ------
        CellSimError
            If there is none of one of them.
        """
        if self.classes is None:
            return self
        for name in names:
            if name not in self.classes:
                known = ", ".join(sorted(set(self.classes)))
                raise CellSimError(
                    f"Pictures of the class {name} are to be judged, but {self.name} holds none (only {known}): add a "
                    f"folder {name} of real ones."
                )
        return self.rows([row for row, one in enumerate(self.classes) if one in names])

    def called(self, classes: Sequence[str] | None) -> Self:
        """Return the pictures with their true classes, as somebody else knows them; as they are if nobody does."""
        return self if classes is None else replace(self, classes=tuple(classes))

    def rows(self, rows: Any) -> Self:
        """Return some of the pictures, by number."""
        chosen = np.asarray(rows, dtype=np.int64)
        parts: dict[str, Any] = {
            key: None if (own := getattr(self, key)) is None else tuple(own[row] for row in chosen)
            for key in ("classes", "marks")
        }
        files = len(chosen) if self.marks is not None else self.files
        return replace(self, images=self.images[chosen], files=files, **parts)


class Look(NamedTuple):
    """How a model sees photographs: their side in px, 1 or 3 channels, and how oblong ones become square."""

    size: int
    channels: int
    fit: Any = "crop"
    background: Any = "border"


def look_of(model: Model) -> Look:
    """Return how a generator or classifier of specimens sees photographs, as its card says."""
    config = model.network.config
    settings: Any = model.card.training.get("settings", {})
    data = settings.get("data", {}) if isinstance(settings, dict) else {}
    size = model.card.input_size[0] if model.card.input_size else getattr(config, "size", data.get("size"))
    if size is None:
        raise CellSimError(f"The card of model {model.name!r} does not say how large its pictures are.")
    background = data.get("background", "border")
    return Look(
        int(size),
        int(config.channels),
        data.get("fit", "crop"),
        tuple(background) if isinstance(background, list) else background,
    )


def classes_of(model: Model | ModelEntry) -> tuple[str, ...]:
    """Return the classes of specimens that a model was trained on, as its card says; nothing for other models."""
    stated = model.card.training.get("classes")
    return tuple(map(str, stated)) if isinstance(stated, (dict, list)) else ()


def draws_photographs(model: Model | ModelEntry) -> bool:
    """Return whether a generator draws photographs of single specimens, and not traps of cells."""
    return model.kind == "msggan" or model.card.modality == "photograph"


def drawn(model: Model, made: Generated) -> PictureSet:
    """Return what a generator drew, see `of_generated`."""
    return of_generated(made, model, photographs=draws_photographs(model))


def of_generated(made: Generated, model: Model | None, *, photographs: bool) -> PictureSet:
    """Return generated pictures: the last frames of sequences, the first channel of what are no photographs.

    Parameters
    ----------
    made : Generated
    model : Model or None
        What drew them: if it learnt one class of specimens, that is the class of all of them.
    photographs : bool
        Whether they are photographs of specimens.
    """
    if not photographs:
        return PictureSet(made.images[:, -1, :1], made.name, made.pixel_size)
    names = () if model is None else classes_of(model)
    return PictureSet(
        eight_bits(made.images[:, -1], made.name),
        made.name,
        classes=names * len(made) if len(names) == 1 else None,
        photographs=True,
    )


def frames_of(
    movies: Sequence[TimeLapse], model: Model | Target | None, channel: int, plane: int
) -> PictureSet:
    """Return all frames of movies, cut and resampled to what a model draws where there is one.

    Raises
    ------
    CellSimError
        If they differ in size, or do not fit the model.
    """
    if model is None:
        return joined(
            [
                PictureSet(movie.array(channel=channel, plane=plane)[:, None], movie.name, movie.pixel_size)
                for movie in movies
            ]
        )
    from ..generation import match_guides

    guides = [match_guides(movie, model, channel=channel, plane=plane) for movie in movies]
    return joined([PictureSet(one.images[:, -1, :1], one.name, one.pixel_size) for one in guides])


def joined(sets: Sequence[PictureSet]) -> PictureSet:
    """Return several sets as one.

    Raises
    ------
    CellSimError
        If the pictures differ in size.
    """
    first = sets[0]
    if len({one.images.shape[1:] for one in sets}) > 1:
        raise CellSimError(
            "The pictures differ in size: crop them to one, or give a model to bring them to its own."
        )
    parts: dict[str, Any] = {
        key: None
        if any(getattr(one, key) is None for one in sets)
        else sum((getattr(one, key) for one in sets), ())
        for key in ("classes", "marks")
    }
    return replace(
        first,
        images=np.concatenate([one.images for one in sets]),
        name=", ".join(one.name for one in sets),
        files=sum(one.files for one in sets),
        notes=tuple(dict.fromkeys(note for one in sets for note in one.notes)),
        **parts,
    )


def open_photographs(source: Any, look: Look, token: JobToken | None = None) -> PictureSet:
    """Open photographs of single specimens as a model sees them.

    Parameters
    ----------
    source : path, array, napari layer, TimeLapse or PictureSet
        A folder with one folder of JPEG, PNG or TIFF pictures per class, which are cut and resampled; identical ones
        count once. Or a TIFF stack, an array (N, C, Y, X), a layer or a movie of pictures of the right size.
    look : Look
        How the model sees them.
    token : JobToken, optional
        To cancel.

    Raises
    ------
    CellSimError
        If they cannot be read, or are of another size or number of channels.
    """
    if isinstance(source, PictureSet):
        return _checked(source, look)
    if isinstance(source, (str, Path)) and Path(source).expanduser().is_dir():
        return _of_folder(Path(source).expanduser(), look, token)
    if isinstance(source, (str, Path)):
        return _checked(_of_file(Path(source).expanduser()), look)
    if isinstance(source, TimeLapse):
        images, name = np.asarray(source.frames[:, :, 0]), source.name
    else:
        name = str(getattr(source, "name", "the array"))
        images = np.asarray(getattr(source, "data", source)) if hasattr(source, "rgb") else np.asarray(source)
        if getattr(source, "rgb", False):
            images = _channels_first(images)
        elif images.ndim == 3:
            images = images[:, None]
    return _checked(PictureSet(eight_bits(images, name), name, photographs=True), look)


def eight_bits(images: npt.NDArray[Any], name: str) -> npt.NDArray[np.uint8]:
    """Return intensities from 0 to 255 as bytes; decimals may exceed these limits, as generators' pictures do.

    Parameters
    ----------
    images : array
    name : str
        Of their source, for the sentence.

    Raises
    ------
    CellSimError
        If they are numbers of more than 8 bits.
    """
    if images.dtype.kind in "iu" and images.size and not 0 <= int(images.min()) <= int(images.max()) <= WHITE:
        raise CellSimError(
            f"The pictures of {name} have intensities up to {int(images.max())}, but photographs are judged at 8 bits: "
            "give the folder of their files, or convert them to intensities from 0 to 255."
        )
    rounded: npt.NDArray[np.uint8] = np.rint(np.clip(images, 0, WHITE)).astype(np.uint8)
    return rounded


def _of_folder(folder: Path, look: Look, token: JobToken | None) -> PictureSet:
    from ..datasets import read_specimens

    found = read_specimens(
        folder,
        look.size,
        channels=3 if look.channels == 3 else 1,
        fit=look.fit,
        background=look.background,
        fractions=(1.0, 0.0, 0.0),
        token=token,
    )
    first: dict[str, int] = {}
    for row, key in enumerate(found.keys):
        first.setdefault(key, row)
    rows = sorted(first.values())
    doubles = len(found) - len(rows)
    said = (
        f"{doubles} of the pictures in {folder} are identical with another one there, and count once with it."
    )
    return PictureSet(
        images=found.images[rows],
        name=str(folder),
        files=len(rows),
        classes=tuple(found.class_names[found.labels[row]] for row in rows),
        marks=tuple(found.marks[row] for row in rows),
        photographs=True,
        notes=(said,) if doubles else (),
    )


def _of_file(path: Path) -> PictureSet:
    from ..data.tiff import TIFF_SUFFIXES, read_tiff_header
    from ..generation.matching import open_pictures

    if path.is_file() and path.suffix.lower() in (".png", ".jpg", ".jpeg"):
        raise CellSimError(
            f"{path} is a single picture: give the folder that holds a folder of pictures per class."
        )
    if (
        path.is_file()
        and path.suffix.lower() in TIFF_SUFFIXES
        and (read_tiff_header(path).axes or "").endswith("YXS")
    ):
        import tifffile

        images = _channels_first(tifffile.imread(path))
    else:
        images = np.asarray(open_pictures(path, []).frames[:, :, 0])
    return PictureSet(eight_bits(images, path.name), path.name, photographs=True)


def _channels_first(images: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return colour pictures (..., Y, X, 3 or 4) as (N, 3, Y, X) from 0 to 255."""
    colour = np.moveaxis(images.reshape(-1, *images.shape[-3:])[..., :3], -1, 1)
    return colour * np.float32(WHITE) if colour.dtype.kind == "f" else colour


def _checked(found: PictureSet, look: Look) -> PictureSet:
    shape = found.images.shape
    if len(shape) != 4 or shape[1] not in _COLOURS or 0 in shape:
        raise CellSimError(
            f"Photographs have the shape (N, C, Y, X) with one channel or three, but those of {found.name} have "
            f"{shape}."
        )
    if shape[1] != look.channels:
        raise CellSimError(
            f"The pictures of {found.name} are {_in(shape[1])}, but {_in(look.channels)} ones are needed here: give "
            "pictures, generator and classifier that are alike."
        )
    if shape[2:] != (look.size, look.size):
        raise CellSimError(
            f"The pictures of {found.name} have {found.size}, but {look.size} x {look.size} px are needed here: give "
            "the folder of their files, which are brought to this size."
        )
    return found


def _in(channels: int) -> str:
    return _COLOURS.get(channels, f"of {channels} channels")
