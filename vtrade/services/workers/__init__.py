"""Who does the work behind a class: one loop, four roles."""
