"""The day run from a Prefect server: pipelines as deployments, their schedules, and what becomes of their runs."""
