"""What comes back: replies and opt-outs, receipts of what was sent, and what became of it."""
