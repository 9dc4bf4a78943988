"""What answers over HTTP: one application on one pool of connections, put together from the rooms' routes."""
