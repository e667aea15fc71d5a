"""The runtime: the one loop that takes, processes, appends and publishes."""
