"""The admin API as a browser or a script calls it."""

from __future__ import annotations

import http.client
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from tests.harness.gateway import HOST, GatewayProcess

API: Final = "/admin/api/v1"
PASSWORD: Final = "correct horse battery"  # the tests' own admin's


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> str:
        """The problem's."""
        return str(self.json["code"])


@dataclass
class AdminClient:
    """Signed in, or not; paths are relative to the API unless they start with `/admin`."""

    gateway: GatewayProcess
    cookie: str = ""
    csrf: str = ""
    headers: dict[str, str] = field(default_factory=dict)

    def call(
        self, method: str, path: str, body: object = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """One request on its own connection. `body`: bytes go as they are, anything else as JSON."""
        target = path if path.startswith("/admin") else API + path
        told = {"host": f"{HOST}:{self.gateway.port}", **self.headers}
        if self.cookie:
            told["cookie"] = self.cookie
        if self.csrf and method != "GET":
            told["x-csrf-token"] = self.csrf
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        if data is not None:
            told["content-type"] = "application/json"
        self.gateway.secrets.of_request(data or b"")
        connection = http.client.HTTPConnection(HOST, self.gateway.port, timeout=30)
        try:
            connection.request(method, target, body=data, headers={**told, **(headers or {})})
            response = connection.getresponse()
            names = {name.lower(): value for name, value in response.getheaders()}
            answer = Answer(response.status, names, response.read())
        finally:
            connection.close()
        self.gateway.secrets.of_answer(f"{method} {target.partition('?')[0]}", names, answer.body)
        return answer

    def get(self, path: str) -> Any:
        """The JSON of a successful GET."""
        return self._json("GET", path, None, None)

    def post(self, path: str, body: object = None, headers: Mapping[str, str] | None = None) -> Any:
        return self._json("POST", path, {} if body is None else body, headers)

    def patch(self, path: str, body: object, headers: Mapping[str, str] | None = None) -> Any:
        return self._json("PATCH", path, body, headers)

    def delete(self, path: str) -> None:
        answer = self.call("DELETE", path)
        assert answer.status == 204, answer

    def _json(self, method: str, path: str, body: object, headers: Mapping[str, str] | None) -> Any:
        answer = self.call(method, path, body, headers)
        assert answer.status < 300, answer
        return answer.json if answer.body else None


def sign_in(gateway: GatewayProcess, username: str, password: str) -> AdminClient:
    """Raises: AssertionError where it is refused."""
    client = AdminClient(gateway)
    answer = client.call("POST", "/session", {"username": username, "password": password})
    assert answer.status == 200, answer
    client.cookie = answer.headers["set-cookie"].partition(";")[0]
    client.csrf = answer.json["csrf_token"]
    return client


def reset_password(gateway: GatewayProcess) -> str:
    """The config's admin gets a new password through the command line."""
    printed = gateway.command("admin", "reset-password")
    found = re.search(r"Password:\s+(\S+)", printed)
    assert found is not None, printed
    return found.group(1)


def admin_of(gateway: GatewayProcess) -> AdminClient:
    """The config's admin, signed in with a new password."""
    return sign_in(gateway, "admin", reset_password(gateway))


def viewer_of(admin: AdminClient, username: str = "viewer") -> AdminClient:
    """A new viewer, signed in."""
    admin.post("/users", {"username": username, "password": PASSWORD, "role": "viewer"})
    return sign_in(admin.gateway, username, PASSWORD)
