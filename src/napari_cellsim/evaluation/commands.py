"""The command line that gives a number again."""

from __future__ import annotations

import shlex

from .report import Strict

PROGRAM = ("napari-cellsim", "evaluate")


class Command(Strict):
    """A call of ``napari-cellsim evaluate``, of which parts can be taken.

    Attributes
    ----------
    inputs : tuple of str
        Movies, as files, folders or patterns.
    models : tuple of str
        Names or files.
    at : tuple of int
        Last visible frames; empty: the default.
    labels : tuple of str
        One file per input, or none.
    options : tuple of str
        All other words, ready to be quoted.
    """

    inputs: tuple[str, ...]
    models: tuple[str, ...]
    at: tuple[int, ...] = ()
    labels: tuple[str, ...] = ()
    options: tuple[str, ...] = ()

    def text(self) -> str:
        """Return the whole call, quoted for a shell."""
        words = [*PROGRAM, *self.inputs]
        for option, values in (("--model", self.models), ("--at", self.at), ("--labels", self.labels)):
            for value in values:
                words += [option, str(value)]
        return shlex.join([*words, *self.options])

    def only(self, movie: int, model: int, at: int, judge: str | None = None) -> Command:
        """Return the call for one movie, one model and one frame.

        Parameters
        ----------
        movie, model : int
            Indices in `inputs` and `models`.
        at : int
            Last visible frame.
        judge : str, optional
            The judging network, where the whole call leaves it to the first model.
        """
        named = judge is not None and "--judge" not in self.options
        return Command(
            inputs=self.inputs[movie : movie + 1],
            models=self.models[model : model + 1],
            at=(at,),
            labels=self.labels[movie : movie + 1],
            options=(*self.options, "--judge", str(judge)) if named else self.options,
        )
