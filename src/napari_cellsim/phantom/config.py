"""Every physical parameter of the phantom, with unit and source.

Sources: *literature* (BioNumbers or a paper), *handbook* (a common textbook value), *thesis* (the chips and
cameras of the Darmstadt data sets), *fitted* (by eye, against published pictures), *chosen* (a property of the
simulation).
"""

from __future__ import annotations

from typing import Annotated, Any, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from napari_cellsim.base import CellSimError
from napari_cellsim.data.trap_geometry import TrapKind

Range = Annotated[tuple[float, float], Field(description="lowest and highest value")]


def quantity(default: Any, unit: str, source: str, description: str, **limits: Any) -> Any:
    """Return a pydantic field that carries its unit and source into the JSON schema."""
    return Field(
        default,
        description=description,
        json_schema_extra={"unit": unit, "source": source},
        validate_default=True,
        **limits,
    )


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        for name, value in self:
            if isinstance(value, tuple) and not 0 <= value[0] <= value[1]:
                raise ValueError(f"{name} must hold a lowest and a highest value, in this order, not below 0")
        return self


class BiologyConfig(_Section):
    """Size, shape and cycle of the cells."""

    birth_radius: float = quantity(
        2.05, "µm", "literature, BNID 101796", "radius of a newborn daughter", gt=0.5, lt=6
    )
    mature_radius: float = quantity(
        2.65, "µm", "literature, BNID 101796", "radius at which a daughter buds", gt=0.5, lt=6
    )
    mother_radius: Range = quantity((2.4, 3.4), "µm", "literature, BNID 101796", "radius of the first cells")
    bud_radius: float = quantity(0.45, "µm", "handbook", "radius at which a bud is first seen", gt=0.1, lt=2)
    bud_exponent: float = quantity(
        0.65, "1", "handbook", "a bud's radius grows as time to this power", gt=0.2, le=1.5
    )
    aspect: Range = quantity((1.03, 1.35), "1", "fitted", "long over short axis of a cell")
    budded_phase: Range = quantity(
        (80.0, 110.0), "min", "literature, doubling 75-120 min at 30 °C", "bud to division"
    )
    mother_g1: Range = quantity((10.0, 35.0), "min", "literature", "division to next bud, mother")
    daughter_g1: Range = quantity((30.0, 70.0), "min", "literature", "division to first bud, daughter")
    first_cells: tuple[int, int] = quantity(
        (1, 4), "cells", "chosen", "cells beside the trapped one at the start"
    )
    empty_trap: float = quantity(
        0.0, "1", "chosen", "probability that the trap holds no cell at first", ge=0, le=1
    )


class MechanicsConfig(_Section):
    """How cells push each other and drift."""

    flow_speed: float = quantity(
        14.0, "µm per 10 min", "chosen", "speed of detached cells (slowed down to be seen)", ge=0
    )
    drag: float = quantity(
        0.03, "1", "fitted", "share of the flow's speed that attached cells feel", ge=0, le=1
    )
    diffusion: float = quantity(0.03, "µm per sqrt(10 min)", "fitted", "random walk of a cell", ge=0)
    rotation: float = quantity(
        0.03, "rad per 10 min", "fitted", "standard deviation of the slow rotation", ge=0
    )
    rotation_memory: float = quantity(60.0, "min", "chosen", "time over which rotation persists", gt=0)
    release_rate: float = quantity(
        0.15, "1/h", "fitted", "detachment of an outer cell in a small colony", ge=0
    )
    wash_in_rate: float = quantity(0.15, "1/h", "fitted", "arrival of a foreign cell in the tile", ge=0)
    max_cells: int = quantity(11, "cells", "chosen", "budding stops at this number per trap", ge=1, le=200)
    burn_in: tuple[float, float] = quantity(
        (0.0, 150.0), "min", "chosen", "time simulated before the first frame"
    )
    substep: float = quantity(2.5, "min", "chosen", "longest mechanical time step", gt=0)
    iterations: int = quantity(8, "1", "chosen", "overlap-removal passes per step", ge=1, le=100)


class MaterialConfig(_Section):
    """Refractive indices and absorption."""

    medium: float = quantity(1.335, "1", "handbook", "refractive index of the medium", gt=1, lt=2)
    cytoplasm: float = quantity(1.374, "1", "handbook", "refractive index of cytoplasm", gt=1, lt=2)
    cytoplasm_spread: float = quantity(
        0.003, "1", "handbook", "cell-to-cell standard deviation", ge=0, lt=0.05
    )
    wall: float = quantity(
        1.40, "1", "handbook, lowered to fit", "refractive index of the cell wall", gt=1, lt=2
    )
    wall_thickness: float = quantity(0.1, "µm", "handbook", "cell wall", ge=0, lt=1)
    vacuole: float = quantity(1.349, "1", "handbook", "refractive index of the vacuole", gt=1, lt=2)
    vacuole_size: Range = quantity(
        (0.45, 0.75), "1", "fitted", "vacuole radius over the cell's short half-axis"
    )
    vacuole_probability: float = quantity(
        0.8, "1", "fitted", "share of cells with a visible vacuole", ge=0, le=1
    )
    lipid: float = quantity(1.45, "1", "handbook", "refractive index of lipid droplets", gt=1, lt=2)
    lipid_radius: Range = quantity((0.14, 0.27), "µm", "fitted", "radius of lipid droplets")
    lipid_number: tuple[int, int] = quantity((0, 5), "1", "fitted", "droplets per cell")
    lipid_absorption: float = quantity(
        0.5, "1/µm", "fitted", "apparent absorption of droplets (scattered light)", ge=0
    )
    texture: float = quantity(
        0.0025, "1", "fitted", "standard deviation of the cytoplasm's index", ge=0, lt=0.05
    )
    absorption: float = quantity(0.012, "1/µm", "fitted", "absorption of cells", ge=0, lt=1)
    pillar: float = quantity(
        1.389, "1", "handbook 1.41, lowered to fit", "refractive index of PDMS", gt=1, lt=2
    )
    pillar_absorption: float = quantity(0.01, "1/µm", "fitted", "absorption of pillars", ge=0, lt=1)


class ChipConfig(_Section):
    """The trap and its surroundings."""

    trap: TrapKind = quantity("tear_drop", "", "thesis", "shape of the pillars")
    scale: float = quantity(1.0, "1", "chosen", "size of the trap against its drawing", gt=0.3, lt=3)
    placement: float = quantity(
        0.24, "1", "fitted", "trap centre below the middle, over half the height", ge=-0.8, le=0.8
    )
    channel_height: float = quantity(6.0, "µm", "fitted, 5-7", "height of the chamber", gt=1, lt=30)
    wall_taper: float = quantity(0.09, "µm", "fitted", "softness of a pillar's wall in the plane", gt=0, lt=2)
    wall_draft: float = quantity(
        0.07, "1", "fitted", "how much a pillar narrows per µm of height", ge=-0.5, le=0.5
    )
    wall_roughness: float = quantity(
        0.05, "µm", "fitted", "standard deviation of the side wall's position", ge=0, lt=1
    )
    debris: float = quantity(0.7, "1", "fitted", "mean number of particles stuck in a tile", ge=0, le=50)
    interval: float = quantity(10.0, "min", "thesis", "time between frames", gt=0, le=240)


class MicroscopeConfig(_Section):
    """Bright-field illumination and imaging."""

    wavelength: float = quantity(0.55, "µm", "handbook", "mean wavelength", gt=0.3, lt=1.2)
    bandwidth: float = quantity(0.04, "µm", "handbook", "half width of the lamp's spectrum", ge=0, lt=0.2)
    objective_na: float = quantity(
        1.4, "1", "handbook", "numerical aperture, limited by the medium", gt=0.1, lt=1.7
    )
    condenser_na: float = quantity(
        0.34, "1", "fitted, 0.25-0.45", "numerical aperture of the condenser", gt=0.01, lt=0.6
    )
    focus: float = quantity(
        -1.5, "µm", "fitted", "nominal focus; negative: dark rim, bright halo", ge=-12, le=12
    )
    focus_drift: float = quantity(
        0.15, "µm", "handbook", "standard deviation of a sequence's focus", ge=0, lt=5
    )
    focus_jitter: float = quantity(
        0.05, "µm", "handbook", "standard deviation of a frame's focus", ge=0, lt=5
    )
    source_points: int = quantity(32, "1", "chosen", "points of the condenser disc", ge=1, le=200)
    wavelengths: int = quantity(4, "1", "chosen", "wavelengths shared by the source points", ge=1, le=20)
    slabs: int = quantity(3, "1", "chosen", "layers of the multi-slice", ge=1, le=20)
    glow: float = quantity(0.025, "1", "fitted", "light scattered into a wide halo by edges", ge=0, le=1)
    glow_width: float = quantity(2.0, "µm", "fitted", "standard deviation of the halo", gt=0.1, lt=20)
    veil: float = quantity(
        0.08, "1", "fitted", "share of the light spread by a wide point response", ge=0, lt=0.9
    )
    stage_jitter: float = quantity(
        0.016, "µm", "fitted", "standard deviation of the stage's return", ge=0, lt=5
    )
    gradient: float = quantity(
        0.03, "1", "handbook", "standard deviation of uneven illumination", ge=0, lt=0.5
    )
    dust: float = quantity(1.5, "1", "fitted", "mean number of dust shadows per 28 µm tile", ge=0, le=100)


class CameraConfig(_Section):
    """A scientific CMOS camera."""

    background: float = quantity(
        6000.0, "e-", "handbook", "electrons per pixel of empty background", gt=10, le=1e6
    )
    read_noise: float = quantity(1.6, "e-", "handbook", "read noise", ge=0, le=500)
    gain: float = quantity(0.46, "e-/count", "handbook", "electrons per count", gt=0)
    offset: float = quantity(100.0, "count", "handbook", "counts without light", ge=0, lt=60000)
    pattern: float = quantity(0.004, "1", "fitted", "fixed correlated pattern of background", ge=0, lt=0.2)
    shimmer: float = quantity(
        0.006, "1", "fitted", "correlated noise that changes with each frame", ge=0, lt=0.2
    )
    flicker: float = quantity(0.005, "1", "handbook", "lamp brightness from frame to frame", ge=0, lt=0.5)


class PhantomConfig(_Section):
    """All parameters of a simulated sequence; JSON and TOML round-trip.

    Every field has a description, a unit and a source in its JSON schema (``PhantomConfig.model_json_schema()``).
    """

    biology: BiologyConfig = BiologyConfig()
    mechanics: MechanicsConfig = MechanicsConfig()
    material: MaterialConfig = MaterialConfig()
    chip: ChipConfig = ChipConfig()
    microscope: MicroscopeConfig = MicroscopeConfig()
    camera: CameraConfig = CameraConfig()
    raster_pixel: float = quantity(
        0.108, "µm", "chosen: no beads at edges", "coarsest grid on which shapes are drawn", gt=0
    )
    optics_pixel: float = quantity(
        0.22, "µm", "chosen: Nyquist of the objective", "coarsest grid of the optics", gt=0
    )

    def changed(self, **sections: dict[str, Any]) -> PhantomConfig:
        """Return a copy with some fields replaced, e.g. ``changed(microscope={"focus": 0.5})``.

        Raises
        ------
        CellSimError
            If a name is unknown or a value is out of range.
        """
        merged = self.model_dump()
        for name, values in sections.items():
            if name not in merged:
                raise CellSimError(f"The phantom has no section {name!r}: choose one of {', '.join(merged)}.")
            merged[name] = {**merged[name], **values} if isinstance(values, dict) else values
        return self.from_dict(merged)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> PhantomConfig:
        """Return the configuration in a nested dictionary, as read from JSON or TOML.

        Raises
        ------
        CellSimError
            If a name is unknown or a value is out of range.
        """
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"])
            raise CellSimError(f"The phantom's setting {where!r} cannot be used: {first['msg']}.") from error

    @classmethod
    def varied(cls, seed: int) -> PhantomConfig:
        """Return a configuration drawn at random, for training data that generalise.

        Chip, cell size and shape, detachment, focus, condenser, halo, dust, illumination and noise vary; biology stays
        within what is known of budding yeast. The same seed gives the same configuration.
        """
        from .variety import draw

        return cls.from_dict(draw(np.random.default_rng([seed, 20240501])))
