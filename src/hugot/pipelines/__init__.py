"""What runs a task: `Pipeline`, which people call, and `Runner`, which does the work."""
