"""Sphinx configuration."""

import sys
from pathlib import Path

import imagesvc

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

project = "imagesvc"
copyright = "the imagesvc contributors"
release = version = imagesvc.__version__

extensions = ["api_reference", "oslo_config.sphinxext", "oslo_policy.sphinxext", "reno.sphinxext"]
html_theme = "alabaster"
# As wide as the widest drawing; the text takes what the sidebar leaves.
html_theme_options = {
    "description": "An OpenStack Image service",
    "fixed_sidebar": True,
    "page_width": "1320px",
    "body_max_width": "none",
}
exclude_patterns: list[str] = []
nitpicky = True
