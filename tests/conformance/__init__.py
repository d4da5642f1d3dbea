"""Every caller's SDK against every provider's wire format: one conversation with tools, told the same way."""
