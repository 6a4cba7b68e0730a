"""Sphinx configuration."""

import imagesvc

project = "imagesvc"
copyright = "the imagesvc contributors"
release = version = imagesvc.__version__

extensions = ["oslo_config.sphinxext", "oslo_policy.sphinxext", "reno.sphinxext"]
html_theme = "alabaster"
html_theme_options = {"description": "An OpenStack Image service", "fixed_sidebar": True}
exclude_patterns: list[str] = []
nitpicky = True
