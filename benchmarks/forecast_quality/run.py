"""How good is the forecast? Trains every variant on the same phantoms with the same budget, and measures them together.

Simulates what is missing, trains each variant of variants.py (at most ten minutes of processor time each), forecasts
the test sequences 1, 3, 5 and 7 frames ahead, and writes results/forecast_quality.json after every variant. Everything
can be interrupted: finished runs are not repeated, scores are remembered by the hash of the model. A variant that fails
is named at the end; the others go on. With another --minutes-scale than 1 the results stay in DIR.

    python benchmarks/forecast_quality/run.py --work DIR [--only NAME ...] [--minutes-scale X] [--processes 1]
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path

import phantoms
import torch
import variants
from study import Study


def main() -> None:
    options = parse()
    wanted = [v for v in variants.VARIANTS if not options.only or v.name in options.only]
    if missing := set(options.only) - {v.name for v in wanted}:
        raise SystemExit(f"there is no variant {', '.join(sorted(missing))} in variants.py")
    torch.set_num_threads(1)
    os.environ["OMP_NUM_THREADS"] = "1"  # of the processes that train
    for part in ("validation", "test", "train"):
        phantoms.simulate(options.work, part)
    store = options.work / "small"
    runs = options.work / ("runs" if options.minutes_scale == 1 else f"runs-{options.minutes_scale:g}")
    runs.mkdir(parents=True, exist_ok=True)
    study = Study(options.work, runs, options.minutes_scale)
    written = study.report()
    failed = []
    for name, trouble in trainings([v.name for v in wanted], runs, store, options):
        if trouble:
            failed.append(name)
            print(f"== {name} failed\n{trouble}", file=sys.stderr, flush=True)
        else:
            written = study.report()
    study.ground.show()
    print(f"\nwritten: {written}")
    if failed:
        raise SystemExit(f"failed: {', '.join(failed)}")


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--work", type=Path, required=True, help="folder, outside the repository, for phantoms and runs"
    )
    parser.add_argument("--only", nargs="+", default=[], metavar="NAME", help="train these variants only")
    parser.add_argument("--minutes-scale", type=float, default=1.0, help="factor on all budgets, for a trial")
    parser.add_argument("--processes", type=int, default=1, help="variants trained at a time")
    return parser.parse_args()


def trainings(
    names: list[str], runs: Path, store: Path, options: argparse.Namespace
) -> Iterator[tuple[str, str]]:
    """Train variants, and yield the name of each that is done, with what went wrong."""
    if options.processes == 1:
        for name in names:
            yield name, train(name, runs, store, options.minutes_scale)
        return
    with ProcessPoolExecutor(options.processes, mp_context=get_context("spawn")) as pool:
        jobs = {pool.submit(train, name, runs, store, options.minutes_scale): name for name in names}
        for job in as_completed(jobs):
            yield jobs[job], job.result()


def train(name: str, runs: Path, store: Path, scale: float) -> str:
    """Train one variant, or go on with it; return what went wrong, or nothing."""
    torch.set_num_threads(1)
    variant = next(v for v in variants.VARIANTS if v.name == name)
    print(f"== {name}: {variant.title}", flush=True)
    try:
        with metered(runs / "cpu" / f"{name}.json"):
            model = variant.train(runs, store, scale)
    except Exception:  # one that fails must not stop a night's work
        return traceback.format_exc()
    done = runs / "finished" / f"{name}.json"
    done.parent.mkdir(exist_ok=True)
    done.write_text(json.dumps({"model": str(model)}))
    return ""


@contextmanager
def metered(path: Path) -> Iterator[None]:
    """Add up the processor time of this process in a file, so that an interrupted run loses none of it."""
    path.parent.mkdir(exist_ok=True)
    before = json.loads(path.read_text())["seconds"] if path.is_file() else 0.0
    began, over = time.process_time(), threading.Event()

    def keep() -> None:
        while True:
            last = over.wait(20)
            path.write_text(json.dumps({"seconds": before + time.process_time() - began}))
            if last:
                return

    writer = threading.Thread(target=keep, daemon=True)
    writer.start()
    try:
        yield
    finally:
        over.set()
        writer.join()


if __name__ == "__main__":
    main()
