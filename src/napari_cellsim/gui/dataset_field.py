"""What the Find tab knows: the experiment, and the hits in each of its positions. Nothing here knows Qt."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ..base import CellSimError
from ..datasets import Experiment, Traps
from .dataset_hits import Hits
from .dataset_work import Cropping, PositionFacts


@dataclass(frozen=True)
class Count:
    """How many traps there are.

    Attributes
    ----------
    here, positions, everywhere : int
        In the position that is shown; how many positions have traps, and how many traps they have in all.
    added, removed : int
        By hand, in the position that is shown.
    """

    here: int
    positions: int
    everywhere: int
    added: int
    removed: int

    def __str__(self) -> str:
        traps = "1 trap" if self.here == 1 else f"{self.here} traps"
        by_hand = [
            f"{number} {what}"
            for number, what in ((self.added, "placed by hand"), (self.removed, "removed"))
            if number
        ]
        text = f"<b>{traps}</b>" + (f" ({', '.join(by_hand)})" if by_hand else "")
        if self.positions > 1:
            text += f", {self.everywhere} in {self.positions} positions"
        return text + "."


@dataclass
class Field:
    """An opened experiment and the traps found in it.

    Attributes
    ----------
    opened : Experiment
        As its files say.
    facts : PositionFacts
        Of the position that is shown.
    pattern : str or None
        By which the file names were read.
    experiment : Experiment
        With the calibration that the user stated.
    hits : dict of str to Hits
        By position.
    looked_at : (int, int)
        Channel and focal plane in which traps were found, and in which the drift is followed.
    """

    opened: Experiment
    facts: PositionFacts
    pattern: str | None = None
    hits: dict[str, Hits] = field(default_factory=dict)
    looked_at: tuple[int, int] = (0, 0)

    def __post_init__(self) -> None:
        self.experiment = self.opened

    @property
    def here(self) -> Hits | None:
        """The hits of the position that is shown."""
        return self.hits.get(self.facts.name)

    def calibrate(self, *, pixel_size: float | None, interval: float | None) -> None:
        """State pixel size (µm) and interval (minutes); None leaves what the files say."""
        self.experiment = self.opened.with_calibration(pixel_size=pixel_size, interval=interval)

    def found(self, traps: Mapping[str, Traps], reference: int) -> None:
        """Take over new hits, and what a hand did to earlier ones."""
        for name, one in traps.items():
            hits = Hits(one, reference)
            if name in self.hits:
                hits.carry_over(self.hits[name])
            self.hits[name] = hits

    def traps(self, threshold: float) -> dict[str, tuple[Traps, int]]:
        """Return what is to be cropped of each position, and the frame in which it was found."""
        order = [position.name for position in self.experiment.positions if position.name in self.hits]
        chosen = {name: (self.hits[name].traps(threshold), self.hits[name].reference) for name in order}
        return {name: one for name, one in chosen.items() if len(one[0])}

    def count(self, threshold: float) -> Count | None:
        """Count the traps; None where nobody has looked for any."""
        if not self.hits:
            return None
        traps = {name: len(one) for name, (one, _) in self.traps(threshold).items()}
        here = self.here
        added = 0 if here is None else len(here.added)
        removed = 0 if here is None else sum(here.found.scores[n] >= threshold for n in here.removed)
        return Count(traps.get(self.facts.name, 0), len(traps), sum(traps.values()), added, int(removed))

    def cropping(self, threshold: float, size: tuple[int, int], out: Path) -> Cropping:
        """Return what is to be cropped.

        Raises
        ------
        CellSimError
            If there are no traps, or the pixel size is unknown.
        """
        traps = self.traps(threshold)
        if not traps:
            raise CellSimError("There are no traps to crop: find them in the Find tab first.")
        if self.facts.pixel_size is None and not self.experiment.positions[0].calibration.pixel_size:
            raise CellSimError(
                "The pixel size is not known: type it in the Find tab first, because crops without it cannot be "
                "measured or trained on with others."
            )
        return Cropping(self.experiment, self.pattern, traps, *self.looked_at, size, out)
