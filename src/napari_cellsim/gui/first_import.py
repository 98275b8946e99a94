"""Import torch in a worker without stopping the GUI."""

from __future__ import annotations

import gc
import sys


def import_numerics() -> None:
    """Import torch and what of this package needs it; free from the second call on.

    While two thousand modules come in, the garbage collector would look several times through all objects of napari and
    torch, a quarter of a second each, and hold Python's lock. What an import makes stays anyway.
    """
    if "torch" in sys.modules or not gc.isenabled():
        return
    gc.disable()
    try:
        from ..evaluation import error_curve  # noqa: F401
        from ..forecasting import forecast_job  # noqa: F401
        from ..models import load_model  # noqa: F401
        from ..nets import create  # noqa: F401
    finally:
        gc.enable()
