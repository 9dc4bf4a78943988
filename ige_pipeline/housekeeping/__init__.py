"""What is kept, and for how long: our own tables, and what Dagster writes down of its runs."""
