"""Clients through the admin API: what is stored, what is told, what a provider is asked."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from ai_gateway.core.client import SECRET_FIELDS, ClientSettings
from tests.harness.admin import AdminClient, admin_of
from tests.harness.gateway import GatewayProcess
from tests.harness.upstream import Reply, ScriptedUpstream, Seen
from tests.harness.waiting import free_port, wait_until

GOOD = "sk-good-planted"
BAD = "sk-bad-planted"
NASTY = "<script>alert(\"x\")</script> & 'q' ünïcode 🙂"


@pytest.fixture(scope="module")
def admin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AdminClient]:
    with GatewayProcess(tmp_path_factory.mktemp("clients"), config={}) as process:
        yield admin_of(process)


def chat(gateway: GatewayProcess, key: str, **members: object) -> tuple[int, Any]:
    body = {"model": "echo", "messages": [{"role": "user", "content": "hi"}], **members}
    request = urllib.request.Request(
        f"{gateway.base_url}/chat/completions",
        data=json.dumps(body).encode(),
        headers={"authorization": f"Bearer {key}", "content-type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=10) as response:
            return response.status, json.loads(response.read())
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())


def make(admin: AdminClient, name: str, **fields: object) -> Any:
    return admin.post("/clients", {"name": name, "backend": "echo", **fields})


def test_create_takes_the_configs_defaults_and_shows_the_key_once(admin: AdminClient) -> None:
    made = make(admin, "fresh", default_model="echo", rate_limit_hour=7, quota_requests_day=9)
    defaults = admin.get("/defaults")
    client = made["client"]
    assert {name: client[name] for name in defaults} == {
        **defaults,
        "rate_limit_hour": 7,
        "quota_requests_day": 9,
    }
    key = made["api_key"]
    assert client["key_tails"] == [key[-4:]]
    wait_until(lambda: chat(admin.gateway, key)[0] == 200, what="the new key being known")
    shown = admin.call("GET", f"/clients/{client['id']}")
    assert key.encode() not in shown.body
    assert shown.headers["etag"] == shown.json["client"]["etag"]
    assert {limit["name"] for limit in shown.json["limits"]} >= {"requests_hour", "quota_requests_day"}


def test_the_form_knows_every_setting(admin: AdminClient) -> None:
    schemas = admin.get("/admin/api/openapi.json")["components"]["schemas"]
    assert set(schemas["ClientChange"]["properties"]) == set(ClientSettings.model_fields)
    shown = set(ClientSettings.model_fields) - SECRET_FIELDS
    assert shown <= set(schemas["Client"]["properties"])


def test_secrets_are_written_and_never_read(admin: AdminClient) -> None:
    extra = {"name": "spare", "backend": "openai", "backend_api_key": "sk-spare-1"}
    made = make(admin, "secretive", backend="openai", backend_api_key="sk-main-1", extra_backends=[extra])
    client = made["client"]
    assert (client["has_backend_api_key"], client["extra_backends"][0]["has_backend_api_key"]) == (True, True)
    etag = {"if-match": client["etag"]}
    kept = {"name": "spare", "backend": "openai", "base_url": "https://spare.example/v1"}
    client = admin.patch(f"/clients/{client['id']}", {"extra_backends": [kept]}, etag)
    assert client["has_backend_api_key"] is True
    assert client["extra_backends"][0]["has_backend_api_key"] is True
    etag = {"if-match": client["etag"]}
    gone = {**kept, "backend_api_key": ""}
    changes = {"backend_api_key": "", "extra_backends": [gone]}
    client = admin.patch(f"/clients/{client['id']}", changes, etag)
    assert client["has_backend_api_key"] is False
    assert client["extra_backends"][0]["has_backend_api_key"] is False
    log = admin.call("GET", f"/audit?target={client['id']}").body
    assert b"sk-main-1" not in log
    assert b"sk-spare-1" not in log
    assert b"(secret)" in log


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "a\x00b"}, "name"),
        ({"name": "x" * 201}, "name"),
        ({"backend": "nope"}, "backend"),
        ({"backend": "openai-compatible"}, "base_url"),
        ({"base_url": "ftp://x"}, "base_url"),
        ({"base_url": "http://user:pass@x/"}, "base_url"),
        ({"rate_limit_minute": -1}, "rate_limit_minute"),
        ({"budget_usd_day": -0.5}, "budget_usd_day"),
        ({"timeout_seconds": 0}, "timeout_seconds"),
        ({"allowed_ips": ["10.0.0.0/99"]}, "allowed_ips.0"),
        ({"expires_at": "2030-01-01T00:00:00"}, "expires_at"),
        ({"model_aliases": {"": "x"}}, "model_aliases..[key]"),
        ({"key_prefix": "a b"}, "key_prefix"),
        ({"backend_api_key": "sk with space"}, "backend_api_key"),
        ({"extra_backends": [{"name": "a/b", "backend": "openai"}]}, "extra_backends.0.name"),
        ({"extra_backends": [{"name": "a", "backend": "zzz"}]}, "extra_backends.0.backend"),
        ({"extra_backends": [{"name": "a", "backend": "vllm"}]}, "extra_backends.0.base_url"),
        ({"rate_limit_mnute": 3}, "rate_limit_mnute"),
    ],
)
def test_what_is_wrong_is_told_by_field(admin: AdminClient, fields: dict[str, object], field: str) -> None:
    answer = admin.call("POST", "/clients", {"name": "wrong", "backend": "echo", **fields})
    assert (answer.status, answer.code) == (422, "invalid_fields")
    assert [error["field"] for error in answer.json["errors"]] == [field]
    assert answer.headers["content-type"] == "application/problem+json"


def test_broken_bodies(admin: AdminClient) -> None:
    assert admin.call("POST", "/clients", b"{").code == "invalid_json"
    assert admin.call("POST", "/clients", b"[]").status == 422
    assert admin.call("POST", "/clients", b"{" + b" " * (9 << 20)).status == 413


def test_a_stale_edit_is_told(admin: AdminClient) -> None:
    client = make(admin, "edited")["client"]
    path, etag = f"/clients/{client['id']}", {"if-match": client["etag"]}
    first = admin.patch(path, {"description": "one"}, etag)
    second = admin.call("PATCH", path, {"description": "two"}, etag)
    assert (second.status, second.code, second.json["etag"]) == (412, "stale", first["etag"])
    assert admin.call("PATCH", path, {"description": "two"}).status == 428
    assert admin.call("DELETE", path, None, etag).status == 412
    assert admin.get(path)["client"]["description"] == "one"
    assert admin.patch(path, {"description": "two"}, {"if-match": "*"})["description"] == "two"
    taken = admin.call("PATCH", path, {"name": "edited-2"}, {"if-match": "*"})
    assert taken.status == 200
    make(admin, "edited")
    taken = admin.call("PATCH", path, {"name": "edited"}, {"if-match": "*"})
    assert (taken.status, taken.code, taken.json["errors"][0]["field"]) == (409, "duplicate_name", "name")


def test_the_whole_life_of_a_client(admin: AdminClient) -> None:
    made = make(admin, NASTY, description=NASTY)
    client_id, key = made["client"]["id"], made["api_key"]
    wait_until(lambda: chat(admin.gateway, key)[0] == 200, what="the key being known")
    assert admin.post(f"/clients/{client_id}/disable")["is_active"] is False
    wait_until(lambda: chat(admin.gateway, key)[0] == 403, what="the client being disabled")
    assert admin.post(f"/clients/{client_id}/enable")["is_active"] is True
    new = admin.post(f"/clients/{client_id}/rotate-key", {"grace_seconds": 60})["api_key"]
    wait_until(lambda: chat(admin.gateway, new)[0] == 200, what="the new key being known")
    assert chat(admin.gateway, key)[0] == 200
    listed = admin.get("/clients?q=ALERT")["items"]
    assert [each["name"] for each in listed] == [NASTY]
    assert listed[0]["key_tails"] == [key[-4:], new[-4:]]
    assert admin.get(f"/clients?q={new[-4:]}")["items"][0]["id"] == client_id
    admin.delete(f"/clients/{client_id}")
    wait_until(lambda: chat(admin.gateway, new)[0] == 401, what="the client being gone")
    for method, path in (("GET", ""), ("DELETE", ""), ("POST", "/enable"), ("GET", "/snippets")):
        assert admin.call(method, f"/clients/{client_id}{path}").code == "not_found"
    actions = [entry["action"] for entry in admin.get(f"/audit?target={client_id}")["items"]]
    assert actions == [
        "client.delete",
        "client.rotate_key",
        "client.update",
        "client.update",
        "client.create",
    ]


def test_a_change_that_fails_leaves_no_audit_row(admin: AdminClient) -> None:
    make(admin, "twice")
    before = len(admin.get("/audit?limit=200")["items"])
    assert admin.call("POST", "/clients", {"name": "twice", "backend": "echo"}).status == 409
    assert len(admin.get("/audit?limit=200")["items"]) == before


def test_the_list_comes_in_pages_of_any_order(admin: AdminClient) -> None:
    names = [f"paged-{index}" for index in range(7)]
    for name in names:
        make(admin, name)
    for sort in ("name", "last_seen", "cost_today"):
        found, cursor = [], ""
        while True:
            page = admin.get(f"/clients?q=paged-&limit=3&sort={sort}{cursor}")
            found += [each["name"] for each in page["items"]]
            if page["next_cursor"] is None:
                break
            cursor = f"&cursor={page['next_cursor']}"
        assert found == names
    cursor = admin.get("/clients?limit=1&sort=name")["next_cursor"]
    assert (
        admin.call("GET", f"/clients?sort=last_seen&cursor={cursor}").json["errors"][0]["field"] == "cursor"
    )
    assert admin.call("GET", "/clients?cursor=%00").json["errors"][0]["field"] == "cursor"
    assert admin.get("/clients?q=paged-&active=false")["items"] == []
    assert len(admin.get("/clients?q=paged-&backend=echo")["items"]) == len(names)


async def models(seen: Seen, reply: Reply) -> None:
    if seen.headers.get("authorization") != f"Bearer {GOOD}":
        await reply.json({"error": {"message": "bad key"}}, status=401)
    elif seen.target == "/v1/models":
        await reply.json({"data": [{"id": "small"}, {"id": "large"}]})
    else:
        await reply.json({"error": {"message": "no"}}, status=404)


@pytest.fixture(scope="module")
def provider() -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream(models) as upstream:
        yield upstream


def test_test_connection_says_what_failed(admin: AdminClient, provider: ScriptedUpstream) -> None:
    base = provider.base_url
    closed = f"http://127.0.0.1:{free_port()}/v1"
    cases = [
        ((base, GOOD, None), None, ["resolve", "connect", "authenticate", "models"]),
        ((base, GOOD, "small"), None, ["resolve", "connect", "authenticate", "models", "model"]),
        ((base, GOOD, "smal"), "no_such_model", ["resolve", "connect", "authenticate", "models", "model"]),
        ((base, BAD, None), "unauthorized", ["resolve", "connect", "authenticate"]),
        ((base.replace("/v1", "/v2"), GOOD, None), "wrong_path", ["resolve", "connect", "models"]),
        ((closed, GOOD, None), "refused", ["resolve", "connect"]),
        (("http://no-such-host.invalid/v1", GOOD, None), "dns", ["resolve"]),
        ((f"https://127.0.0.1:{admin.gateway.port}/v1", GOOD, None), "tls", ["resolve", "connect", "tls"]),
    ]
    for (address, key, model), failure, steps in cases:
        body = {"backend": "openai-compatible", "base_url": address, "backend_api_key": key, "model": model}
        told = admin.post("/test-connection", body)
        assert (told["failure"], [step["name"] for step in told["steps"]]) == (failure, steps)
        assert told["ok"] is (failure is None)
        assert [step["ok"] for step in told["steps"]] == [True] * (len(steps) - 1) + [told["ok"]]
        assert told["message"]
        assert GOOD not in json.dumps(told)
    assert told["models"] is None


def test_a_stored_key_goes_nowhere_else(admin: AdminClient, provider: ScriptedUpstream) -> None:
    fields = {"backend": "openai-compatible", "base_url": provider.base_url, "backend_api_key": GOOD}
    client = make(admin, "provided", **fields)["client"]
    path = f"/clients/{client['id']}"
    stored = {"backend": "openai-compatible", "base_url": provider.base_url, "client_id": client["id"]}
    assert admin.post("/test-connection", stored)["ok"] is True
    assert admin.post("/fetch-models", stored)["models"] == ["small", "large"]
    with ScriptedUpstream(models) as thief:
        elsewhere = admin.call("POST", "/test-connection", {**stored, "base_url": thief.base_url})
        assert (elsewhere.status, elsewhere.json["errors"][0]["field"]) == (422, "backend_api_key")
        assert thief.seen == []
    assert admin.post(f"{path}/test", {"model": "large"})["ok"] is True
    assert admin.get(path)["client"]["models"] == []
    assert admin.post(f"{path}/fetch-models")["models"] == ["small", "large"]
    after = admin.get(path)["client"]
    assert after["models"] == ["small", "large"]
    assert after["etag"] == client["etag"]  # whoever edits this client meanwhile is not in the way
    refused = {**fields, "backend_api_key": BAD}
    assert admin.call("POST", "/fetch-models", refused).code == "provider_error"


def test_snippets_name_the_address_that_the_browser_sees(admin: AdminClient) -> None:
    client = make(admin, "snip", default_model='a\'b "c"')["client"]
    path = f"/clients/{client['id']}/snippets"
    items = {each["id"]: each for each in admin.get(path)["items"]}
    assert list(items) == ["curl", "python", "node", "opencode", "claude-code", "codex", "gemini-cli"]
    assert all("YOUR_GATEWAY_KEY" in each["text"] for each in items.values())
    assert all(admin.gateway.url in each["text"] for each in items.values())
    compile(items["python"]["text"], "snippet", "exec")
    assert json.loads(items["opencode"]["text"])["model"] == 'ai-gateway/a\'b "c"'
    forged = admin.call("GET", path, None, {"host": "evil$(id).example"})
    assert b"evil" not in forged.body


def test_the_playground_is_the_data_path(admin: AdminClient) -> None:
    client = make(admin, "player", default_model="echo", quota_requests_day=2)["client"]
    body = {"client_id": client["id"], "messages": [{"role": "user", "content": "one two"}]}
    answer = admin.call("POST", "/playground/chat", body)
    assert answer.headers["content-type"] == "text/event-stream"
    assert answer.body.endswith(b"data: [DONE]\n\n")
    assert b'"usage"' in answer.body
    row = admin.gateway.request_row(answer.headers["x-request-id"])
    assert (row["client_id"], row["status"], row["streaming"]) == (client["id"], 200, 1)
    whole = admin.call("POST", "/playground/chat", {**body, "stream": False, "max_tokens": 2})
    assert whole.json["choices"][0]["message"]["content"] == "Echo: one"
    over = admin.call("POST", "/playground/chat", body)
    assert (over.status, over.json["error"]["code"]) == (429, "insufficient_quota")
    limits = {each["name"]: each for each in admin.get(f"/clients/{client['id']}")["limits"]}
    assert (limits["quota_requests_day"]["used"], limits["quota_requests_day"]["remaining"]) == (2, 0)
    wrong = admin.call("POST", "/playground/chat", {**body, "messages": []})
    assert wrong.json["errors"][0]["field"] == "messages"
    admin.post(f"/clients/{client['id']}/disable")
    assert admin.call("POST", "/playground/chat", body).code == "client_disabled"
    assert admin.call("POST", "/playground/chat", {**body, "client_id": "none"}).code == "not_found"


def test_history_shows_what_was_asked(admin: AdminClient) -> None:
    made = make(admin, "historian", log_bodies=True, default_model="echo")
    key, client_id = made["api_key"], made["client"]["id"]
    wait_until(lambda: chat(admin.gateway, key)[0] == 200, what="the key being known")
    assert chat(admin.gateway, key, messages=[{"role": "user", "content": NASTY}])[0] == 200
    assert chat(admin.gateway, key, messages="nonsense")[0] == 400
    path = f"/requests?client={client_id}"
    rows = wait_until(
        lambda: found if len(found := admin.get(path)["items"]) >= 3 else None, what="three rows"
    )
    failed, asked, *_ = rows
    assert [failed["status"], asked["status"]] == [400, 200]
    assert [each["id"] for each in admin.get(f"{path}&status=error")["items"]] == [failed["id"]]
    assert [each["id"] for each in admin.get(f"{path}&status=4xx&model=&q=INVALID")["items"]] in (
        [failed["id"]],
        [],
    )
    assert asked["id"] in [each["id"] for each in admin.get(f"{path}&status=ok&provider=echo")["items"]]
    assert admin.get(f"/requests?q={asked['id']}")["items"][0]["id"] == asked["id"]
    detail = admin.get(f"/requests/{asked['id']}")
    assert NASTY in json.loads(detail["bodies"]["caller_request"])["messages"][0]["content"]
    assert detail["key_tail"] == key[-4:]
    assert detail["attempt_log"] == []
    assert admin.call("GET", "/requests/none").code == "not_found"
    for bad in ("status=abc", "since=yesterday", "limit=0", "limit=201", "cursor=zz"):
        assert admin.call("GET", f"/requests?{bad}").status == 422
    usage = admin.get(f"/usage?client={client_id}&group=client")
    assert usage["rows"][0]["client"] == "historian"
    assert usage["rows"][0]["day"] is None
    assert usage["totals"]["requests"] == usage["rows"][0]["requests"] >= 3
    overview = admin.get("/overview")
    assert overview["today"]["requests"] >= 3
    assert overview["recent"][0]["id"] == failed["id"]
    assert len(overview["series"]["points"]) == 60
    for step, count in (("minute", 60), ("hour", 24), ("day", 30)):
        series = admin.get(f"/series?client={client_id}&step={step}")
        assert len(series["points"]) == count
        assert sum(point["requests"] for point in series["points"]) == usage["totals"]["requests"]
    csv = admin.call("GET", f"/usage.csv?client={client_id}")
    assert csv.headers["content-type"] == "text/csv; charset=utf-8"
    assert b"historian" in csv.body


def test_names_are_no_formulas_in_a_spreadsheet(admin: AdminClient) -> None:
    made = make(admin, "=1+1", default_model="echo")
    wait_until(lambda: chat(admin.gateway, made["api_key"])[0] == 200, what="the key being known")
    path = f"/usage.csv?client={made['client']['id']}"
    csv = wait_until(
        lambda: body if b"1+1" in (body := admin.call("GET", path).body) else None, what="the usage row"
    )
    assert b",'=1+1," in csv


def test_settings_show_no_secret(admin: AdminClient) -> None:
    told = admin.get("/settings")
    items = {each["key"]: each for each in told["items"]}
    assert items["admin.session_secret"]["value"] == "not set"
    assert items["admin.session_secret"]["source"] == "generated"
    assert items["server.host"] == {
        "key": "server.host",
        "value": "127.0.0.1",
        "default": "0.0.0.0",
        "source": "file",
    }
    assert told["config_path"] == str(admin.gateway.config_path)


def test_the_status(admin: AdminClient) -> None:
    told = admin.get("/status")
    assert told["health"]["status"] == "ok"
    assert told["timezone"] == "UTC"
    assert {row["name"] for row in admin.get("/providers")["items"]} >= {"openai", "echo", "ollama"}
    assert "get_time" in {tool["name"] for tool in admin.get("/tools")["tools"]}


def test_pages_and_documents(admin: AdminClient) -> None:
    page = admin.call("GET", "/admin")
    assert page.headers["content-type"].startswith("text/html")
    docs = AdminClient(admin.gateway).call("GET", "/admin/api/docs")
    assert docs.status == 200
    assert "style-src 'sha256-" in docs.headers["content-security-policy"]
    assert b"<script" not in docs.body
    assert b"http://" not in docs.body
    assert admin.call("POST", "/admin").status == 405
    assert admin.call("GET", "/admin/ws").status == 426
    assert admin.call("GET", "/administrator").status == 404
