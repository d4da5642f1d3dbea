"""What the gateway asks of its database, and the databases that answer."""
