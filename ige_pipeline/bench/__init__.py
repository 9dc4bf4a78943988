"""What the work costs: measured on made-up people, beside other ways to do the same, on a server of the bench's own."""
