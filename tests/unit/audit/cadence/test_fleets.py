"""A simulated fleet on many kinds of schedules: what stopped is found, and nothing else."""
