"""Interactive Brokers: the bridge over its own client, and a simulated gateway to run it against."""
