"""A stream as a person sees it in a browser: what every step yields, kept up to date, served on this machine alone."""
