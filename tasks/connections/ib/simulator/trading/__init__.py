"""The trading side of the simulated gateway: orders, executions, positions and money."""
