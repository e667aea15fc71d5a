"""Matching, fill models, costs, risk and the engine of a room."""
