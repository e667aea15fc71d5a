"""XP, levels, badges, missions, streaks and standings, folded from facts and actions."""
