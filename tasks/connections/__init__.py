"""The only place that talks to the world: brokers, stores, databases, people."""
