"""Kill delivery runs and Postgres itself at bad moments, and count what was lost or repeated."""
