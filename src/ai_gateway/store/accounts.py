"""Names of the stored settings that belong to the admin's account, where the config file holds none."""

from __future__ import annotations

__all__ = ["PASSWORD_HASH", "SESSION_SECRET"]

PASSWORD_HASH = "admin.password_hash"  # noqa: S105 - the name of a stored setting
SESSION_SECRET = "admin.session_secret"  # noqa: S105 - the name of a stored setting
