"""Tests of ai-gateway."""
