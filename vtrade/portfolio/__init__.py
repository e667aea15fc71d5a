"""Ledger, valuation and analytics: what the facts mean in money."""
