"""What the message says: from templates, or from a model with templates behind it."""
