"""The page Tools and its API, on a real gateway with a real MCP server and a model that calls tools."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import openai
import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.harness.admin import PASSWORD, AdminClient, admin_of, viewer_of
from tests.harness.browser import AXE, WAIT_MS, Watched, chromium
from tests.harness.gateway import ClientInfo, GatewayProcess
from tests.harness.mcp_web import KEY, ShopServer
from tests.harness.upstream import Reply, ScriptedUpstream, Seen, completion
from tests.harness.waiting import wait_until

pytestmark = pytest.mark.timeout(240)
expect.set_options(timeout=WAIT_MS)

PHONE, DESKTOP = 360, 1280
PROGRAM: Final = "/nowhere/mcp-program"
SECRET_WORDS: Final = "words that nobody keeps"


async def model(seen: Seen, reply: Reply) -> None:
    """Calls two tools and one that it makes up, then answers."""
    answer: dict[str, Any] = completion("Tea is 3 euros.")
    if seen.json["messages"][-1]["role"] != "tool":
        names = {"get_time": "{}", "shop__find": '{"words": "tea"}', "made_up": "{}"}
        calls = [
            {"id": f"call_{name}", "type": "function", "function": {"name": name, "arguments": arguments}}
            for name, arguments in names.items()
        ]
        answer["choices"][0] |= {"finish_reason": "tool_calls"}
        answer["choices"][0]["message"] |= {"content": None, "tool_calls": calls}
    await reply.json(answer)


@dataclass
class Place:
    gateway: GatewayProcess
    shop: ShopServer
    admin: AdminClient
    viewer: AdminClient
    client: ClientInfo

    def server(self, name: str = "shop") -> dict[str, Any]:
        [found] = [each for each in self.admin.get("/tools")["servers"] if each["name"] == name]
        return dict(found)

    def tool(self, name: str) -> dict[str, Any]:
        [found] = [each for each in self.admin.get("/tools")["tools"] if each["name"] == name]
        return dict(found)

    def ready(self, name: str = "shop") -> None:
        wait_until(lambda: self.server(name)["state"] == "ready", what=f"{name} being ready")

    def ask(self) -> str:
        """The request's id."""
        sdk = openai.OpenAI(base_url=self.gateway.base_url, api_key=self.client.api_key, max_retries=0)
        raw = sdk.chat.completions.with_raw_response.create(
            model="m", messages=[{"role": "user", "content": "How much is tea?"}]
        )
        assert raw.parse().choices[0].message.content == "Tea is 3 euros."
        return str(raw.headers["x-request-id"])


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """With the shop under its name, added over the API."""
    folder = tmp_path_factory.mktemp("tools")
    tools = {"mcp_servers": {"broken": {"command": PROGRAM, "args": ["--secret"]}}, "disabled": ["http_*"]}
    config = {"tools": tools, "prometheus": {"enabled": True, "password": "p"}}
    with (
        ShopServer(folder) as shop,
        ScriptedUpstream(model) as upstream,
        GatewayProcess(folder / "gateway", config=config) as gateway,
    ):
        admin = admin_of(gateway)
        added = {"name": "shop", "url": shop.url, "headers": {"x-key": KEY}}
        assert admin.post("/tools/servers", added)["transport"] == "http"
        client = gateway.create_client(
            name="tea-house",
            backend="openai-compatible",
            base_url=upstream.base_url,
            tool_mode="gateway",
        )
        viewer = viewer_of(admin)
        own = {"current_password": PASSWORD, "new_password": f"{PASSWORD}, again"}
        assert viewer.call("POST", "/password", own).status == 204  # without it the dashboard asks for one
        found = Place(gateway, shop, admin, viewer, client)
        found.ready()
        yield found


def test_a_request_tells_of_its_rounds_and_tools(place: Place) -> None:
    request_id = place.ask()
    place.gateway.request_row(request_id)
    detail = place.admin.get(f"/requests/{request_id}")
    assert [attempt["round"] for attempt in detail["attempt_log"]] == [1, 2]
    runs = {run["name"]: run for run in detail["tool_runs"]}
    assert {name: (run["server"], run["error"]) for name, run in runs.items()} == {
        "get_time": (None, None),
        "shop__find": ("shop", None),
        "made_up": (None, "unknown_tool"),
    }
    assert all(run["round"] == 1 and 0 < run["started_ms"] < detail["latency_ms"] for run in runs.values())
    calls = [call for call in place.admin.get("/tools/calls")["items"] if call["request_id"] == request_id]
    assert {call["name"] for call in calls} == set(runs)
    assert {call["client_name"] for call in calls} == {"tea-house"}
    assert len(place.viewer.get("/tools/calls?limit=2")["items"]) == 2


def test_secrets_of_a_server_stay(place: Place) -> None:
    told = place.admin.call("GET", "/tools").body + place.admin.call("GET", "/audit").body
    assert KEY.encode() not in told
    assert b"--secret" not in told
    assert place.server()["header_names"] == ["x-key"]
    assert KEY not in json.dumps(place.gateway.query("SELECT * FROM mcp_servers"))


REFUSED: Final = [
    ({"name": "x", "command": "sh"}, "command"),
    ({"name": "x", "url": "http://h/mcp", "env": {"A": "b"}}, "env"),
    ({"name": "x", "url": "file:///etc/passwd"}, "url"),
    ({"name": "a__b", "url": "http://h/mcp"}, "name"),
    ({"name": "x", "url": "http://h/mcp", "headers": {"a b": "c"}}, "headers"),
    ({"name": "x", "url": "http://h/mcp", "timeout_seconds": 0}, "timeout_seconds"),
]


@pytest.mark.parametrize(("body", "field"), REFUSED)
def test_what_may_not_be_added(place: Place, body: dict[str, Any], field: str) -> None:
    answer = place.admin.call("POST", "/tools/servers", body)
    assert (answer.status, answer.code) == (422, "invalid_fields")
    assert [each["field"] for each in answer.json["errors"]] == [field]


def test_what_is_not_there_or_not_to_be_changed_here(place: Place) -> None:
    admin, viewer = place.admin, place.viewer
    answers = {
        "twice": admin.call("POST", "/tools/servers", {"name": "shop", "url": "http://h/mcp"}),
        "as in the file": admin.call("POST", "/tools/servers", {"name": "broken", "url": "http://h/mcp"}),
        "the file's": admin.call("PATCH", "/tools/servers/broken", {"url": "http://h/mcp"}),
        "remove the file's": admin.call("DELETE", "/tools/servers/broken"),
        "nothing": admin.call("PATCH", "/tools/servers/shop", {}),
        "unknown server": admin.call("PATCH", "/tools/servers/nobody", {"on": False}),
        "unknown again": admin.call("POST", "/tools/servers/nobody/reconnect"),
        "unknown tool": admin.call("PATCH", "/tools/nothing", {"on": False}),
        "disabled": admin.call("PATCH", "/tools/http_get", {"on": True}),
        "run disabled": admin.call("POST", "/tools/http_get/call", {"arguments": {}}),
        "viewer runs": viewer.call("POST", "/tools/get_time/call", {"arguments": {}}),
        "viewer switches": viewer.call("PATCH", "/tools/get_time", {"on": False}),
    }
    assert {name: (answer.status, answer.code) for name, answer in answers.items()} == {
        "twice": (409, "duplicate_name"),
        "as in the file": (409, "duplicate_name"),
        "the file's": (409, "set_in_config"),
        "remove the file's": (409, "set_in_config"),
        "nothing": (422, "invalid_fields"),
        "unknown server": (404, "not_found"),
        "unknown again": (404, "not_found"),
        "unknown tool": (404, "not_found"),
        "disabled": (409, "set_in_config"),
        "run disabled": (409, "not_available"),
        "viewer runs": (403, "forbidden"),
        "viewer switches": (403, "forbidden"),
    }


def test_a_stored_header_goes_to_its_address_alone(place: Place) -> None:
    before = {"name": "moved", "url": place.shop.url, "headers": {"x-key": KEY, "x-other": "1"}}
    place.admin.post("/tools/servers", before)
    refused = place.admin.call("PATCH", "/tools/servers/moved", {"url": "http://127.0.0.1:9/mcp"})
    assert (refused.status, refused.json["errors"][0]["field"]) == (422, "headers")
    place.admin.patch("/tools/servers/moved", {"headers": {"x-other": None}, "tools": ["pic*"]})
    place.ready("moved")  # the key has stayed
    assert (place.server("moved")["header_names"], place.server("moved")["tool_count"]) == (["x-key"], 1)
    taken = {"url": "http://127.0.0.1:9/mcp", "headers": {"x-key": None}}
    assert place.admin.patch("/tools/servers/moved", taken)["header_names"] == []
    place.admin.delete("/tools/servers/moved")
    assert [each["name"] for each in place.admin.get("/tools")["servers"]] == ["broken", "shop"]


def test_switches_of_tools_and_servers(place: Place) -> None:
    assert place.server("broken")["state"] == "failed"
    assert PROGRAM in place.server("broken")["error"]
    off = place.admin.patch("/tools/shop__fails", {"on": False})
    assert (off["on"], off["available"]) == (False, False)
    assert place.admin.patch("/tools/servers/shop", {"on": False})["state"] == "off"
    assert "shop__find" not in {
        each["name"] for each in place.admin.get("/tools")["tools"] if each["available"]
    }
    place.admin.patch("/tools/servers/shop", {"on": True})
    place.ready()
    assert not place.tool("shop__fails")["available"]  # its own switch is as it was
    assert place.admin.patch("/tools/shop__fails", {"on": True})["available"]
    actions = [row["action"] for row in place.admin.get("/audit?target=shop")["items"]]
    assert {"tool_server.create", "tool_server.disable", "tool_server.enable"} <= set(actions)


def test_trying_a_tool(place: Place) -> None:
    worked = place.admin.post("/tools/shop__find/call", {"arguments": {"words": SECRET_WORDS}})
    assert worked["error"] is None
    assert json.loads(worked["parts"][0]["text"])["words"] == SECRET_WORDS
    picture = place.admin.post("/tools/shop__picture/call")["parts"][0]
    assert (picture["type"], picture["media_type"]) == ("image", "image/png")
    assert place.admin.post("/tools/shop__find/call")["error"] == "invalid_arguments"
    failed = place.admin.post("/tools/shop__fails/call", {"arguments": {"article": "tea"}})
    assert failed["error"] == "failed"
    assert failed["parts"][0]["text"]
    [row, *_] = place.admin.get("/audit?action=tool.call&target=shop__find")["items"]
    assert (row["actor"], row["target_name"], row["changes"]) == ("admin", "shop__find", [])
    assert SECRET_WORDS not in json.dumps(place.gateway.query("SELECT * FROM audit_log"))


def test_a_server_that_is_away_costs_its_tools_alone(place: Place) -> None:
    place.shop.stop()
    wait_until(lambda: place.server()["state"] != "ready", 30.0, what="the shop being away")
    assert place.tool("get_time")["available"]
    assert not place.tool("shop__find")["available"]
    place.shop.start()
    place.admin.post("/tools/servers/shop/reconnect")
    place.ready()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if not AXE.is_file():
        pytest.skip("web/node_modules is not installed: make test does it")
    with chromium() as started:
        yield started


def window(browser: Browser, place: Place, who: AdminClient, width: int) -> Watched:
    name, _, value = who.cookie.partition("=")
    cookie = {"name": name, "value": value, "url": place.gateway.url}
    watched = Watched(browser, place.gateway, width=width)
    watched.context.add_cookies([cookie])  # type: ignore[list-item]  # a plain mapping will do
    return watched


def calm(watched: Watched) -> None:
    assert watched.cut_off() <= 0
    assert watched.violations() == []


def servers(page: Page) -> Locator:
    return page.get_by_role("region", name="MCP servers")


@pytest.mark.parametrize("width", [DESKTOP, PHONE])
def test_the_page(browser: Browser, place: Place, width: int) -> None:
    """A server is added, tried and removed; the model's calls lead to their request."""
    place.gateway.request_row(place.ask())
    watched = window(browser, place, place.admin, width)
    page = watched.open("/tools")
    expect(servers(page).get_by_text(re.compile(f"{PROGRAM} cannot be started"))).to_be_visible()
    calm(watched)

    name = f"second-{width}"
    page.get_by_role("button", name="Add a server").click()
    page.get_by_role("textbox", name="Name", exact=True).fill("no__good")
    page.get_by_role("textbox", name="Address").fill(place.shop.url)
    page.get_by_role("button", name="Add a header").click()
    page.get_by_label("Name of the header").fill("x-key")
    page.get_by_label("Value of the header").fill("wrong")
    calm(watched)
    page.get_by_role("button", name="Add server").click()
    expect(page.get_by_text(re.compile("takes up to 32 letters"))).to_be_visible()
    page.get_by_role("textbox", name="Name", exact=True).fill(name)
    page.get_by_role("button", name="Add server").click()
    expect(servers(page).get_by_text("it answered with HTTP status 401").first).to_be_visible()
    page.get_by_role("button", name=f"Change {name}").click()
    page.get_by_role("menuitem", name="Edit").click()
    expect(page.get_by_label("Value of the header x-key")).to_have_value("")
    page.get_by_label("Value of the header x-key").fill(KEY)
    page.get_by_role("button", name="Save").click()
    tools = page.get_by_role("region", name=name, exact=True)
    expect(tools.get_by_text(f"{name}__find")).to_be_visible()  # without a reload

    tools.get_by_role("button", name=f"Try {name}__find").click()
    page.get_by_role("button", name="Run").click()
    expect(page.get_by_text("The model would be told:")).to_be_hidden()
    page.get_by_label("words").fill("tea")
    page.get_by_label("limit").fill("3")
    page.get_by_label("where").fill('{"colour": "green"}')
    page.get_by_role("button", name="Run").click()
    result = page.get_by_label("What it says")
    expect(result).to_contain_text('"colour": "green"')
    calm(watched)
    page.keyboard.press("Escape")

    tools.get_by_role("switch", name=f"{name}__picture is on").focus()
    page.keyboard.press("Space")
    expect(tools.get_by_text("Off", exact=True)).to_be_visible()
    tools.get_by_text(f"{name}__find").click()
    expect(tools.get_by_text("<b>Not HTML.</b>")).to_be_visible()
    calm(watched)

    page.get_by_role("button", name=f"Change {name}").click()
    page.get_by_role("menuitem", name="Remove").click()
    page.get_by_role("dialog").get_by_role("button", name="Remove").click()
    expect(tools).to_have_count(0)

    calls = page.get_by_role("region", name="Recent calls")
    calls.get_by_role("link", name=re.compile(r"^\d\d:\d\d")).first.click()
    expect(page.get_by_role("heading", name="3 tool calls, run by the gateway")).to_be_visible()
    expect(page.get_by_role("heading", name="2 attempts in 2 rounds")).to_be_visible()
    expect(page.get_by_text("No such tool")).to_be_visible()
    calm(watched)
    watched.close()


def test_a_viewer_looks_and_changes_nothing(browser: Browser, place: Place) -> None:
    watched = window(browser, place, place.viewer, DESKTOP)
    page = watched.open("/tools")
    expect(page.get_by_text("shop__find").first).to_be_visible()
    assert page.locator("main").get_by_role("switch").count() == 0
    assert page.locator("main").get_by_role("button").count() == 0
    watched.close()


def test_a_client_picks_its_tools(browser: Browser, place: Place) -> None:
    watched = window(browser, place, place.admin, PHONE)
    page = watched.open(f"/clients/{place.client.id}/edit")
    page.get_by_role("button", name=re.compile("^System prompt and tools")).click()
    picker = page.get_by_role("radiogroup", name="Server tools")
    picker.get_by_text("Only these").click()
    page.get_by_role("checkbox", name="shop__*").check()
    expect(page.get_by_role("checkbox", name="shop__find by shop__*")).to_be_checked()
    page.get_by_role("checkbox", name="get_time").check()
    calm(watched)
    page.get_by_role("button", name="Save").click()
    expect(page).to_have_url(re.compile(f"/clients/{place.client.id}$"))
    expect(page.get_by_text("shop__*")).to_be_visible()
    assert place.admin.get(f"/clients/{place.client.id}")["client"]["server_tools"] == ["shop__*", "get_time"]
    watched.close()
