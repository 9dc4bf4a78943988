"""Connections, named queries, migrations, and the embedded server."""
