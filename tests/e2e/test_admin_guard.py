"""Who may call the admin API: every route, out of the table that the API is made from."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest

from ai_gateway.admin.api import GROUPS
from ai_gateway.admin.identity import Role
from tests.harness.admin import PASSWORD, AdminClient, admin_of, reset_password, sign_in, viewer_of
from tests.harness.gateway import GatewayProcess

ROUTES = [route for group in GROUPS for route in group.routes.table()]
PROTECTED = [route for route in ROUTES if route[2] > Role.NOBODY]
CHANGES = [route for route in PROTECTED if route[0] != "GET"]
ids = [f"{method} {path}" for method, path, _ in PROTECTED]


@pytest.fixture(scope="module")
def own_gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    with GatewayProcess(tmp_path_factory.mktemp("guard"), config={}) as process:
        yield process


@pytest.fixture(scope="module")
def admin(own_gateway: GatewayProcess) -> AdminClient:
    return admin_of(own_gateway)


@pytest.fixture(scope="module")
def viewer(admin: AdminClient) -> AdminClient:
    return viewer_of(admin)


def filled(path: str) -> str:
    return re.sub(r"\{\w+\}", "none", path)


def test_the_table_holds_every_kind_of_route() -> None:
    assert len(PROTECTED) > 35
    assert {role for _, _, role in ROUTES} == set(Role)
    assert [path for _, path, role in ROUTES if role is Role.NOBODY] == ["/session"]


@pytest.mark.parametrize(("method", "path", "role"), PROTECTED, ids=ids)
def test_nobody_gets_in_without_a_session(
    own_gateway: GatewayProcess, method: str, path: str, role: Role
) -> None:
    for headers in ({}, {"cookie": "gw_session=a.b"}, {"authorization": "Bearer gwt_x"}):
        answer = AdminClient(own_gateway).call(method, filled(path), b"{", headers)
        assert (answer.status, answer.code) == (401, "unauthenticated")


@pytest.mark.parametrize(("method", "path", "role"), CHANGES, ids=[f"{m} {p}" for m, p, _ in CHANGES])
def test_changes_need_role_token_and_origin(
    own_gateway: GatewayProcess,
    admin: AdminClient,
    viewer: AdminClient,
    method: str,
    path: str,
    role: Role,
) -> None:
    """Each is told before the body is read: it is no JSON."""
    if role is Role.ADMIN:
        answer = viewer.call(method, filled(path), b"{")
        assert (answer.status, answer.code) == (403, "forbidden")
    for token in ("", "0" * 64, viewer.csrf):
        answer = admin.call(method, filled(path), b"{", {"x-csrf-token": token})
        assert (answer.status, answer.code) == (403, "csrf_failed")
    for headers in (
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": f"http://127.0.0.1:{own_gateway.port + 1}"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ):
        answer = admin.call(method, filled(path), b"{", headers)
        assert (answer.status, answer.code) == (403, "forbidden_origin")


def test_a_sign_in_from_another_site_is_refused(own_gateway: GatewayProcess) -> None:
    body = {"username": "admin", "password": "x"}
    answer = AdminClient(own_gateway).call("POST", "/session", body, {"origin": "http://evil.example"})
    assert (answer.status, answer.code) == (403, "forbidden_origin")


@pytest.mark.parametrize(
    "path", [path for method, path, _ in PROTECTED if method == "GET" and "{" not in path]
)
def test_a_viewer_may_look_at_everything(viewer: AdminClient, path: str) -> None:
    answer = viewer.call("GET", path)
    assert answer.status == 200
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-frame-options"] == "DENY"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "default-src 'none'" in answer.headers["content-security-policy"]


def test_an_unknown_path_tells_strangers_nothing(own_gateway: GatewayProcess, admin: AdminClient) -> None:
    assert AdminClient(own_gateway).call("GET", "/nowhere").status == 401
    assert admin.call("GET", "/nowhere").code == "not_found"
    assert admin.call("PATCH", "/clients", {}).code == "method_not_allowed"


def test_the_cookie_is_for_the_server_alone(viewer: AdminClient) -> None:
    body = {"username": "viewer", "password": PASSWORD}
    answer = AdminClient(viewer.gateway).call("POST", "/session", body)
    value, *attributes = answer.headers["set-cookie"].split("; ")
    assert value.startswith("gw_session=")
    assert attributes == ["Path=/admin", "HttpOnly", "SameSite=Strict", "Max-Age=86400"]


def test_a_cookie_that_was_tampered_with_is_none(admin: AdminClient) -> None:
    name, signature = admin.cookie.removeprefix("gw_session=").split(".")
    for forged in (f"{name}.{'0' * len(signature)}", f"x{name}.{signature}", name, f"{name}.", ""):
        stranger = AdminClient(admin.gateway, cookie=f"gw_session={forged}")
        assert stranger.call("GET", "/session").status == 401


def test_api_tokens(admin: AdminClient, viewer: AdminClient) -> None:
    made = {
        role: admin.post("/tokens", {"name": f"{role} script", "role": role, "expires_at": None})
        for role in ("admin", "viewer")
    }
    scripts = {
        role: AdminClient(admin.gateway, headers={"authorization": f"Bearer {each['token']}"})
        for role, each in made.items()
    }
    assert made["admin"]["token"].startswith("gwt_")
    assert scripts["admin"].post("/clients", {"name": "by-script", "backend": "echo"})["api_key"]
    assert scripts["viewer"].get("/clients")["items"]
    assert scripts["viewer"].call("POST", "/clients", {"name": "x", "backend": "echo"}).code == "forbidden"
    session = scripts["viewer"].get("/session")
    assert session["user"]["role"] == "viewer"
    assert session["csrf_token"] == ""
    own = {"current_password": "x", "new_password": "y" * 12}
    assert scripts["admin"].call("POST", "/password", own).code == "forbidden"
    listed = admin.get("/tokens")["items"]
    assert {each["name"] for each in listed} >= {"admin script", "viewer script"}
    assert all("token" not in each for each in listed)
    assert viewer.get("/tokens")["items"] == []
    entry = admin.get("/audit?action=client.create")["items"][0]
    assert (entry["actor_kind"], entry["actor"]) == ("token", "admin/admin script")
    admin.delete(f"/tokens/{made['admin']['id']}")
    assert scripts["admin"].call("GET", "/session").status == 401
    past = {"name": "late", "role": "viewer", "expires_at": "2020-01-01T00:00:00Z"}
    assert admin.call("POST", "/tokens", past).json["errors"][0]["field"] == "expires_at"


def test_sessions_are_listed_and_ended(admin: AdminClient, viewer: AdminClient) -> None:
    other = sign_in(admin.gateway, "viewer", PASSWORD)
    own = viewer.get("/sessions")["items"]
    assert [each["current"] for each in own].count(True) == 1
    assert len(own) >= 2
    assert viewer.call("GET", "/sessions?user=all").code == "forbidden"
    everybody = admin.get("/sessions?user=all")["items"]
    assert {each["user"]["username"] for each in everybody} == {"admin", "viewer"}
    admins = next(each["id"] for each in everybody if each["user"]["username"] == "admin")
    assert viewer.call("DELETE", f"/sessions/{admins}").status == 404
    ended = next(each["id"] for each in other.get("/sessions")["items"] if each["current"])
    viewer.delete(f"/sessions/{ended}")
    assert other.call("GET", "/session").status == 401
    third = sign_in(admin.gateway, "viewer", PASSWORD)
    third.delete("/session")
    assert third.call("GET", "/session").status == 401


def test_a_users_name_and_password_are_checked(admin: AdminClient) -> None:
    made = admin.post("/users", {"username": "Ann <b>", "password": PASSWORD, "role": "viewer"})
    again = admin.call("POST", "/users", {"username": "ann <B>", "password": PASSWORD, "role": "viewer"})
    assert (again.status, again.json["errors"][0]["field"]) == (409, "username")
    admin.delete(f"/users/{made['id']}")
    wrong: list[tuple[str, object]] = [
        ("username", "a\nb"),
        ("username", " "),
        ("password", "short"),
        ("role", "root"),
        ("x", 1),
    ]
    for field, value in wrong:
        body = {"username": "fine", "password": PASSWORD, "role": "viewer", field: value}
        answer = admin.call("POST", "/users", body)
        assert (answer.status, answer.json["errors"][0]["field"]) == (422, field)


def test_a_users_life(admin: AdminClient) -> None:
    made = admin.post("/users", {"username": "Zoë <b>", "password": PASSWORD, "role": "viewer"})
    assert made["must_change_password"] is True
    zoe = sign_in(admin.gateway, "zoë <b>", PASSWORD)
    assert zoe.get("/session")["must_change_password"] is True
    wrong = zoe.call("POST", "/password", {"current_password": "no", "new_password": "another password"})
    assert wrong.json["errors"][0]["field"] == "current_password"
    second = sign_in(admin.gateway, "Zoë <b>", PASSWORD)
    zoe.post("/password", {"current_password": PASSWORD, "new_password": "another password"})
    assert zoe.get("/session")["must_change_password"] is False
    assert second.call("GET", "/session").status == 401
    assert admin.patch(f"/users/{made['id']}", {"role": "admin"})["role"] == "admin"
    assert zoe.call("GET", "/session").status == 401
    zoe = sign_in(admin.gateway, "Zoë <b>", "another password")
    assert zoe.get("/session")["user"]["role"] == "admin"
    assert admin.patch(f"/users/{made['id']}", {"is_active": False})["is_active"] is False
    assert zoe.call("GET", "/session").status == 401
    refused = AdminClient(admin.gateway).call(
        "POST", "/session", {"username": "Zoë <b>", "password": "another password"}
    )
    assert refused.code == "wrong_credentials"
    admin.delete(f"/users/{made['id']}")
    assert admin.call("PATCH", f"/users/{made['id']}", {"role": "admin"}).status == 404
    me = admin.get("/session")["user"]["id"]
    for change in ({"role": "viewer"}, {"is_active": False}):
        assert admin.call("PATCH", f"/users/{me}", change).code == "last_admin"
    assert admin.call("DELETE", f"/users/{me}").code == "last_admin"


def test_sign_in_is_throttled_by_account_and_told_the_same_way(
    new_gateway: Callable[..., GatewayProcess],
) -> None:
    gateway = new_gateway(config={})
    password = reset_password(gateway)
    stranger = AdminClient(gateway)
    told = {
        name: stranger.call("POST", "/session", {"username": name, "password": "wrong"})
        for name in ("admin", "nobody")
    }
    assert told["admin"].body == told["nobody"].body
    assert told["admin"].status == 401
    codes = [
        stranger.call("POST", "/session", {"username": "admin", "password": "wrong"}).code for _ in range(10)
    ]
    assert codes == ["wrong_credentials"] * 9 + ["throttled"]
    answer = stranger.call("POST", "/session", {"username": "admin", "password": password})
    assert (answer.status, answer.code) == (429, "throttled")
    assert 0 < int(answer.headers["retry-after"]) <= 30
    refused = gateway.query("SELECT actor FROM audit_log WHERE action = 'session.refused'")
    assert [row["actor"] for row in refused].count("(unknown)") == 1


def test_a_reset_password_works_at_once_and_ends_the_sessions(
    new_gateway: Callable[..., GatewayProcess],
) -> None:
    gateway = new_gateway()
    found = re.search(r"Password:\s+(\S+)", gateway.stdout())
    assert found is not None
    first = sign_in(gateway, "admin", found.group(1))
    password = reset_password(gateway)
    assert first.call("GET", "/session").status == 401
    second = sign_in(gateway, "admin", password)
    second.post("/password", {"current_password": password, "new_password": "my own password"})
    gateway.restart()  # the config's hash is older: it does not come back
    assert sign_in(gateway, "admin", "my own password").get("/session")["user"]["username"] == "admin"
    rows = gateway.query("SELECT action FROM audit_log WHERE actor_kind = 'cli'")
    actions = {row["action"] for row in rows}
    assert actions >= {"user.from_config", "user.reset_password", "client.create"}


def test_a_session_expires(new_gateway: Callable[..., GatewayProcess]) -> None:
    gateway = new_gateway(config={})
    admin = admin_of(gateway)
    gateway.stop()
    gateway.execute("UPDATE sessions SET expires_at = created_at")
    gateway.start()
    assert admin.call("GET", "/session").status == 401
