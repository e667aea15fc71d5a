"""VTrade: a market you can hold in a notebook."""

__version__ = "0.1.0"
