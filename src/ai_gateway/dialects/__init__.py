"""Wire dialects: pure functions and small state machines, bytes and structs in and out."""
