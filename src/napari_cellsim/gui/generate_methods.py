"""The part of the Generate dock's public face that belongs to its Explore tab."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from napari.layers import Image

from ..base import CellSimError
from . import generate_layers as layers
from . import generate_work as work
from .generate_display import Base, GenerateDisplay
from .generate_editor import EditWish, LiveEditor
from .generate_explore import SLIDERS
from .generate_form import SPECIMENS
from .generate_handover import hand_over
from .generate_request import MixRequest, ScalesRequest, WalkRequest

if TYPE_CHECKING:
    from ..generation import Generated
    from .generate_view import GenerateView
    from .jobs import Finish, Job, JobFactory
    from .links import Links


class ExploreMethods:
    """What can be done with generated pictures; `GenerateDock` is the only class that is one."""

    _viewer: Any
    _view: GenerateView
    _display: GenerateDisplay
    _editor: LiveEditor
    _editor_links: Links

    @property
    def layer(self) -> Image | None:
        """The layer of generated pictures chosen in the Explore tab, or None."""
        return self._view.explore.layer.value

    @layer.setter
    def layer(self, wanted: str | Image) -> None:
        self._view.explore.layer.value = layers.find_generated(self._viewer, wanted)

    @property
    def chosen(self) -> list[Generated]:
        """The pictures on the list of the Explore tab."""
        return [one.picture for one in self._view.explore.chosen]

    @property
    def editor(self) -> LiveEditor:
        """What answers the sliders; its `edited` is emitted with each changed picture."""
        return self._editor

    def interpolate(
        self,
        pictures: Any = None,
        *,
        steps: int | None = None,
        space: str | None = None,
        loop: bool | None = None,
    ) -> Job:
        """Make a movie that goes from each picture to the next.

        Parameters
        ----------
        pictures : list of Generated, sequence of int or None
            Pictures, numbers of pictures of the current layer, or None for the list in the dock.
        steps : int, optional
            Frames from one picture to the next.
        space : "w", "z" or "w+", optional
            Where to walk; pictures of an MSG-GAN always follow the sphere that they come from.
        loop : bool, optional
            Whether to return to the first picture.

        Returns
        -------
        Job
            Its result is the Generated.
        """
        self._check_idle()
        tab = self._view.explore
        keyframes = work.join(self._pictures(pictures), 2, "A movie through pictures")
        if space is None and keyframes.provenance["model"].get("kind") not in SPECIMENS:
            space = tab.chosen_space
        request = WalkRequest(
            self._view.model_form.computing_for(keyframes),
            keyframes,
            tab.steps.value if steps is None else steps,
            space,
            tab.loop.value if loop is None else loop,
        )
        return self._start(
            lambda token: work.walk_work(request, token), "Making the movie", self._display.walked
        )

    def mix(self, sources: Any = None, destinations: Any = None, *, layer: int | None = None) -> Job:
        """Make the grid of every destination in the style of every source.

        Parameters
        ----------
        sources, destinations : list of Generated, sequence of int or None
            As for `interpolate`; destinations are the sources where they are not given.
        layer : int, optional
            Layer of the generator at which styles change over.

        Returns
        -------
        Job
            Its result is the Generated.
        """
        self._check_idle()
        rows = work.join(self._pictures(sources), 1 if destinations is not None else 2, "A mixing grid")
        columns = (
            rows if destinations is None else work.join(self._pictures(destinations), 1, "A mixing grid")
        )
        crossover = self._view.explore.crossover.value if layer is None else layer
        request = MixRequest(self._view.model_form.computing_for(rows), rows, columns, crossover)
        return self._start(lambda token: work.mix_work(request, token), "Mixing styles", self._display.added)

    def scales(self, picture: int | None = None) -> Job:
        """Show a picture of the current layer at every scale that its model draws.

        Parameters
        ----------
        picture : int, optional
            By default the one that the slider of napari shows.

        Returns
        -------
        Job
            Its result is the Scales.
        """
        self._check_idle()
        index = self._index(picture)
        chosen = layers.pictures_of(self.layer).select(index)
        request = ScalesRequest(self._view.model_form.computing_for(chosen), chosen)
        return self._start(
            lambda token: work.scales_work(request, token), "Drawing all scales", self._display.scaled
        )

    def edit(self, weights: Sequence[float] | None = None, picture: int | None = None) -> None:
        """Change a picture along principal directions; its layer follows as soon as it is computed.

        Parameters
        ----------
        weights : sequence of float, optional
            At most ten, in standard deviations; by default what the sliders say.
        picture : int, optional
            Which picture of the current layer to begin with; None goes on with the one being changed.
        """
        if picture is not None:
            self.take(picture)
        if self._display.base is None:
            self._begin(None)
        if weights is None:
            weights = self._view.explore.weights
        else:
            self._view.explore.set_weights(weights)
        base = self._display.base
        assert base is not None
        padded = tuple(weights) + (0.0,) * (SLIDERS - len(weights))
        self._editor.ask(EditWish(base.computing, base.picture, padded))
        self._editor_links.running_job = self._editor.token

    def take(self, picture: int | None = None) -> None:
        """Begin to change a picture of the current layer, by default the one that the slider of napari shows."""
        self.keep()
        self._begin(picture)
        self._view.explore.set_weights(())

    def keep(self) -> None:
        """Let the changed picture stay as a layer of its own; the next change makes another one."""
        self._editor.forget()
        self._display.keep_edited()

    def add_current(self) -> None:
        """Put the current picture of the current layer on the list of the Explore tab."""
        self._add_to_list([self._index(None)])

    def add_all(self) -> None:
        """Put every picture of the current layer on the list of the Explore tab."""
        layer = layers.find_generated(self._viewer, self.layer)
        self._add_to_list(range(layers.block_of(layer)["shape"][0]))

    def forecast(self, picture: int | None = None) -> Image:
        """Make a movie of a picture of the current layer and choose it in the Forecast dock.

        Parameters
        ----------
        picture : int, optional
            By default the one that the slider of napari shows.

        Returns
        -------
        Image
            The movie's layer.
        """
        index = self._index(picture)
        if (
            layers.maker_kind(self.layer) in SPECIMENS or self.layer.rgb
        ):  # a Cell-GAN can draw photographs, too
            raise CellSimError(
                f"Layer {self.layer.name!r} shows single specimens, which are no start of a movie of cells; choose "
                "pictures of a Cell-GAN."
            )
        movie, note = hand_over(self._viewer, layers.pictures_of(self.layer), index)
        self._view.bar.say(note)
        return movie

    def show_sliders(self) -> None:
        """Unfold the sliders of the Explore tab and scroll to them."""
        self._view.show_sliders()

    # ---- inside ----

    def _check_idle(self) -> None:
        raise NotImplementedError

    def _start(self, factory: JobFactory, name: str, finish: Finish | None) -> Job:
        raise NotImplementedError

    def _pictures(self, wanted: Any) -> list[Generated]:
        if wanted is None:
            return self.chosen
        if any(isinstance(one, int) for one in wanted):
            pictures = layers.pictures_of(layers.find_generated(self._viewer, self.layer))
            return [pictures.select(index) for index in wanted]
        return list(wanted)

    def _index(self, picture: int | None) -> int:
        layers.find_generated(self._viewer, self.layer)
        return self._view.explore.current_index() if picture is None else picture

    def _add_to_list(self, indices: Sequence[int]) -> None:
        layer = self.layer
        pictures = layers.pictures_of(layer)
        for index in indices:
            self._view.explore.add(f"{layer.name} {index}", pictures.select(index))

    def _begin(self, picture: int | None) -> None:
        index = self._index(picture)
        start = layers.pictures_of(self.layer).select(index)
        computing = self._view.model_form.computing_for(start)
        self._display.base = Base(f"{self.layer.name} {index}", start, computing)
        self._view.explore.say_editing(self._display.base.title)
