"""The outbox, and the webhook that empties it."""
