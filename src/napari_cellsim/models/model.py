"""Model: networks, card and hash, and the file they are kept in."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from napari_cellsim.base import CellSimError, now, versions

from .card import FORMAT_VERSION, ModelCard
from .header import CONTENT_KEY, SUFFIX, VERSION_KEY, Content, Header, NetworkRecord, read_header

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

KINDS = ("sdcnet", "pwcnet", "unet", "cellgan", "msggan", "vae", "simvp", "classifier", "backbone")
# Networks that a new model of a kind consists of, by role; a finished one may lack all but the needed ones.
_PARTS = {
    "cellgan": {
        "cellgan": "cellgan_generator",
        "mapping": "cellgan_mapping",
        "encoder": "cellgan_encoder",
        "discriminator": "cellgan_discriminator",
    },
    "msggan": {"msggan": "msggan_generator", "discriminator": "msggan_discriminator"},
    "backbone": {"backbone": "resnet18"},
}
_NEEDED = {"cellgan": ("cellgan", "mapping")}


@dataclass(eq=False)
class Model:
    """Networks that belong together, with what their users must know.

    Parameters
    ----------
    name : str
        Name for people and for `load_model`.
    kind : {"sdcnet", "pwcnet", "unet", "cellgan", "msggan", "vae", "simvp", "classifier", "backbone"}
        What the model does; also the role of its principal network. A "cellgan" has the roles "cellgan" (the
        generator) and "mapping", and may have "encoder" and "discriminator"; a "msggan" has "msggan" (the generator)
        and may have "discriminator". A "backbone" does nothing alone: classifiers start from it.
    networks : dict of str to torch.nn.Module
        Networks by role; each was made by `nets.create`.
    card : ModelCard
        Description, training data, calibration, partners.
    source : Path or None
        File the model was loaded from.
    warnings : list of str
        What was found odd while the model was put to use, e.g. a partner other than the training's.

    Raises
    ------
    CellSimError
        If the kind is unknown or its network is missing.
    """

    name: str
    kind: str
    networks: dict[str, nn.Module]
    card: ModelCard = field(default_factory=ModelCard)
    source: Path | None = None
    warnings: list[str] = field(default_factory=list)
    _hashed: tuple[object, str] | None = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise CellSimError(
                f"Model {self.name!r} has the unknown kind {self.kind!r}; a kind is one of {', '.join(KINDS)}."
            )
        for role in _NEEDED.get(self.kind, (self.kind,)):
            if role not in self.networks:
                raise CellSimError(f"Model {self.name!r} of kind {self.kind!r} has no network {role!r}.")

    @classmethod
    def create(
        cls, name: str, kind: str, preset: str = "lite", *, card: ModelCard | None = None, **overrides: Any
    ) -> Self:
        """Make an untrained model.

        Parameters
        ----------
        name : str
            Its name.
        kind : {"sdcnet", "pwcnet", "unet", "cellgan", "msggan", "vae", "simvp", "classifier", "backbone"}
            What it does; a "cellgan" and a "msggan" get all of their networks.
        preset : str
            Size of the network, see `nets.create`.
        card : ModelCard or None
            None for an empty card.
        **overrides
            Single fields of the network's configuration; of several networks each takes those that it has.

        Returns
        -------
        Model

        Raises
        ------
        CellSimError
            If kind, preset or a field is unknown.
        """
        from napari_cellsim import nets

        parts = _PARTS.get(kind, {kind: kind})
        if len(parts) == 1:
            return cls(name, kind, {kind: nets.create(parts[kind], preset, **overrides)}, card or ModelCard())
        unknown = set(overrides) - set().union(*(nets.fields(network) for network in parts.values()))
        if unknown:
            raise CellSimError(f"No network of a {kind} has the setting {', '.join(sorted(unknown))}.")
        networks = {
            role: nets.create(
                network, preset, **{k: v for k, v in overrides.items() if k in nets.fields(network)}
            )
            for role, network in parts.items()
        }
        return cls(name, kind, networks, card or ModelCard())

    @property
    def network(self) -> Any:
        """The principal network, a `torch.nn.Module`."""
        return self.networks[self.kind]

    @property
    def hash(self) -> str:
        """SHA-256 of kind, configurations and weights (as float32), hexadecimal; the same after save and load.

        Settings at their defaults do not count, so a setting that a later version adds changes no hash. Remembered
        until something changes, as weights may at any time, in training or by hand.
        """
        state = self._state()
        if self._hashed is None or self._hashed[0] != state:
            self._hashed = state, self._hash(self._tensors(half=False))
        return self._hashed[1]

    def to(self, device: str | torch.device) -> Self:
        """Move all networks to a device and return the model itself."""
        for network in self.networks.values():
            network.to(device)
        return self

    def save(self, path: str | Path, *, half: bool = False) -> str:
        """Write the model to one file, which appears whole or not at all.

        Parameters
        ----------
        path : str or Path
            A ``*.safetensors`` file; replaced if it exists.
        half : bool
            Whether to store weights as float16, which halves the file and rounds the weights.

        Returns
        -------
        str
            `hash` of the model in the file: that of the rounded weights if `half`.

        Raises
        ------
        CellSimError
            If the path has another suffix, a weight is too large for float16, or writing fails.
        """
        from safetensors.torch import save

        from napari_cellsim.data import atomic_path

        path = Path(path).expanduser()
        if path.suffix != SUFFIX:
            raise CellSimError(f"A model is saved as *{SUFFIX}, not as {path.name}; change the file's name.")
        tensors = self._tensors(half)
        digest = self._hash(tensors)
        content = Content(
            name=self.name,
            kind=self.kind,
            networks=self._records(),
            card=self.card,
            hash=digest,
            written=now(),
            versions=versions(),
        )
        # The version stands outside the content, so that it can be read whatever a later content looks like.
        text = content.model_dump_json(exclude={"card": {"format_version"}})
        try:
            with atomic_path(path) as temporary:
                # `save_file` would make a file that only its owner can read.
                temporary.write_bytes(save(tensors, {VERSION_KEY: str(FORMAT_VERSION), CONTENT_KEY: text}))
        except OSError as error:
            reason = error.strerror or error
            raise CellSimError(f"Model {self.name!r} cannot be written to {path}: {reason}.") from error
        return digest

    def _records(self, *, exclude_defaults: bool = False) -> dict[str, NetworkRecord]:
        from napari_cellsim import nets

        records = {}
        for role, network in self.networks.items():
            name = nets.name_of(network)
            config: Any = network.config
            values = config.model_dump(mode="json", exclude_defaults=exclude_defaults)
            records[role] = NetworkRecord(network=name, config=values)
        return records

    def _hash(self, tensors: dict[str, Tensor]) -> str:
        records = {role: r.model_dump() for role, r in self._records(exclude_defaults=True).items()}
        digest = hashlib.sha256(json.dumps([self.kind, records], sort_keys=True).encode())
        for key in sorted(tensors):
            tensor = tensors[key].float() if tensors[key].is_floating_point() else tensors[key]
            array = tensor.contiguous().numpy()
            array = array.astype(array.dtype.newbyteorder("<"), copy=False)
            digest.update(f"{key}{array.dtype.str}{array.shape}".encode())
            digest.update(array.tobytes())
        return digest.hexdigest()

    def _state(self) -> object:
        """Return what differs after whatever changes the hash, for a tenth of its cost.

        Torch counts the changes it knows of; the sums of the bits tell of those behind its back (through ``.data``, or
        a NumPy array that shares the memory).
        """
        weights = [tensor for network in self.networks.values() for tensor in network.state_dict().values()]
        changes = [0 if tensor.is_inference() else tensor._version for tensor in weights]
        sums = {key: _sum_of_bits(tensor) for key, tensor in self._tensors(half=False).items()}
        return self.kind, self._records(exclude_defaults=True), changes, sums

    def _tensors(self, half: bool) -> dict[str, Tensor]:
        """Return all weights on the CPU, floating ones as float32 or float16, by ``role.key``."""
        import torch

        tensors = {}
        for role, network in self.networks.items():
            for key, tensor in network.state_dict().items():
                tensor = tensor.detach().cpu()
                if tensor.is_floating_point():
                    stored = tensor.to(torch.float16 if half else torch.float32)
                    if half and not torch.equal(stored.isfinite(), tensor.isfinite()):
                        raise CellSimError(
                            f"Weight {key} of model {self.name!r} is too large for float16; save it in full precision."
                        )
                    tensor = stored
                tensors[f"{role}.{key}"] = tensor.contiguous()
        return tensors


def _sum_of_bits(tensor: Tensor) -> tuple[tuple[int, ...], int, bytes]:
    """Return shape, sum of the 64-bit words modulo 2⁶⁴, and the bytes behind the last whole word."""
    octets = tensor.numpy().reshape(-1).view(np.uint8)
    whole = octets.size // 8 * 8
    return tuple(tensor.shape), int(octets[:whole].view(np.uint64).sum()), octets[whole:].tobytes()


def read_model(path: Path) -> Model:
    """Load a model file.

    Parameters
    ----------
    path : Path
        A file that `Model.save` wrote.

    Returns
    -------
    Model
        On the CPU, float32, in evaluation mode.

    Raises
    ------
    CellSimError
        If the file is missing, damaged, not a CellSim model, from a newer version, or does not hold exactly
        the weights that its configuration asks for.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    header = read_header(path)
    model = _build(path, header)
    try:
        tensors = load_file(path)
    except (SafetensorError, OSError) as error:
        raise CellSimError(
            f"The weights in model file {path} cannot be read: {error}; get it again."
        ) from error
    tensors = {key: t.float() if t.is_floating_point() else t for key, t in tensors.items()}
    for role, network in model.networks.items():
        prefix = f"{role}."
        network.load_state_dict(
            {k.removeprefix(prefix): t for k, t in tensors.items() if k.startswith(prefix)}
        )
        network.eval()
    if model.hash != header.content.hash:
        raise CellSimError(
            f"Model file {path} was altered or damaged: its weights do not fit its hash; get it again."
        )
    return model


def _build(path: Path, header: Header) -> Model:
    """Make the networks a header describes and check that the file has their weights, before reading them."""
    from napari_cellsim import nets

    content = header.content
    presets = nets.names()
    try:
        # The first preset is a configuration's default, which is what a setting younger than the file must be.
        networks = {
            role: nets.create(record.network, presets.get(record.network, ("",))[0], **record.config)
            for role, record in content.networks.items()
        }
        model = Model(content.name, content.kind, networks, content.card, source=path)
    except CellSimError as error:
        raise CellSimError(f"Model file {path} cannot be used: {error}") from error
    expected = {
        f"{role}.{key}": tuple(tensor.shape)
        for role, network in networks.items()
        for key, tensor in network.state_dict().items()
    }
    check_keys(f"Model file {path}", expected, header.shapes)
    return model


def check_keys(what: str, expected: dict[str, tuple[int, ...]], found: dict[str, tuple[int, ...]]) -> None:
    """Raise a sentence if the found weights are not exactly the expected ones.

    Parameters
    ----------
    what : str
        The file, for the sentence.
    expected, found : dict
        Shapes by name.

    Raises
    ------
    CellSimError
        Naming the first few weights that are missing, unknown or of another shape.
    """
    both = sorted(expected.keys() & found.keys())
    faults = {
        "lacks the weights": sorted(expected.keys() - found.keys()),
        "has unknown weights": sorted(found.keys() - expected.keys()),
        "has weights of another shape": [key for key in both if expected[key] != found[key]],
    }
    parts = []
    for fault, keys in faults.items():
        if keys:
            more = f" and {len(keys) - 3} more" if len(keys) > 3 else ""
            parts.append(f"{fault} {', '.join(keys[:3])}{more}")
    if parts:
        raise CellSimError(f"{what} does not fit its network: it {'; it '.join(parts)}. Choose another file.")
