"""What is wrong around us, and what to do about it: a check is one function that yields findings."""
