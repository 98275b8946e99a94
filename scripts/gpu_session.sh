#!/usr/bin/env bash
# Everything there is to check on a machine with an NVIDIA GPU, in one command: compiles the kernels with that machine's
# nvcc for its GPU, holds them against the float64 torch form, measures them, and prints a table last.
# Needs torch with CUDA, nvcc and cmake; nothing of napari. Results go to $OUT (or build/gpu).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
out=${OUT:-build/gpu}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$out"

nvidia-smi --query-gpu=name,compute_cap,driver_version --format=csv,noheader | tee "$out/gpu.txt"
cmake -S . -B "$work/build" -DCELLSIM_CUDA=ON >"$out/build.log"
if ! cmake --build "$work/build" -j >>"$out/build.log" 2>&1; then
    tail -n 30 "$out/build.log"
    exit 1
fi
cmake --install "$work/build" --prefix "$work/kernels" >>"$out/build.log"
PYTHONPATH=src CELLSIM_KERNEL_DIR=$work/kernels/napari_cellsim/_cuda python3 scripts/gpu_kernels.py "$out/gpu_kernels.json"
