"""What to measure, and how long."""

from dataclasses import dataclass

from bench.measure import DEFAULT, FAST32, PACED100, PACED500, QUICK, Durations, StreamLoad

SECTIONS = ("admission", "requests", "streams", "translation", "rss", "start", "open", "control", "workers")


@dataclass(frozen=True)
class Options:
    """`rounds`: how often all of it is measured; the targets take turns within each."""

    sections: frozenset[str] = frozenset(SECTIONS)
    rounds: int = 5
    durations: Durations = DEFAULT
    gateway_only: bool = False
    peers: bool = False

    @classmethod
    def quick(cls, sections: frozenset[str], *, gateway_only: bool, peers: bool) -> "Options":
        """One short round, for development."""
        return cls(sections, 1, QUICK, gateway_only, peers)

    @property
    def chat(self) -> bool:
        """Whether chat requests are run; the memory under load needs them too."""
        return bool(self.sections & {"requests", "rss"})

    @property
    def streams(self) -> tuple[StreamLoad, ...]:
        """The stream loads to run; for the memory under load the heaviest is enough."""
        if "streams" in self.sections:
            return (FAST32, PACED100, PACED500)
        return (PACED500,) if "rss" in self.sections else ()

    @property
    def loads(self) -> bool:
        """Whether the targets are kept running for loads."""
        return self.chat or bool(self.streams) or "translation" in self.sections
