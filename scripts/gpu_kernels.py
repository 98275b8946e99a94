"""Check and measure the CUDA kernels on this machine's GPU; `gpu_session.sh` compiles them and runs this.

python scripts/gpu_kernels.py RESULTS.json
"""

from __future__ import annotations

import itertools
import json
import sys
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from napari_cellsim._cuda import _launch, report
from napari_cellsim.ops import leaky_relu_coefficients, pau, sdc
from napari_cellsim.ops._pau_torch import pau_torch
from napari_cellsim.ops._sdc_torch import sdc_torch

BORDERS = ("replicate", "official", "zeros")
TOLERANCE = {torch.float32: 3e-5, torch.float16: 3e-3, torch.bfloat16: 3e-2}
# Bytes that must move per pixel for K = 7, one channel, float32 (MODELS §1.4).
BYTES = {"forward": 72, "backward": 136, "backward with image": 148}


def inputs(batch: int, channels: int, size: int, taps: int, dtype: torch.dtype) -> list[Tensor]:
    """Return image, flow (float32), kernel_v, kernel_h, gradient; the flow keeps clear of whole pixels."""
    torch.manual_seed(taps)
    image, grad = torch.randn(2, batch, channels, size, size)
    flow = torch.randint(-6, 7, (batch, 2, size, size)) + 0.2 + 0.6 * torch.rand(batch, 2, size, size)
    kernels = torch.randn(2, batch, taps, size, size) / taps
    return [image.to(dtype), flow, *kernels.to(dtype), grad.to(dtype)]


def deviation(found: Tensor, exact: Tensor) -> float:
    """Largest difference, relative to the largest exact value."""
    return float((found.double().cpu() - exact).abs().max() / exact.abs().max())


def check_sdc(taps: int, dtype: torch.dtype, border: str) -> float:
    tensors = inputs(2, 2, 45, taps, dtype)
    *exact, exact_grad = (tensor.double() for tensor in tensors)
    exact = [tensor.requires_grad_() for tensor in exact]
    reference = sdc_torch(*exact, border)
    references = (reference.detach(), *torch.autograd.grad(reference, exact, exact_grad))
    *found, grad = (tensor.cuda() for tensor in tensors)
    found = [tensor.requires_grad_() for tensor in found]
    side = (
        torch.cuda.Stream()
    )  # not the default stream: a kernel that ignores torch's stream would be wrong here
    with torch.cuda.stream(side):
        out = sdc(*found, border)
        results = (out.detach(), *torch.autograd.grad(out, found, grad))
    side.synchronize()
    return max(deviation(a, b) for a, b in zip(results, references, strict=True))


def check_deterministic() -> float:
    *tensors, grad = (tensor.cuda() for tensor in inputs(2, 1, 128, 7, torch.float32))
    tensors[1] = tensors[1] * 0 + 0.3 - tensors[1].abs()  # many pixels land on the same few
    tensors = [tensor.requires_grad_() for tensor in tensors]
    torch.use_deterministic_algorithms(True)
    results = [torch.autograd.grad(sdc(*tensors), tensors[:1], grad)[0] for _ in range(5)]
    torch.use_deterministic_algorithms(False)
    assert all(torch.equal(result, results[0]) for result in results), "the deterministic mode is not"
    exact = [tensor.detach().double().cpu().requires_grad_() for tensor in tensors]
    (reference,) = torch.autograd.grad(sdc_torch(*exact, "replicate"), exact[:1], grad.double().cpu())
    return deviation(results[0], reference)


def check_pau(dtype: torch.dtype, form: str) -> float:
    torch.manual_seed(0)
    tensors = [torch.randn(100_003).to(dtype), torch.randn(6), torch.randn(4)]
    exact = [tensor.double().requires_grad_() for tensor in tensors]
    reference = pau_torch(*exact, form)
    references = (reference.detach(), *torch.autograd.grad(reference.sum(), exact))
    found = [tensor.cuda().requires_grad_() for tensor in tensors]
    out = pau(*found, form)
    results = (out.detach(), *torch.autograd.grad(out.sum(), found))
    return max(deviation(a, b) for a, b in zip(results, references, strict=True))


def milliseconds(run: Callable[[], object], repeats: int = 20) -> float:
    """Time of one call inside a replayed CUDA graph, without the processor's overhead: minimum of ten replays."""
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(3):
            run()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        for _ in range(repeats):
            run()
    times = []
    for _ in range(10):
        start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        start.record()
        graph.replay()
        end.record()
        end.synchronize()
        times.append(start.elapsed_time(end) / repeats)
    return min(times)


def measure() -> tuple[float, list[dict[str, object]]]:
    pair = torch.zeros(2, 2**28, device="cuda")
    copy = pair.nbytes / milliseconds(lambda: pair[0].copy_(pair[1]), 3) / 1e6
    rows = []
    for batch, dtype in itertools.product((1, 8, 64), (torch.float32, torch.bfloat16)):
        *tensors, grad = (tensor.cuda() for tensor in inputs(batch, 1, 256, 7, dtype))
        without, everything = (False, True, True, True), (True,) * 4
        jobs = {
            "forward": lambda t=tensors: _launch.sdc_forward(*t, "replicate"),
            "forward, torch": lambda t=tensors: sdc_torch(*t, "replicate"),
            "backward": lambda t=tensors, g=grad, w=without: _launch.sdc_backward(g, *t, "replicate", w),
            "backward with image": lambda t=tensors, g=grad, w=everything: _launch.sdc_backward(
                g, *t, "replicate", w
            ),
        }
        for name, run in jobs.items():
            row = {"job": name, "batch": batch, "dtype": str(dtype), "ms": milliseconds(run)}
            if dtype == torch.float32 and name in BYTES:
                row["gb_per_s"] = BYTES[name] * batch * 256**2 / row["ms"] / 1e6
            rows.append(row)
    x = torch.randn(64, 64, 256, 256, device="cuda")
    coefficients = [c.cuda() for c in leaky_relu_coefficients(0.01)]
    for name, moved, run in (
        ("pau forward", 8, lambda: _launch.pau_forward(x, *coefficients, "B")),
        ("pau backward", 12, lambda: _launch.pau_backward(x, x, *coefficients, "B", True)),
    ):
        elapsed = milliseconds(run, 3)
        rows.append({"job": name, "batch": 64, "dtype": "torch.float32", "ms": elapsed})
        rows[-1]["gb_per_s"] = moved * x.numel() / elapsed / 1e6
    return copy, rows


def main() -> None:
    print(*report(), sep="\n")
    if report()[1].backend != "cuda":
        sys.exit("The CUDA kernels are not active.")
    worst = {}
    for (taps, dtype), border in itertools.product(
        [*((taps, torch.float32) for taps in (1, 3, 5, 7, 9, 11)), (7, torch.float16), (7, torch.bfloat16)],
        BORDERS,
    ):
        worst[f"sdc K={taps} {dtype} {border}"] = (check_sdc(taps, dtype, border), TOLERANCE[dtype])
    worst["sdc deterministic"] = (check_deterministic(), TOLERANCE[torch.float32])
    for dtype, form in itertools.product(TOLERANCE, "AB"):
        worst[f"pau {dtype} {form}"] = (check_pau(dtype, form), 3 * TOLERANCE[dtype])
    failed = {name: pair for name, pair in worst.items() if not pair[0] <= pair[1]}
    copy, rows = measure()
    results = {"gpu": torch.cuda.get_device_name(), "torch": torch.__version__, "copy_gb_per_s": copy}
    results |= {"checks": worst, "failed": list(failed), "times": rows}
    Path(sys.argv[1]).write_text(json.dumps(results, indent=2) + "\n")
    print(f"{results['gpu']}, torch {torch.__version__}, copy {copy:.0f} GB/s")
    print(f"{'job':22s} {'batch':>5s} {'dtype':>15s} {'ms':>9s} {'GB/s':>7s} {'of copy':>8s}")
    for row in rows:
        rate = row.get("gb_per_s")
        reached = f"{rate:7.0f} {rate / copy:8.0%}" if rate else ""
        print(f"{row['job']:22s} {row['batch']:5d} {row['dtype']:>15s} {row['ms']:9.4f} {reached}")
    print(f"{len(worst) - len(failed)} of {len(worst)} checks against float64 passed")
    if failed:
        sys.exit(f"FAILED: {failed}")


if __name__ == "__main__":
    main()
