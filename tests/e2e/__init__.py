"""Tests against real server processes over real sockets."""
