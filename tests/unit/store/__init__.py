"""Tests of `ai_gateway.store` that look inside."""
