"""SQLite, Redis and language-model adapters, each behind one port."""
