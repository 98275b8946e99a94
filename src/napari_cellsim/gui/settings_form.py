"""A form made from the JSON schema of a pydantic model: one row per field, with its sentence as tooltip."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from magicgui.widgets import CheckBox, ComboBox, LineEdit, SpinBox
from magicgui.widgets.bases import ValueWidget
from qtpy.QtWidgets import QLabel, QVBoxLayout, QWidget

from ..base import CellSimError
from ..training.describing import attribute_sentences
from .widgets import form

_LARGEST = 2_000_000_000
_SHORT = {"lr": "learning rate", "min": "minimum", "max": "maximum"}


@dataclass(frozen=True)
class SettingField:
    """One field of a schema.

    Attributes
    ----------
    path : tuple of str
        Names from the outermost model inwards.
    schema : dict
        Its own JSON schema.
    default : object
        Value where nothing else is said.
    sentence : str
        What it means.
    """

    path: tuple[str, ...]
    schema: dict[str, Any]
    default: Any
    sentence: str

    @property
    def label(self) -> str:
        """The name in words."""
        words = [_SHORT.get(word, word) for word in self.path[-1].split("_")]
        return " ".join(words).capitalize()


def fields_of(
    schema: dict[str, Any],
    path: tuple[str, ...] = (),
    top: dict[str, Any] | None = None,
    defaults: dict[str, Any] | None = None,
) -> Iterator[Any]:
    """Yield the fields of a schema, those of nested models in their place.

    Where one of several models may stand, it is the first that knows all that `defaults` say there.

    Parameters
    ----------
    schema : dict
        Of an object.
    path : tuple of str
        Where it lies.
    top : dict
        The whole schema, which holds the definitions.
    defaults : dict
        Nested values, see above.
    """
    top = schema if top is None else top
    sentences = attribute_sentences(schema.get("description", ""))
    for name, own in schema.get("properties", {}).items():
        stated = (defaults or {}).get(name)
        stated = stated if isinstance(stated, dict) else {}
        kinds = [own, *own.get("allOf", []), *own.get("anyOf", []), *own.get("oneOf", [])]
        models = [
            top.get("$defs", {}).get(one["$ref"].rpartition("/")[2], {}) for one in kinds if "$ref" in one
        ]
        knowing = [model for model in models if set(stated) <= set(model.get("properties", {}))]
        inner = next(iter([*knowing, *models]), {})
        if inner.get("type") == "object":
            yield from fields_of(inner, (*path, name), top, stated)
        else:
            nothing = {} if own.get("type") == "object" else None
            yield SettingField(
                (*path, name), {**inner, **own}, own.get("default", nothing), sentences.get(name, "")
            )


class SettingsForm(QWidget):
    """Rows for the fields of a schema; remembers what differs from the defaults.

    Parameters
    ----------
    schema : dict
        JSON schema of a pydantic model.
    defaults : dict
        Nested values that take the place of the schema's own defaults.
    hidden : set of str
        Fields, as dotted paths, that are chosen elsewhere.
    title : str
        Heading of the fields that belong to no nested model.
    """

    def __init__(
        self, schema: dict[str, Any], defaults: dict[str, Any], hidden: set[str], title: str
    ) -> None:
        super().__init__()
        self._rows: dict[tuple[str, ...], tuple[ValueWidget, Any]] = {}
        groups: dict[str, list[ValueWidget]] = {}
        for found in fields_of(schema, defaults=defaults):
            if ".".join(found.path) in hidden:
                continue
            default = _look_up(defaults, found.path, found.default)
            row = _row(found, default)
            self._rows[found.path] = (row, _read(row))
            heading = found.path[-2].capitalize() if len(found.path) > 1 else title
            groups.setdefault(heading, []).append(row)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        for heading, rows in sorted(groups.items(), key=lambda group: group[0] != title):
            column.addWidget(QLabel(f"<b>{heading}</b>"))
            column.addWidget(form(*rows))

    def widget(self, path: str) -> ValueWidget:
        """Return the widget of a field, such as "data.batch"."""
        return self._rows[tuple(path.split("."))][0]

    def changes(self) -> dict[str, Any]:
        """Return nested values of what differs from the defaults.

        Raises
        ------
        CellSimError
            If a text is not what the field takes.
        """
        result: dict[str, Any] = {}
        for path, (row, default) in self._rows.items():
            value = _read(row)
            if value != default:
                _put(result, path, value)
        return result

    def show_values(self, values: dict[str, Any]) -> None:
        """Show nested values; fields that they leave out get their default."""
        for path, (row, default) in self._rows.items():
            _write(row, _look_up(values, path, default))


def _row(found: SettingField, default: Any) -> ValueWidget:
    schema, tooltip = found.schema, found.sentence or f"The setting {'.'.join(found.path)}"
    common: dict[str, Any] = {"label": found.label, "tooltip": tooltip, "name": ".".join(found.path)}
    if "enum" in schema:
        return ComboBox(
            choices=schema["enum"], value=schema["enum"][0] if default is None else default, **common
        )
    if schema.get("type") == "boolean":
        return CheckBox(value=bool(default), **common)
    if schema.get("type") == "integer":
        smallest = schema.get("minimum", schema.get("exclusiveMinimum", -_LARGEST - 1) + 1)
        return SpinBox(min=smallest, max=schema.get("maximum", _LARGEST), value=int(default or 0), **common)
    row = LineEdit(**common)
    row.cellsim_json = schema.get("type") != "string"
    _write(row, default)
    return row


def _read(row: ValueWidget) -> Any:
    if not getattr(row, "cellsim_json", False):
        return row.value
    if not row.value.strip():
        return None
    try:
        return json.loads(row.value)
    except ValueError:
        raise CellSimError(
            f"The advanced setting {row.label!r} cannot be {row.value!r}; write numbers as 0.001, lists as [1, 2]."
        ) from None


def _write(row: ValueWidget, value: Any) -> None:
    if getattr(row, "cellsim_json", False):
        row.value = "" if value is None else json.dumps(value)
    elif isinstance(row, LineEdit):
        row.value = value or ""
    else:
        row.value = value


def _look_up(values: dict[str, Any], path: tuple[str, ...], otherwise: Any) -> Any:
    found: Any = values
    for name in path:
        if not isinstance(found, dict) or name not in found:
            return otherwise
        found = found[name]
    return found


def _put(values: dict[str, Any], path: tuple[str, ...], value: Any) -> None:
    for name in path[:-1]:
        values = values.setdefault(name, {})
    values[path[-1]] = value
