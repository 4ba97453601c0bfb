"""The callbacks of the broker's client, a subject a module; `Receiver` is all of them."""
