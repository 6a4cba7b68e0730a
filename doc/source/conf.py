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
# As wide as the widest drawing.
html_theme_options = {"description": "An OpenStack Image service", "fixed_sidebar": True, "page_width": "1280px"}
exclude_patterns: list[str] = []
nitpicky = True
