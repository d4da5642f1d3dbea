"""The client-facing API: thin HTTP endpoints, bytes to pipeline to bytes."""
