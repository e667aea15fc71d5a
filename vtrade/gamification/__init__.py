"""XP, levels, badges, missions, streaks and standings, folded from facts and actions.

Rules: what is paid for is the way a student works, never how much is traded; every award and every rank can be rebuilt
from the log.
"""
