"""Random configurations for training data."""

from __future__ import annotations

from typing import Any

import numpy as np

from napari_cellsim.data.trap_geometry import TRAP_KINDS


def draw(rng: np.random.Generator) -> dict[str, Any]:
    """Return the settings of one random experiment, as `PhantomConfig.from_dict` reads them."""
    uniform = rng.uniform

    def logarithmic(low: float, high: float) -> float:
        return float(np.exp(uniform(np.log(low), np.log(high))))

    size = float(np.clip(rng.normal(1.0, 0.12), 0.8, 1.35))
    elongated = rng.random() < 0.25
    busy = rng.random() < 0.3
    return {
        "biology": {
            "birth_radius": 2.05 * size,
            "mature_radius": 2.65 * size,
            "mother_radius": (2.4 * size, 3.4 * size),
            "aspect": (1.1, 1.6) if elongated else (1.02, 1.3),
            "first_cells": (1, int(rng.integers(1, 6))),
            "empty_trap": 0.05,
        },
        "mechanics": {
            "drag": uniform(0.01, 0.05),
            "rotation": logarithmic(0.01, 0.06),
            "release_rate": logarithmic(0.2, 0.8) if busy else logarithmic(0.03, 0.2),
            "wash_in_rate": logarithmic(0.2, 0.8) if busy else logarithmic(0.03, 0.2),
            "max_cells": int(rng.integers(5, 15)),
        },
        "material": {
            "cytoplasm": uniform(1.366, 1.382),
            "vacuole_size": (0.35, uniform(0.5, 0.82)),
            "vacuole_probability": uniform(0.5, 1.0),
            "lipid_number": (0, int(rng.integers(2, 9))),
            "lipid_absorption": uniform(0.05, 1.0),
            "texture": uniform(0.0012, 0.004),
            "pillar": uniform(1.378, 1.402),
            "pillar_absorption": uniform(0.0, 0.03),
        },
        "chip": {
            "trap": str(rng.choice(TRAP_KINDS)),
            "scale": uniform(0.92, 1.1) * size,
            "placement": uniform(0.05, 0.3),
            "wall_taper": uniform(0.06, 0.18),
            "wall_draft": uniform(-0.02, 0.1),
            "wall_roughness": uniform(0.02, 0.1),
            "debris": logarithmic(0.1, 2.5),
            "interval": float(rng.choice([5.0, 10.0], p=[0.35, 0.65])),
        },
        "microscope": {
            "condenser_na": uniform(0.24, 0.46),
            "focus": _focus(rng),
            "glow": logarithmic(0.004, 0.06),
            "glow_width": uniform(1.0, 3.0),
            "veil": uniform(0.0, 0.25),
            "stage_jitter": logarithmic(0.005, 0.06),
            "gradient": logarithmic(0.01, 0.08),
            "dust": logarithmic(0.3, 5.0),
        },
        "camera": {
            "background": logarithmic(800, 15000),
            "pattern": logarithmic(0.001, 0.012),
            "shimmer": logarithmic(0.001, 0.015),
            "flicker": logarithmic(0.002, 0.015),
        },
    }


def _focus(rng: np.random.Generator) -> float:
    """Mostly the dark-rimmed side, as people focus; sometimes sharp or on the other side."""
    mode = rng.random()
    if mode < 0.6:
        return float(rng.uniform(-2.4, -0.5))
    if mode < 0.75:
        return float(rng.uniform(-0.5, 0.7))
    return float(rng.uniform(0.7, 2.6))
