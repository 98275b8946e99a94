"""Sphinx configuration: MyST pages and numpydoc reference of the *installed* package; needs no network."""

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
    "sphinx.ext.mathjax",
]
exclude_patterns = ["_build"]
templates_path = ["_templates"]

myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
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
