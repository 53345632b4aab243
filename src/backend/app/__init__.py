"""Agent Run Log: the system of record for fleets of scheduled AI agents."""
