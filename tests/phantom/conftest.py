from __future__ import annotations

import pytest

from napari_cellsim import phantom


@pytest.fixture(scope="session", params=phantom.TRAP_KINDS)
def sequence(request) -> phantom.PhantomSequence:
    """Twelve frames of one trap."""
    return phantom.simulate(12, 5, size=(110, 121), pixel_size=0.2, trap=request.param)


@pytest.fixture(scope="session")
def busy() -> phantom.PhantomSequence:
    """A long sequence in which cells bud, divide, leave and arrive."""
    config = phantom.PhantomConfig().changed(mechanics={"release_rate": 0.5, "wash_in_rate": 0.5})
    return phantom.simulate(40, 2, size=100, pixel_size=0.25, config=config)
