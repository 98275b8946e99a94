from __future__ import annotations

import tomllib

import numpy as np
import pytest
import tomli_w

from napari_cellsim import phantom
from napari_cellsim.base import CellSimError
from napari_cellsim.phantom import PhantomConfig


def sections():
    return [
        (name, field.annotation) for name, field in PhantomConfig.model_fields.items() if name not in _GRIDS
    ]


_GRIDS = ("raster_pixel", "optics_pixel")


def test_every_parameter_has_unit_source_and_description():
    for name, section in sections():
        for field, info in section.model_fields.items():
            extra = info.json_schema_extra or {}
            assert info.description, (name, field)
            assert {"unit", "source"} <= set(extra), (name, field)
            assert extra["source"], (name, field)
    assert "unit" in PhantomConfig.model_json_schema()["$defs"]["BiologyConfig"]["properties"]["aspect"]


@pytest.mark.parametrize("config", [PhantomConfig(), PhantomConfig.varied(1), PhantomConfig.varied(2)])
def test_round_trip_through_json_and_toml(config):
    assert PhantomConfig.model_validate_json(config.model_dump_json()) == config
    text = tomli_w.dumps(config.model_dump(mode="json"))
    assert PhantomConfig.from_dict(tomllib.loads(text)) == config


def test_changed_leaves_the_original_alone():
    config = PhantomConfig()
    other = config.changed(microscope={"focus": 1.0}, raster_pixel=0.2)
    assert (config.microscope.focus, other.microscope.focus, other.raster_pixel) == (-1.5, 1.0, 0.2)
    assert other.camera == config.camera


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"optics": {"focus": 1}}, "no section 'optics'"),
        ({"microscope": {"fokus": 1}}, "microscope.fokus"),
        ({"microscope": {"focus": 1e9}}, "microscope.focus"),
        ({"microscope": {"focus": float("nan")}}, "microscope.focus"),
        ({"biology": {"aspect": (1.4, 1.1)}}, "aspect must hold"),
        ({"chip": {"trap": "hexagonal"}}, "chip.trap"),
    ],
)
def test_bad_settings_get_a_sentence(change, sentence):
    with pytest.raises(CellSimError, match=sentence) as caught:
        PhantomConfig().changed(**change)
    assert "\n" not in str(caught.value)


def test_varied_repeats_and_varies():
    assert PhantomConfig.varied(7) == PhantomConfig.varied(7)
    drawn = [PhantomConfig.varied(seed) for seed in range(60)]
    assert {c.chip.trap for c in drawn} == set(phantom.TRAP_KINDS)
    focus = np.array([c.microscope.focus for c in drawn])
    assert (focus < -0.5).mean() > 0.4
    assert (focus > 0.7).mean() > 0.1
    assert np.ptp([c.microscope.condenser_na for c in drawn]) > 0.1
    assert len({c.camera.background for c in drawn}) == 60


@pytest.mark.parametrize("seed", range(8))
def test_varied_settings_can_be_simulated(seed):
    s = phantom.simulate(2, seed, size=40, pixel_size=0.4, config=PhantomConfig.varied(seed))
    assert 0 < s.images.min() < s.images.max() < 65535


def test_explicit_trap_wins_over_the_configuration():
    config = PhantomConfig().changed(chip={"trap": "round"})
    assert phantom.simulate(1, 0, size=40, pixel_size=0.4, config=config).traps[0].kind == "round"
    s = phantom.simulate(1, 0, size=40, pixel_size=0.4, config=config, trap="l_foot")
    assert s.traps[0].kind == s.config.chip.trap == "l_foot"
