"""``python -m napari_cellsim`` is the command line."""

from .cli import main

main()
