"""The secrets that a gateway is given and makes, and the search for them in all that it writes and answers.

A secret may stand in its homes alone: what the config file sets, in that file; what the gateway made for
itself, in its database. A key or password that is made is shown once, by the command or the answer that made
it. Values under `MIN_LENGTH` characters would be found by chance: an upstream credential may not be that
short, and a password that short is refused anyway.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import re
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path
from typing import Any, Final

import yaml

MIN_LENGTH: Final = 8
CONFIG: Final = "config.yaml"
DATABASE: Final = "data/gateway.db*"
KEY_FILE: Final = "data/secret.key"
STDOUT: Final = "gateway.stdout"

GATEWAY_KEY: Final = re.compile(rb"gm_[A-Za-z0-9_-]{32}")
SHAPES: Final[Sequence[tuple[str, re.Pattern[bytes], tuple[str, ...]]]] = (
    ("a gateway key", GATEWAY_KEY, ()),
    ("an API token", re.compile(rb"gwt_[A-Za-z0-9_-]{43}"), ()),
    ("a password's hash", re.compile(rb"\$argon2id\$v=\d+\$m=\d+,t=\d+,p=\d+\$"), (CONFIG, DATABASE)),
)
"""What is a secret whoever made it: description, form, and its homes."""
SEALED: Final = re.compile(rb"v1\.[0-9a-f]{8}\.[A-Za-z0-9_-]+")
"""What is stored encrypted: random text, which now and then has a form in it by chance."""

_SHOWN = re.compile(rb"^(Password|Demo key): +(\S+) +\(shown once.*\n", re.MULTILINE)
_CURL = re.compile(rb"^curl .*\n", re.MULTILINE)
_PASSWORD = re.compile(rb"^Password: +(\S+)", re.MULTILINE)
_PASSWORDS = ("password", "current_password", "new_password")
"""Members of requests."""
_SHOWING_COMMANDS = (("clients", "create"), ("clients", "rotate-key"), ("admin", "reset-password"))
_SHOWING_ANSWERS = re.compile(r"POST /admin/api/v1/(clients|clients/[^/]+/rotate-key|tokens)")


@dataclass(frozen=True)
class _Planted:
    what: str
    homes: tuple[str, ...]


@dataclass
class Secrets:
    """Those of one gateway."""

    _known: dict[bytes, _Planted] = field(default_factory=dict)

    def plant(self, what: str, value: str, *, homes: Sequence[str] = ()) -> None:
        """`what` names it in a failure; `homes` are patterns of the files that may hold it."""
        if len(value) >= MIN_LENGTH:
            self._known.setdefault(value.encode(), _Planted(what, tuple(homes)))

    def leaks(self, place: str, data: bytes) -> list[str]:
        """What `data` holds and must not; `place` is a file's path below the gateway's folder, or says what
        was answered."""
        found = [
            secret.what
            for value, secret in self._known.items()
            if value in data and not _in(place, secret.homes)
        ]
        open_data = SEALED.sub(b"", data) if b"v1." in data else data
        found += [what for what, shape, homes in SHAPES if shape.search(open_data) and not _in(place, homes)]
        return [f"{place} holds {what}" for what in dict.fromkeys(found)]

    def check(self, place: str, data: bytes) -> None:
        """Raises: AssertionError, which names what `data` holds, and not its value."""
        assert (found := self.leaks(place, data)) == [], found

    def of_arguments(self, arguments: Sequence[str]) -> None:
        """What a command is given. Raises: AssertionError where a credential is too short to look for."""
        for name, value in itertools.pairwise(arguments):
            if name == "--backend-api-key":
                self._plant_credential(value)
            elif name == "--extra-backends":
                self.of_request(value.encode())

    def of_printed(self, arguments: Sequence[str], printed: bytes) -> None:
        """What a command prints: the one new secret that it made. Raises: AssertionError."""
        place = f"`{' '.join(arguments[:2])}`"
        if tuple(arguments[:2]) in _SHOWING_COMMANDS:
            printed = self._without_new(printed, place, _PASSWORD, GATEWAY_KEY)
        self.check(place, printed)

    def of_request(self, body: bytes) -> None:
        """What a request to the admin API holds. Raises: AssertionError, as `of_arguments`."""
        try:
            members = list(_members(json.loads(body)))
        except ValueError:
            return
        for name, value in members:
            if name == "backend_api_key" and isinstance(value, str):
                self._plant_credential(value)
            elif name in _PASSWORDS and isinstance(value, str):
                self.plant(f"a {name} given to the admin API", value)

    def _plant_credential(self, value: str) -> None:
        assert not value or len(value) >= MIN_LENGTH, f"a credential of under {MIN_LENGTH} characters"
        self.plant("an upstream credential", value)

    def of_answer(self, line: str, headers: Mapping[str, str], body: bytes) -> None:
        """What the admin API answers to `line` (method and path). Raises: AssertionError."""
        cookie = headers.get("set-cookie", "").partition(";")[0].partition("=")[2]
        told = {name: value for name, value in headers.items() if name != "set-cookie"}
        if _SHOWING_ANSWERS.fullmatch(line):
            body = self._without_new(body, line, *(shape for _, shape, _ in SHAPES[:2]))
        self.check(f"the answer to {line}", f"{told}".encode() + body)
        self.plant("a session's cookie", cookie)

    def of_folder(self, folder: Path) -> None:
        """What the gateway's own files set, or keep for it."""
        with contextlib.suppress(OSError, yaml.YAMLError):
            self.of_config(yaml.safe_load((folder / CONFIG).read_bytes()))
        with contextlib.suppress(OSError):
            for line in (folder / KEY_FILE).read_text().split():
                self.plant("the key of the key file", line, homes=(KEY_FILE,))
        with contextlib.suppress(OSError):
            self._after_first_launch((folder / STDOUT).read_bytes())

    def of_config(self, config: Any) -> None:
        """What the config file sets."""
        for name, value in _members(config):
            if name in ("password", "session_secret"):
                self.plant(f"the config's {name}", str(value), homes=(CONFIG,))
            elif name == "headers" and isinstance(value, dict):
                for header, secret in value.items():
                    self.plant(f"the collector's header {header}", str(secret), homes=(CONFIG,))

    def of_environment(self, environment: Mapping[str, str]) -> None:
        for name, value in environment.items():
            if name.startswith("AI_GATEWAY_") and re.search("SECRET|PASSWORD|HEADERS", name):
                self.plant(name, value)

    def of_database(self, path: Path) -> None:
        """The session secret that a gateway made for itself. While it runs: who opens a database that nobody
        else has open leaves files behind."""
        with (
            contextlib.suppress(sqlite3.Error),
            contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=1)) as connection,
        ):
            for (value,) in connection.execute(
                "SELECT value FROM settings WHERE name = 'admin.session_secret'"
            ):
                self.plant("the session secret", value, homes=(DATABASE,))

    def in_folder(self, folder: Path) -> list[str]:
        """What the gateway's files hold and must not."""
        self.of_folder(folder)
        found = []
        for path in sorted(each for each in folder.rglob("*") if each.is_file()):
            try:
                data = path.read_bytes()
            except FileNotFoundError:  # the gateway runs, and removes what it has read
                continue
            place = path.relative_to(folder).as_posix()
            found += self.leaks(place, self._after_first_launch(data) if place == STDOUT else data)
        return found

    def _after_first_launch(self, printed: bytes) -> bytes:
        """stdout without what a first launch shows: each secret once, and once more in the line to paste."""
        for label, value in {match.groups() for match in _SHOWN.finditer(printed)}:
            whole = next(match[0] for match in _SHOWN.finditer(printed) if match[2] == value)
            printed = printed.replace(whole, b"", 1)
            for line in _CURL.findall(printed):
                if value in line:
                    printed = printed.replace(line, line.replace(value, b"", 1), 1)
                    break
            self.plant(f"the first launch's {label.decode().lower()}", value.decode())
        return printed

    def _without_new(self, told: bytes, place: str, *shapes: re.Pattern[bytes]) -> bytes:
        """`told` without the secret that is shown there, which is a new one; it is planted then."""
        matches = [match for shape in shapes for match in shape.finditer(told)]
        new = {match[match.lastindex or 0] for match in matches} - set(self._known)
        assert len(new) <= 1, f"{place} shows {len(new)} secrets"
        for value in new:
            told = told.replace(value, b"")
            self.plant(f"what {place} has shown", value.decode())
        return told


def _in(place: str, homes: Sequence[str]) -> bool:
    return any(fnmatch(place, home) for home in homes)


def _members(value: Any) -> Iterator[tuple[str, Any]]:
    """All members of all objects in `value`."""
    if isinstance(value, dict):
        for name, each in value.items():
            yield str(name), each
            yield from _members(each)
    elif isinstance(value, list):
        for each in value:
            yield from _members(each)
