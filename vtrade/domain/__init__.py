"""The words of VTrade as values: instruments, orders, accounts, messages. Imports nothing above it."""
