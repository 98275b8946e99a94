"""Foreign weights: both layouts of PWC-Net, and files that are something else."""

from __future__ import annotations

import pytest
import torch

from napari_cellsim.base import CellSimError
from napari_cellsim.models import import_weights, load_model, store

# The layer table of MODELS.md §6.1 and §6.2: official module, module of the reimplementation, weight shape.
WIDTHS = [3, 16, 32, 64, 96, 128, 196]
NAMES = ["One", "Two", "Thr", "Fou", "Fiv", "Six"]


def table() -> list[tuple[str, str | None, tuple[int, ...]]]:
    rows: list[tuple[str, str | None, tuple[int, ...]]] = []
    for level in range(1, 7):
        letters = ["a", "aa", "b"] if level < 6 else ["aa", "a", "b"]
        for letter, place, inputs in zip(
            letters, (0, 2, 4), [WIDTHS[level - 1]] + [WIDTHS[level]] * 2, strict=True
        ):
            foreign = f"moduleExtractor.module{NAMES[level - 1]}.{place}"
            rows.append((f"conv{level}{letter}.0", foreign, (WIDTHS[level], inputs, 3, 3)))
    for level in range(6, 1, -1):
        inputs = 81 + (0 if level == 6 else WIDTHS[level] + 4)
        for i, outputs in enumerate([128, 128, 96, 64, 32]):
            rows.append(
                (
                    f"conv{level}_{i}.0",
                    f"module{NAMES[level - 1]}.module{NAMES[i]}.0",
                    (outputs, inputs, 3, 3),
                )
            )
            inputs += outputs
        rows.append((f"predict_flow{level}", f"module{NAMES[level - 1]}.moduleSix.0", (2, inputs, 3, 3)))
        finer = f"module{NAMES[level - 2]}"
        rows.append((f"deconv{level}", f"{finer}.moduleUpflow" if level > 2 else None, (2, 2, 4, 4)))
        if level > 2:
            rows.append((f"upfeat{level}", f"{finer}.moduleUpfeat", (inputs, 2, 4, 4)))
    inputs = 565
    for i, outputs in enumerate([128, 128, 128, 96, 64, 32, 2]):
        name = f"dc_conv{i + 1}" + (".0" if i < 6 else "")
        rows.append((name, f"moduleRefiner.moduleMain.{2 * i}", (outputs, inputs, 3, 3)))
        inputs = outputs
    return rows


@pytest.fixture(scope="module")
def states() -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
    """The same random weights in both layouts."""
    generator = torch.Generator().manual_seed(4)
    official, foreign = {}, {}
    for name, other, shape in table():
        fan = shape[1] * 9 if "deconv" not in name and "upfeat" not in name else shape[0] * 4
        weight = torch.randn(shape, generator=generator) * (1 / fan) ** 0.5
        outputs = 2 if "deconv" in name or "upfeat" in name else shape[0]
        bias = torch.randn(outputs, generator=generator) * 0.1
        official |= {f"{name}.weight": weight, f"{name}.bias": bias}
        if other is not None:
            foreign |= {f"{other}.weight": weight, f"{other}.bias": bias}
    return official, foreign


@pytest.fixture(scope="module")
def imported(states, tmp_path_factory):
    folder = tmp_path_factory.mktemp("weights")
    torch.save(states[0], folder / "pwc_net.pth.tar")
    torch.save(states[1], folder / "network-default.pytorch")
    return import_weights(folder / "pwc_net.pth.tar"), import_weights(
        folder / "network-default.pytorch", "pwcnet"
    )


def write(folder, state):
    path = folder / "weights.pth.tar"
    torch.save(state, path)
    return path


def test_layouts_have_the_published_sizes(states):
    official, foreign = states
    assert (len(official), sum(t.numel() for t in official.values())) == (128, 9_374_340)
    assert (len(foreign), sum(t.numel() for t in foreign.values())) == (126, 9_374_274)


def test_both_layouts_make_one_network(imported):
    official, foreign = imported
    assert official.kind == foreign.kind == "pwcnet"
    torch.manual_seed(0)
    first, second = torch.rand(1, 3, 70, 90), torch.rand(1, 3, 70, 90)
    with torch.inference_mode():
        one, two = official.network(first, second), foreign.network(first, second)
    assert one.shape == (1, 2, 70, 90)
    assert one.abs().max() > 0.1
    assert torch.equal(one, two)


def test_every_tensor_arrives_exactly_once(states, imported):
    """All weights are distinct random numbers, so equal sums of the sorted values mean a bijection."""
    official, _ = states
    ours = imported[0].network.state_dict()
    theirs = {tuple(t.flatten()[:2].tolist()): t for t in official.values()}
    assert len(theirs) == 128 == len(ours)
    for tensor in ours.values():
        assert torch.equal(theirs.pop(tuple(tensor.flatten()[:2].tolist())), tensor)
    assert theirs == {}


def test_unused_enlargement_is_zero_where_the_file_has_none(imported):
    unused = imported[1].network.state_dict()["decoders.2.enlarge_flow.weight"]
    assert torch.equal(unused, torch.zeros(2, 2, 4, 4))


@pytest.mark.parametrize(
    "wrap",
    [
        lambda s: {"state_dict": s, "epoch": 3},
        lambda s: {f"module.{k}": v for k, v in s.items()},
        lambda s: {"state_dict": {f"module.{k}": v for k, v in s.items()}},
    ],
)
def test_wrapped_and_prefixed_checkpoints(states, imported, tmp_path, wrap):
    assert import_weights(write(tmp_path, wrap(states[0]))).hash == imported[0].hash
    if "state_dict" in wrap(states[0]):
        assert import_weights(write(tmp_path, wrap(states[1]))).hash == imported[1].hash


def test_file_of_an_old_torch(states, imported, tmp_path):
    path = tmp_path / "pwc_net_chairs.pth.tar"
    torch.save(states[0], path, _use_new_zipfile_serialization=False)
    model = import_weights(path)
    assert model.hash == imported[0].hash
    assert model.name == "pwc_net_chairs"
    assert "FlyingThings" in model.card.trained_on


def test_card_states_the_licence_and_the_order_of_colours(imported):
    card = imported[0].card
    assert "BY-NC-SA" in card.licence
    assert "blue, green, red" in card.normalisation
    assert len(card.training["file_sha256"]) == 64


def test_imported_model_can_be_kept(imported, tmp_path, monkeypatch):
    monkeypatch.setenv("CELLSIM_MODEL_DIR", str(tmp_path))
    store(imported[0])
    kept = load_model("pwc_net")
    assert kept.hash == imported[0].hash
    assert kept.card == imported[0].card


def test_old_network_is_recognised(states, tmp_path):
    old = {k: v for k, v in states[0].items() if "aa." not in k}
    with pytest.raises(CellSimError, match="old PWC-Net"):
        import_weights(write(tmp_path, old))


def test_missing_unknown_and_misshapen_weights_are_named(states, tmp_path):
    official, foreign = states
    lacking = {k: v for k, v in official.items() if not k.startswith("dc_conv7")}
    with pytest.raises(CellSimError, match=r"lacks the weights dc_conv7\.bias, dc_conv7\.weight"):
        import_weights(write(tmp_path, lacking))
    with pytest.raises(CellSimError, match=r"unknown weights moduleExtra\.weight"):
        import_weights(write(tmp_path, foreign | {"moduleExtra.weight": torch.zeros(1)}))
    with pytest.raises(CellSimError, match=r"another shape conv1a\.0\.weight"):
        import_weights(write(tmp_path, official | {"conv1a.0.weight": torch.zeros(16, 1, 3, 3)}))
    with pytest.raises(
        CellSimError, match=r"lacks the weights .* and 125 more; it has unknown weights fc\.weight"
    ):
        import_weights(write(tmp_path, {"fc.weight": torch.zeros(2, 2)}), kind="pwcnet")


class Dangerous:
    def __reduce__(self):
        return (open, ("executed.txt", "w"))


def test_nothing_in_a_file_is_executed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CellSimError, match="more than weights"):
        import_weights(write(tmp_path, {"state_dict": Dangerous()}))
    assert not (tmp_path / "executed.txt").exists()


def test_files_without_weights(states, tmp_path):
    for name, content in {"empty": b"", "text": b"hello", "zip": b"PK\x03\x04 broken"}.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(CellSimError, match="cannot be read as PyTorch weights"):
            import_weights(tmp_path / name)
    cut = write(tmp_path, states[0])
    cut.write_bytes(cut.read_bytes()[:-5000])
    with pytest.raises(CellSimError, match="cannot be read as PyTorch weights"):
        import_weights(cut)
    for content in ([torch.zeros(1)], {}, {"state_dict": {"a": 1}}):
        with pytest.raises(CellSimError, match="no table of weights"):
            import_weights(write(tmp_path, content), kind="pwcnet")
        with pytest.raises(CellSimError, match="none of the weights that can be imported"):
            import_weights(write(tmp_path, content))
    with pytest.raises(CellSimError, match="There is no file"):
        import_weights(tmp_path / "absent.pth.tar")
    with pytest.raises(CellSimError, match="'vae' cannot be imported"):
        import_weights(cut, kind="vae")
