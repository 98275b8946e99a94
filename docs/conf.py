"""Sphinx configuration: MyST pages and numpydoc reference of the *installed* package; needs no network.

Formulas are written in plain characters: a page with TeX would need a script from the network to show them.
"""

import napari_cellsim

project = "napari-cellsim"
author = "The napari-cellsim developers"
copyright = "2026, The napari-cellsim developers"
release = version = napari_cellsim.__version__

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
]
exclude_patterns = ["_build"]
templates_path = ["_templates"]

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

autosummary_generate = True
autosummary_imported_members = True
autodoc_typehints = "none"  # numpydoc's Parameters sections say it better
autodoc_member_order = "bysource"
numpydoc_show_class_members = False
numpydoc_class_members_toctree = False

html_theme = "furo"
html_title = "napari-cellsim"
html_show_sphinx = False
