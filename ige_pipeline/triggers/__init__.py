"""Who is due a message, and why: one SQL file a trigger."""
