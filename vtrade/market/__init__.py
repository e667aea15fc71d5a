"""Tapes: the event dtype, readers, synthetic markets and calendars."""
