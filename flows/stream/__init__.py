"""The live mode: sources feed the graph, and what they touch fires, for as long as the session lasts."""
