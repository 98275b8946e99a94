"""Draw the figures of the gallery (docs/gallery) into docs/images.

    python scripts/make_gallery.py [--only NAME ...] [--out FOLDER]

Every example is a script that also runs alone: python docs/gallery/orbit.py
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
GALLERY = ROOT / "docs" / "gallery"


def examples() -> dict[str, Path]:
    """Return the scripts of the gallery by name."""
    return {path.stem: path for path in sorted(GALLERY.glob("*.py")) if not path.stem.startswith("_")}


def main() -> None:
    every = examples()
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", nargs="+", choices=list(every), metavar="NAME", help=", ".join(every))
    parser.add_argument("--out", type=Path, help="folder of the figures; default docs/images")
    options = parser.parse_args()
    for name in options.only or every:
        start = time.monotonic()
        place = ["--out", str(options.out / f"gallery_{name}.png")] if options.out else []
        # each in a process of its own, as a reader runs it: no example lives on what another one left behind
        subprocess.run([sys.executable, str(every[name]), *place], check=True)
        print(f"  {time.monotonic() - start:.0f} s")


if __name__ == "__main__":
    main()
