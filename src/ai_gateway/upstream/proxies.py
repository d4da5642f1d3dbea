"""Forward proxies, as the environment names them."""

from __future__ import annotations

import os
from urllib.parse import urlsplit

__all__ = ["Proxies"]


class Proxies:
    """`HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY`, read once.

    aiohttp's own `trust_env` reads the environment and ~/.netrc at every request: slow, and it would put
    credentials into requests that already have their own.
    """

    def __init__(self, by_scheme: dict[str, str]) -> None:
        self._by_scheme = by_scheme
        self._by_origin: dict[tuple[str, str], str | None] = {}

    @classmethod
    def from_environment(cls) -> Proxies | None:
        """None where no proxy is set: nothing to ask at each request then."""
        if not any(name.lower().endswith("_proxy") for name in os.environ):
            return None
        import urllib.request  # here: most have no proxy, and no use for an HTTP client of the library's

        found = urllib.request.getproxies_environment()
        wanted = {scheme: proxy for scheme, proxy in found.items() if scheme in ("http", "https", "all")}
        return cls(wanted) if wanted else None

    def of(self, url: str) -> str | None:
        """The proxy's address for an `http` or `https` URL; None where it is reached directly."""
        parts = urlsplit(url)
        origin = (parts.scheme, parts.netloc)
        if origin not in self._by_origin:
            self._by_origin[origin] = self._find(*origin)
        return self._by_origin[origin]

    def _find(self, scheme: str, netloc: str) -> str | None:
        import urllib.request

        proxy = self._by_scheme.get(scheme) or self._by_scheme.get("all")
        if proxy is None or urllib.request.proxy_bypass(netloc):
            return None
        return proxy if "://" in proxy else f"http://{proxy}"
