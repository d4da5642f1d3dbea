"""Tools that the gateway runs by itself: built in, and of MCP servers."""
