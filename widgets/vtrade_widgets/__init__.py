"""Panels for JupyterLab."""
