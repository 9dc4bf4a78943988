"""The whole system on one machine: the sandbox, its sample data, and `ige up`."""
