"""A gateway that speaks the broker's wire protocol over a market of real daily closes."""
