"""What can be asked of the broker, a subject a module; `Broker` is all of it."""
