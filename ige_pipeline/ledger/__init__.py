"""What each batch decided and why: one row for each candidate."""
