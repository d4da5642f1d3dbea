"""The control path: what an admin sees and changes."""
