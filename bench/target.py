"""What is measured, seen from outside: where it listens, which keys it takes, how it is started."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from bench.payloads import MODEL
from bench.procs import Process


@dataclass(frozen=True)
class Upstreams:
    """The ports of the two upstream stubs."""

    chat_port: int
    stream_port: int


@dataclass(frozen=True)
class Endpoints:
    """Where the load goes; a port may serve both kinds of load, told apart by the key or other headers."""

    chat_port: int
    stream_port: int
    chat_key: str = "sk-bench"
    stream_key: str = "sk-bench"
    stream_model: str = MODEL
    chat_headers: Mapping[str, str] = field(default_factory=dict)
    stream_headers: Mapping[str, str] = field(default_factory=dict)


class Server(Protocol):
    """Something between load and stubs that can be started more than once."""

    @property
    def name(self) -> str: ...

    @property
    def ready_path(self) -> str:
        """A path on the chat port that answers 200 as soon as the server serves."""
        ...

    @property
    def endpoints(self) -> Endpoints: ...

    @property
    def is_peer(self) -> bool:
        """Whether it is another gateway: it may write answers anew, and may fall behind for good."""
        ...

    def start(self) -> Process: ...


@dataclass(frozen=True)
class Target:
    """A running column of the report; direct load has no process of its own."""

    name: str
    endpoints: Endpoints
    pid: int | None
    is_peer: bool = False
