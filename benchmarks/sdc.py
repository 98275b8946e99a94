"""How fast is the spatially-displaced convolution, natively and as torch operations?

K = 7, one channel, 256 x 256. All variants take turns within one run, so that a busy machine slows them
alike; ratios are those of the medians and of the minima. "Best" is the faster one of several formulations.
Compiling takes minutes. Writes results/sdc.json.

    python benchmarks/sdc.py [--rounds 15]
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import torch
from _machine import record
from torch import Tensor
from torch.nn.functional import embedding, interpolate, pad

from napari_cellsim._cuda import report
from napari_cellsim._cuda._launch import sdc_forward
from napari_cellsim._cuda._lib import cpu_library
from napari_cellsim.ops import sdc
from napari_cellsim.ops._sdc_native import sdc_native_plain
from napari_cellsim.ops._sdc_torch import _taps, sdc_torch

SIZE, TAPS = 256, 7
# Per pixel, one channel (MODELS §1.4): floating-point operations and bytes that must move.
COST = {"forward": (183, 72), "backward": (386, 136), "backward with image gradient": (522, 148)}
Operator = Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]


def native(image: Tensor, flow: Tensor, kernel_v: Tensor, kernel_h: Tensor) -> Tensor:
    return sdc(image, flow, kernel_v, kernel_h)


def gather(image: Tensor, flow: Tensor, kernel_v: Tensor, kernel_h: Tensor) -> Tensor:
    """Our fallback: all (K+1)² pixels in one gather."""
    return sdc_torch(image, flow, kernel_v, kernel_h, "replicate")


def gather_loop(image: Tensor, flow: Tensor, kernel_v: Tensor, kernel_h: Tensor) -> Tensor:
    """One gather per tap: slow eagerly, but a compiler can fuse everything."""
    batch, channels, height, width = image.shape
    rows, weight_v = _taps(flow[:, 1], kernel_v, height, "replicate", vertical=True)
    columns, weight_h = _taps(flow[:, 0], kernel_h, width, "replicate", vertical=False)
    rows, columns = rows.clamp(0, height - 1) * width, columns.clamp(0, width - 1)
    pixels = image.reshape(batch, channels, -1)
    out = torch.zeros_like(image)
    for i in range(TAPS + 1):
        row = torch.zeros_like(image)
        for j in range(TAPS + 1):
            index = (rows[:, i] + columns[:, j]).view(batch, 1, -1).expand(-1, channels, -1)
            row = row + weight_h[:, None, j] * pixels.gather(2, index).view(image.shape)
        out = out + weight_v[:, None, i] * row
    return out


def window_table(image: Tensor, flow: Tensor, kernel_v: Tensor, kernel_h: Tensor) -> Tensor:
    """A table of all windows of K+1 pixels in a row, looked up once per row of taps (one channel)."""
    batch, _, height, width = image.shape
    taps = TAPS + 1
    rows, weight_v = _taps(flow[:, 1], kernel_v, height, "replicate", vertical=True)
    columns, weight_h = _taps(flow[:, 0], kernel_h, width, "replicate", vertical=False)
    margin = 2 * taps
    padded = pad(image, (margin,) * 4, mode="replicate")
    windows = padded.unfold(3, taps, 1)
    per_row = windows.shape[3]
    table = windows.reshape(-1, taps)
    image_start = torch.arange(batch).view(batch, 1, 1) * padded.shape[2]
    first = (image_start + rows[:, 0] + margin) * per_row + columns[:, 0] + margin
    total = torch.zeros(batch, height, width, taps)
    for i in range(taps):
        total = total + embedding(first + i * per_row, table) * weight_v[:, i, :, :, None]
    return (total * weight_h.movedim(1, -1)).sum(-1).unsqueeze(1)


VARIANTS: dict[str, Operator] = {
    "native": native,
    "eager, one gather": gather,
    "eager, window table": window_table,
    "compiled, one gather": torch.compile(gather, dynamic=False),
    "compiled, gather loop": torch.compile(gather_loop, dynamic=False),
}


def inputs(batch: int) -> list[Tensor]:
    """Smooth displacements of a few pixels, as between two frames of a movie."""
    torch.manual_seed(0)
    image = torch.rand(batch, 1, SIZE, SIZE)
    flow = 3 * interpolate(torch.randn(batch, 2, 16, 16), size=(SIZE, SIZE), mode="bicubic")
    kernels = [torch.randn(batch, TAPS, SIZE, SIZE).softmax(1) for _ in range(2)]
    return [image, flow, *kernels]


def job(variant: Operator, task: str, tensors: list[Tensor]) -> Callable[[], object]:
    if task == "forward":
        return lambda: variant(*tensors)
    image, *others = (tensor.clone().requires_grad_() for tensor in tensors)
    wanted = [image, *others]
    if task == "forward and backward":  # as in training on true frames
        image, wanted = image.detach(), others
    gradient = torch.ones_like(image)
    return lambda: torch.autograd.grad(variant(image, *others), wanted, gradient)


def compare(
    batch: int, task: str, rounds: int, variants: dict[str, Operator] = VARIANTS
) -> dict[str, dict[str, float]]:
    tensors = inputs(batch)
    jobs = {name: job(variant, task, tensors) for name, variant in variants.items()}
    for run in jobs.values():
        run()
        run()
    times: dict[str, list[float]] = {name: [] for name in jobs}
    for _ in range(rounds):
        for name, run in jobs.items():
            start = time.perf_counter()
            run()
            times[name].append(1e3 * (time.perf_counter() - start))
    return {name: {"median_ms": statistics.median(t), "min_ms": min(t)} for name, t in times.items()}


def ratios(rows: dict[str, dict[str, float]]) -> dict[str, float]:
    """How many times faster the native kernel is than the best of the others."""
    result = {}
    for family in ("eager", "compiled"):
        for measure in ("median_ms", "min_ms"):
            best = min(row[measure] for name, row in rows.items() if name.startswith(family))
            result[f"{family}_{measure.removesuffix('_ms')}"] = best / rows["native"][measure]
    return result


def breakdown(rounds: int) -> dict[str, dict[str, dict[str, float]]]:
    """Forward pass of one image, layer by layer of what a call goes through, beside the best compiled form.

    Warm: nothing else runs between the calls. Cold: the eager form runs first and fills caches with its own.
    """
    kernel = cpu_library().handle
    if kernel is None:
        return {}
    out = torch.zeros(1, 1, SIZE, SIZE)

    def kernel_on(threads: int) -> Operator:
        def call(*tensors: Tensor) -> Tensor:
            pointers = [tensor.data_ptr() for tensor in (*tensors, out)]
            kernel.cellsim_sdc_forward_cpu(0, *pointers, 1, 1, SIZE, SIZE, TAPS, 0, threads)
            return out

        return call

    best = "compiled, gather loop"
    layers: dict[str, Operator] = {
        "C function, 1 thread": kernel_on(1),
        "C function, 2 threads": kernel_on(2),
        "+ checked memory, new result": lambda *tensors: sdc_forward(*tensors, "replicate"),
        "+ torch operator": lambda *tensors: sdc_native_plain(*tensors, "replicate"),
        "+ argument checks = sdc()": native,
    }
    result: dict[str, dict[str, dict[str, float]]] = {"warm": {}, "cold": {}}
    for state, before in (("warm", {}), ("cold", {"eager": gather})):
        for name, layer in layers.items():
            times = compare(1, "forward", 4 * rounds, {**before, best: VARIANTS[best], name: layer})
            result[state][name] = times[name]
        result[state][best] = times[best]
    return result


def ceilings() -> dict[str, float]:
    """What this machine can do at best: copy memory, and multiply matrices in float32."""

    def best(run: Callable[[], object], times: int = 15) -> float:
        run()
        seconds = []
        for _ in range(times):
            start = time.perf_counter()
            run()
            seconds.append(time.perf_counter() - start)
        return min(seconds)

    source = torch.zeros(2**26)
    target = torch.zeros_like(source)
    matrix = torch.rand(2048, 2048)
    return {
        "copy_gb_per_s": 2 * source.nbytes / best(lambda: target.copy_(source)) / 1e9,
        "sgemm_gflop_per_s": 2 * 2048**3 / best(lambda: matrix @ matrix) / 1e9,
    }


def roofline(task: str, batch: int, milliseconds: float, machine: dict[str, float]) -> dict[str, float]:
    parts = {
        "forward": ["forward"],
        "forward and backward": ["forward", "backward"],
        "forward and backward, image gradient": ["forward", "backward with image gradient"],
    }[task]
    pixels, seconds = batch * SIZE**2, milliseconds / 1e3
    flop, moved = (sum(COST[part][k] for part in parts) * pixels / seconds / 1e9 for k in (0, 1))
    return {
        "gflop_per_s": flop,
        "gb_per_s": moved,
        "of_sgemm": flop / machine["sgemm_gflop_per_s"],
        "of_copy": moved / machine["copy_gb_per_s"],
    }


def end_to_end(rounds: int) -> dict[str, dict[str, float]]:
    """Share of the operator in one step of the lite network: forecasting, and training with one example."""
    from napari_cellsim import nets

    net = nets.create("sdcnet", "lite")
    frames, flows = torch.rand(1, 3, 1, SIZE, SIZE), torch.randn(1, 3, 2, SIZE, SIZE)
    masks = torch.randn(1, 3, 4, SIZE, SIZE).softmax(2)
    tensors = inputs(1)

    def forecast() -> None:
        with torch.inference_mode():
            net.predict_next(frames, flows, masks)

    def train() -> None:
        net.predict_next(frames, flows, masks)[0].square().sum().backward()

    parts = {"a forecast step": (forecast, "forward"), "a training step": (train, "forward and backward")}
    result = {}
    for name, (whole, task) in parts.items():
        jobs = [whole, *(job(VARIANTS[v], task, tensors) for v in ("native", "eager, one gather"))]
        times: list[list[float]] = [[], [], []]
        for _ in range(rounds + 1):
            for run, own in zip(jobs, times, strict=True):
                start = time.perf_counter()
                run()
                own.append(time.perf_counter() - start)
        step, fast, slow = (statistics.median(own[1:]) for own in times)
        result[name] = {
            "milliseconds": 1e3 * step,
            "share": fast / step,
            "share_with_torch_operations": slow / (step - fast + slow),
        }
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    print(*report(), sep="\n")
    machine = ceilings()
    print(f"copy {machine['copy_gb_per_s']:.1f} GB/s, sgemm {machine['sgemm_gflop_per_s']:.0f} GFLOP/s")
    results = {}
    for batch in (1, 8):
        for task in ("forward", "forward and backward", "forward and backward, image gradient"):
            rows = compare(batch, task, rounds)
            faster = ratios(rows)
            reached = roofline(task, batch, rows["native"]["min_ms"], machine)
            results[f"batch {batch}, {task}"] = {"times": rows, "faster": faster, "native_reaches": reached}
            print(f"\nbatch {batch}, {task}: median (minimum) ms")
            for name, row in rows.items():
                print(f"  {name:24s} {row['median_ms']:8.2f} ({row['min_ms']:.2f})")
            print(
                f"  native is {faster['eager_median']:.1f} ({faster['eager_min']:.1f}) times faster than the best "
                f"eager form, {faster['compiled_median']:.1f} ({faster['compiled_min']:.1f}) than the best compiled"
            )
            print(
                f"  native reaches {reached['gflop_per_s']:.1f} GFLOP/s ({reached['of_sgemm']:.0%} of sgemm), "
                f"{reached['gb_per_s']:.1f} GB/s ({reached['of_copy']:.0%} of copy)"
            )
    layers = breakdown(rounds)
    for state, rows in layers.items():
        print(f"\nwhere the time of batch 1, forward, goes, {state}: median (minimum) ms")
        for name, row in rows.items():
            print(f"  {name:30s} {row['median_ms']:8.3f} ({row['min_ms']:.3f})")
    shares = end_to_end(rounds)
    print()
    for name, row in shares.items():
        print(
            f"{name} of sdcnet-lite: {row['milliseconds']:.0f} ms, {row['share']:.1%} of it this operator "
            f"(with torch operations {row['share_with_torch_operations']:.1%})"
        )
    path = record("sdc", {"ceilings": machine, "cases": results, "breakdown": layers, "end_to_end": shares})
    print(f"written: {path}")


if __name__ == "__main__":
    main()
