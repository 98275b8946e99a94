"""Length and time units: whatever a file says becomes micrometres and minutes, or None."""

from __future__ import annotations

import math

_TO_MICROMETRE = {
    "pm": 1e-6,
    "picometer": 1e-6,
    "å": 1e-4,
    "angstrom": 1e-4,
    "nm": 1e-3,
    "nanometer": 1e-3,
    "um": 1.0,
    "micron": 1.0,
    "micrometer": 1.0,
    "mm": 1e3,
    "millimeter": 1e3,
    "cm": 1e4,
    "centimeter": 1e4,
    "in": 25400.0,
    "inch": 25400.0,
    "m": 1e6,
    "meter": 1e6,
}
_TO_MINUTE = {
    "ms": 1 / 60_000,
    "msec": 1 / 60_000,
    "millisecond": 1 / 60_000,
    "s": 1 / 60,
    "sec": 1 / 60,
    "second": 1 / 60,
    "min": 1.0,
    "minute": 1.0,
    "h": 60.0,
    "hr": 60.0,
    "hour": 60.0,
    "d": 1440.0,
    "day": 1440.0,
}


def _lookup(unit: str, table: dict[str, float]) -> float | None:
    # ImageJ writes µ as the six characters \u00B5; Unicode has both a micro sign and a Greek mu.
    text = unit.strip().lower().replace("\\u00b5", "µ").replace("\u03bc", "µ").replace("µ", "u")
    text = text.replace("metre", "meter")
    for candidate in (text, text.removesuffix("s")):
        if candidate in table:
            return table[candidate]
    return None


def _convert(value: object, unit: str, table: dict[str, float]) -> float | None:
    factor = _lookup(unit, table)
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return None
    if factor is None or not math.isfinite(number) or number <= 0:
        return None
    # dividing by the reciprocal keeps round numbers round: 180 s is 3.0 min
    return number * factor if factor >= 1 else number / (round(1 / factor))


def micrometres(value: object, unit: str) -> float | None:
    r"""Convert a length to micrometres.

    Parameters
    ----------
    value : object
        A number, or text that holds one.
    unit : str
        Name of the unit: ``µm``, ``um``, ``micron``, ``\u00B5m``, ``nm``, ``mm``, ``inch`` …; in any case,
        singular or plural.

    Returns
    -------
    float or None
        Length in µm; None if the unit is not a length (``pixel``) or the value is not a positive finite number.
    """
    return _convert(value, unit, _TO_MICROMETRE)


def minutes(value: object, unit: str) -> float | None:
    """Convert a time to minutes.

    Parameters
    ----------
    value : object
        A number, or text that holds one.
    unit : str
        Name of the unit: ``ms``, ``s``, ``sec``, ``min``, ``h`` …; any case, singular or plural.

    Returns
    -------
    float or None
        Time in minutes; None if the unit is not a time (``frame``) or the value is not a positive finite number.
    """
    return _convert(value, unit, _TO_MINUTE)
