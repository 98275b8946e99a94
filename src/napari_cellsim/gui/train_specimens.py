"""Controls for photographs of specimens, in the Train dock and for studies: size, squares, background, classes."""

from __future__ import annotations

from typing import Any

from magicgui.widgets import ComboBox

from .train_request import STORE, DataRequest
from .train_specimen_look import SpecimensSeen, sentences, table
from .widgets import line, say, show_row

_ALL, _EACH = "", "/"  # no folder's name; several classes have "/" between
_SIDES = (32, 64, 128, 256)
_DATA = ("size", "channels", "fit", "background")
HIDDEN = {f"data.{name}" for name in (*_DATA, "classes")}
"""Settings of a recipe that are chosen here."""


class SpecimenRows:
    """Builds the controls and reads them.

    Attributes
    ----------
    rows : tuple of ComboBox
        All of them, for the form to arrange.
    classes : ComboBox
        Which classes to learn.
    table_line : QLabel
        Shows how many pictures there are.
    seen : SpecimensSeen or None
        What the chosen folder holds, once it has been looked at.
    """

    def __init__(self) -> None:
        self.size = ComboBox(
            label="Picture size",
            choices=[(f"{side} px", side) for side in _SIDES],
            value=64,
            tooltip="Side that all pictures are brought to. Twice the side takes about four times as long.",
        )
        self.channels = ComboBox(
            label="Colours", choices=[("colour", 3), ("grey", 1)], tooltip="What the pictures are learnt in."
        )
        self.fit = ComboBox(
            label="Oblong pictures",
            choices=[("central square", "crop"), ("add stripes", "pad")],
            tooltip="Take the square in the middle, or keep everything and add stripes.",
        )
        self.background = ComboBox(
            label="Background",
            choices=[("as the picture's border", "border"), ("black", "black"), ("white", "white")],
            tooltip="What stripes and transparent places show.",
        )
        self.classes = ComboBox(
            label="Classes",
            choices=[("All classes together", _ALL)],
            tooltip="One model of everything, which does not know the classes apart; of one class; or one model per\n"
            "class, trained one after the other.",
        )
        self.table_line = line("Pictures of each class")
        self.seen: SpecimensSeen | None = None
        self.rows = (self.size, self.channels, self.fit, self.background, self.classes)

    def arrange(self, visible: bool, one_class: bool) -> None:
        """Show or hide the controls; `one_class`: whether classes can be chosen."""
        for row in self.rows:
            show_row(row, visible and (one_class or row is not self.classes))
        if not visible:
            self.show(None)

    @property
    def _chosen(self) -> tuple[str, ...]:
        return () if self.classes.value in (_ALL, _EACH) else tuple(self.classes.value.split("/"))

    def request(self, folder: str, more: dict[str, Any], one_class: bool) -> DataRequest:
        """Return where to learn from.

        Parameters
        ----------
        folder : str
            What was typed.
        more : dict
            Advanced settings of the data.
        one_class : bool
            Whether classes can be chosen.
        """
        return DataRequest(
            STORE,
            folder=folder,
            photographs={name: getattr(self, name).value for name in _DATA}
            | {name: more[name] for name in ("split", "split_seed") if name in more},
            classes=self._chosen if one_class else (),
            each=one_class and self.classes.value == _EACH,
        )

    def show(self, seen: SpecimensSeen | None) -> None:
        """Show what a folder holds, or nothing."""
        self.seen = seen
        say(self.table_line, "" if seen is None else table(seen))
        if seen is not None:
            self._offer(list(seen.counts))

    def words(self, one_class: bool, fresh_generator: bool) -> str:
        """Return what will be learnt from, see `sentences`; nothing before the folder has been looked at."""
        if self.seen is None:
            return ""
        data = self.request("", {}, one_class)
        return sentences(self.seen, data.classes, each=data.each, fresh_generator=fresh_generator)

    def _offer(self, names: list[str]) -> None:
        """Offer the classes that a folder holds; what was chosen stays if it is there."""
        before, chosen = self.classes.value, self._chosen
        choices = [("All classes together", _ALL)]
        if len(names) > 1:
            choices += [("One model per class", _EACH), *((name, name) for name in names)]
        if len(chosen) > 1 and set(chosen) <= set(names):
            choices.append((", ".join(chosen), before))
        self.classes.choices = choices
        self.classes.value = before if before in dict(choices).values() else _ALL

    def fill(self, data: dict[str, Any]) -> None:
        """Show the settings of an earlier run."""
        for name in _DATA:
            if name in data:
                box, value = getattr(self, name), data[name]
                value = tuple(value) if isinstance(value, list) else value
                if value not in box.choices:
                    known = list(zip(_texts(box), box.choices, strict=True))
                    box.choices = [*known, (f"{value}", value)]
                box.value = value
        names = "/".join(data.get("classes", ()))
        if names not in self.classes.choices:  # until the folder has been looked at
            self.classes.choices = [("All classes together", _ALL), (names.replace("/", ", "), names)]
        self.classes.value = names


def _texts(box: ComboBox) -> list[str]:
    return [box.native.itemText(i) for i in range(box.native.count())]
