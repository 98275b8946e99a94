#!/usr/bin/env bash
# Everything there is to do on a machine with an NVIDIA GPU: compiles the kernels with that machine's nvcc for its GPU,
# holds them against the float64 torch form, measures them, and prints a table last. Results go to $OUT (or build/gpu).
#
#     scripts/gpu_session.sh [kernels] [cellgan]      (kernels alone if nothing is named)
#
# "kernels" needs torch with CUDA, nvcc and cmake; nothing of napari. "cellgan" also needs pydantic, tifffile, zarr, dask,
# scikit-image, platformdirs and tomli-w (carried as wheels, see the notes of the device): it simulates pictures of 256 px
# with all cores and trains Cell-GAN lite on them for MINUTES (8).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
out=${OUT:-build/gpu}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$out"

nvidia-smi --query-gpu=name,compute_cap,driver_version --format=csv,noheader | tee "$out/gpu.txt"

kernels() {
    cmake -S . -B "$work/build" -DCELLSIM_CUDA=ON >"$out/build.log"
    if ! cmake --build "$work/build" -j >>"$out/build.log" 2>&1; then
        tail -n 30 "$out/build.log"
        exit 1
    fi
    cmake --install "$work/build" --prefix "$work/kernels" >>"$out/build.log"
    PYTHONPATH=src CELLSIM_KERNEL_DIR=$work/kernels/napari_cellsim/_cuda python3 scripts/gpu_kernels.py "$out/gpu_kernels.json"
}

cellgan() {
    PYTHONPATH=src python3 scripts/train_bundled.py pictures cellgan --data /tmp/cellsim --runs /tmp/cellsim/runs \
        --device cuda --picture-size 256 --processes "$(nproc)" --steps-cellgan 0 --minutes-cellgan "${MINUTES:-8}" |
        tee "$out/cellgan.log"
    cp /tmp/cellsim/runs/cellgan/final.safetensors "$out/cellgan-lite-256.safetensors"
    cp "$(ls /tmp/cellsim/runs/cellgan/previews/*.png | tail -n 1)" "$out/"
    tail -n 3 "$out/cellgan.log"
}

for part in "${@:-kernels}"; do
    "$part"
done
