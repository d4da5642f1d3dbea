"""The dashboard in a real browser, on a real gateway, with traffic through the OpenAI SDK."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, Final

import openai
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.harness.browser import AXE, WAIT_MS, Watched, chromium
from tests.harness.gateway import ClientInfo, GatewayProcess
from tests.harness.upstream import DONE, Reply, ScriptedUpstream, Seen, chunk_event, completion
from tests.harness.waiting import wait_until

pytestmark = [
    pytest.mark.timeout(240),
    pytest.mark.skipif(not AXE.is_file(), reason="web/node_modules is not installed: make test does it"),
]

KEY: Final = "upstream-key-3f9a"
MODELS: Final = ["alpha-1", "alpha-2", "beta-1", "<b>gamma</b>"]
EVIL: Final = "<img src=x onerror=alert(1)>"
ANSWER: Final = f"Hi {EVIL} \x1b[31m"
PHONE, DESKTOP = 360, 1280

expect.set_options(timeout=WAIT_MS)


async def provider(seen: Seen, reply: Reply) -> None:
    """Lists models and answers, for its own key alone."""
    if seen.headers.get("authorization") != f"Bearer {KEY}":
        await reply.json({"error": {"message": "Incorrect API key provided"}}, status=401)
    elif seen.method == "GET":
        await reply.json({"object": "list", "data": [{"id": name, "object": "model"} for name in MODELS]})
    elif seen.json.get("stream"):
        await reply.start_stream()
        usage = {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}
        await reply.piece(chunk_event(ANSWER))
        await reply.piece(chunk_event(finish="stop", usage=usage) + DONE)
        await reply.end_stream()
    else:
        await reply.json(completion(ANSWER))


@pytest.fixture(scope="module")
def upstream() -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream(provider) as server:
        yield server


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.fixture(scope="module")
def own_gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    with GatewayProcess(tmp_path_factory.mktemp("dashboard"), config={}) as process:
        yield process


@pytest.fixture(scope="module")
def password(own_gateway: GatewayProcess) -> str:
    found = re.search(r"Password:\s+(\S+)", own_gateway.command("admin", "reset-password"))
    assert found is not None
    return found.group(1)


@pytest.fixture(scope="module")
def storage(browser: Browser, own_gateway: GatewayProcess, password: str) -> Any:
    """The cookies of a signed-in admin: one session for all tests that do not end theirs."""
    context = browser.new_context()
    body = {"username": "admin", "password": password}
    answer = context.request.post(f"{own_gateway.url}/admin/api/v1/session", data=body)
    assert answer.ok, answer.text()
    state = context.storage_state()
    context.close()
    return state


Open = Callable[..., Watched]


@pytest.fixture
def window(browser: Browser, own_gateway: GatewayProcess, storage: Any) -> Iterator[Open]:
    """Opens windows of a signed-in admin; each must have behaved at the end."""
    opened: list[Watched] = []

    def open_window(**options: Any) -> Watched:
        watched = Watched(browser, own_gateway, **{"storage": storage, **options})
        opened.append(watched)
        return watched

    yield open_window
    for watched in opened:
        watched.close()


def sign_in(page: Page, password: str) -> None:
    page.get_by_label("Username").fill("admin")
    page.locator("input[type=password]").fill(password)
    page.get_by_role("button", name="Sign in").click()


def ask(gateway: GatewayProcess, key: str) -> str:
    """One question through the SDK, as soon as the gateway knows the key."""
    sdk = openai.OpenAI(base_url=gateway.base_url, api_key=key, max_retries=0)

    def answered() -> str | None:
        try:
            answer = sdk.chat.completions.create(
                model="alpha-1", messages=[{"role": "user", "content": "Hello"}]
            )
        except openai.AuthenticationError:  # not known yet: a change is there within a second
            return None
        content: str | None = answer.choices[0].message.content
        return content

    return wait_until(answered, what="the gateway knowing the key")


def choose(page: Page, action: str) -> None:
    page.get_by_role("button", name="More").click()
    page.get_by_role("menuitem", name=action).click()


@pytest.mark.parametrize("width", [DESKTOP, PHONE])
def test_the_life_of_a_client(
    window: Open, own_gateway: GatewayProcess, upstream: ScriptedUpstream, width: int
) -> None:
    name = f"shop-{width}"
    watched = window(width=width)
    live = window(width=width)
    page = watched.open("/clients/new")

    # The four questions, a wrong key first.
    page.get_by_role("textbox", name="Name", exact=True).fill(name)
    page.get_by_role("combobox", name="Provider").fill("compatible")
    page.get_by_role("option", name="OpenAI-compatible").click()
    page.get_by_label("Base URL").fill(upstream.base_url)
    page.get_by_label("Credential", exact=True).fill("wrong")
    page.get_by_role("button", name="Test connection").click()
    expect(page.get_by_text("It does not work")).to_be_visible()
    expect(page.get_by_text("The provider refuses the credential.")).to_be_visible()
    page.get_by_label("Credential", exact=True).fill(KEY)
    page.get_by_role("button", name="Fetch models").click()
    expect(page.get_by_text(f"{len(MODELS)} models fetched")).to_be_visible()
    page.get_by_role("button", name="Test connection").click()
    expect(page.get_by_text("It works")).to_be_visible()

    # The whitelist, by pattern and by search; a quota; bodies.
    page.get_by_role("button", name=re.compile("^Models")).click()
    page.get_by_text("Only these").click()
    search = page.get_by_role("textbox", name=re.compile("^Search models"))
    search.fill("alpha-*")
    search.press("Enter")
    search.fill("beta")
    page.get_by_role("checkbox", name="beta-1").check()
    page.get_by_role("button", name=re.compile("^Limits and budgets")).click()
    page.get_by_role("checkbox", name="Requests a calendar day: unlimited").uncheck()
    page.get_by_label("Requests a calendar day", exact=True).fill("3")
    page.get_by_role("button", name=re.compile("^Notes, logging")).click()
    page.get_by_role("checkbox", name="Log bodies").check()
    assert watched.cut_off() <= 0
    page.get_by_role("button", name="Create client").click()
    key = page.get_by_test_id("api-key").inner_text()
    expect(page.get_by_text(key).nth(1)).to_be_visible()  # in the snippet as well
    page.get_by_role("button", name="Done, I have stored the key").click()
    expect(page.get_by_role("heading", name=name)).to_be_visible()
    expect(page.get_by_text("alpha-*")).to_be_visible()

    # Live: the dashboard follows without a reload.
    dashboard = live.open("/")
    expect(dashboard.get_by_text("Live", exact=True)).to_be_visible()
    assert ask(own_gateway, key) == ANSWER
    recent = dashboard.get_by_label("Recent requests").last
    expect(recent.get_by_role("link", name=name).first).to_be_visible()
    assert live.cut_off() <= 0

    # In the history, and inert.
    page.goto(f"{own_gateway.url}/admin/requests?status=ok&model=alpha-1")
    page.get_by_role("link", name=re.compile(r"^\d\d:\d\d")).first.click()
    expect(page.get_by_role("heading", name="Request", exact=True)).to_be_visible()
    expect(page.get_by_label("The caller's request").last).to_contain_text('"content": "Hello"')
    expect(page.get_by_label("Answer").last).to_contain_text(EVIL)
    assert watched.cut_off() <= 0

    # The quota, reached.
    ask(own_gateway, key)
    ask(own_gateway, key)
    with pytest.raises(openai.RateLimitError, match="quota"):
        ask(own_gateway, key)
    page.goto(f"{own_gateway.url}/admin/clients?q={name}")
    page.get_by_role("link", name=name).click()
    expect(page.get_by_text("3 of 3")).to_be_visible()
    expect(page.get_by_text("reached:")).to_be_visible()

    # A new key, and the end.
    choose(page, "Rotate key")
    page.get_by_role("button", name="Make a new key").click()
    expect(page.get_by_test_id("api-key")).not_to_have_text(key)
    page.get_by_role("button", name="Done, I have stored the key").click()
    choose(page, "Disable")
    page.get_by_role("dialog").get_by_role("button", name="Disable").click()
    expect(page.get_by_text("Disabled", exact=True)).to_be_visible()
    choose(page, "Delete")
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.get_by_role("heading", name="Clients")).to_be_visible()
    page.goto(f"{own_gateway.url}/admin/clients?q={name}")
    expect(page.get_by_text("No client matches")).to_be_visible()


def test_by_keyboard_alone(window: Open, password: str) -> None:
    watched = window(storage=None)
    page = watched.open("/")
    page.keyboard.type("admin")
    page.keyboard.press("Tab")
    page.keyboard.type(password)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Dashboard")).to_be_visible()
    watched.open("/clients/new")
    page.keyboard.press("Tab")  # from the top of the page: the first stop
    if page.evaluate("document.activeElement.className") != "gw-skip":
        page.get_by_role("link", name="Skip to the content").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#main")).to_be_focused()
    name = page.get_by_role("textbox", name="Name", exact=True)
    for _ in range(4):
        if name.evaluate("element => element === document.activeElement"):
            break
        page.keyboard.press("Tab")
    expect(name).to_be_focused()
    page.keyboard.type("by-keyboard")
    page.keyboard.press("Tab")
    page.keyboard.type("echo")  # what matches is chosen; no arrow needed
    expect(page.locator("[data-combobox-selected]")).to_have_text(re.compile("Echo"))
    page.keyboard.press("Enter")
    expect(page.get_by_role("combobox", name="Provider")).to_have_value(re.compile("Echo"))
    page.get_by_role("button", name="Create client").focus()
    page.keyboard.press("Enter")
    done = page.get_by_role("button", name="Done, I have stored the key")
    expect(done).to_be_visible()
    for _ in range(20):  # the dialog holds the focus
        page.keyboard.press("Tab")
        assert page.evaluate("!!document.activeElement.closest('[role=dialog]')")
        if done.evaluate("element => element === document.activeElement"):
            break
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="by-keyboard")).to_be_visible()
    chart = page.get_by_role("slider").first
    chart.focus()
    page.keyboard.press("Home")
    assert "Answered" in (chart.get_attribute("aria-valuetext") or "")


def test_a_session_that_ends_and_a_second_admin(
    window: Open, own_gateway: GatewayProcess, password: str
) -> None:
    """Nothing that was typed is lost, and nobody's change is overwritten unseen."""
    client = own_gateway.create_client(name="shared", backend="echo", default_model="echo")
    watched = window(storage=None)
    page = watched.open("/")
    sign_in(page, password)
    expect(page.get_by_role("heading", name="Dashboard")).to_be_visible()
    watched.open(f"/clients/{client.id}/edit")
    page.get_by_role("combobox", name="Default model").fill("mine")
    own_gateway.command("clients", "update", "shared", "--description", "theirs")
    watched.context.clear_cookies()
    page.get_by_role("button", name="Save").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_text("Nothing that you typed is lost")).to_be_visible()
    dialog.locator("input[type=password]").fill(password)
    dialog.get_by_role("button", name="Sign in").click()
    expect(page.get_by_text("Somebody else changed this client")).to_be_visible()
    page.get_by_role("button", name="Save my changes over it").click()
    expect(page.get_by_role("heading", name="shared")).to_be_visible()
    expect(page.get_by_text("theirs").first).to_be_visible()
    expect(page.get_by_text("mine").first).to_be_visible()
    own_gateway.command("clients", "delete", "shared", "--yes")
    expect(page.get_by_text("This client has been deleted")).to_be_visible()


def test_wrong_values_are_told_beside_their_fields(window: Open, own_gateway: GatewayProcess) -> None:
    own_gateway.create_client(name="occupied", wait=False, backend="echo")
    watched = window(width=PHONE)
    page = watched.open("/clients/new")
    page.get_by_role("button", name="Create client").click()
    expect(page.get_by_text("Pick a provider")).to_be_visible()
    expect(page.get_by_role("textbox", name="Name", exact=True)).to_be_focused()
    page.get_by_role("textbox", name="Name", exact=True).fill("occupied")
    page.get_by_role("combobox", name="Provider").fill("echo")
    page.get_by_role("option", name=re.compile("Echo", re.IGNORECASE)).click()
    page.get_by_role("button", name="Create client").dblclick()
    expect(page.get_by_text(re.compile("already|taken|exists")).first).to_be_visible()


PAGES: Final = [
    "/",
    "/start",
    "/clients",
    "/clients/new",
    "/clients/{id}",
    "/clients/{id}/edit",
    "/requests",
    "/requests/{request}",
    "/usage",
    "/tools",
    "/playground",
    "/settings",
    "/audit",
    "/users",
    "/account",
]


@pytest.fixture(scope="module")
def evil(own_gateway: GatewayProcess, upstream: ScriptedUpstream) -> ClientInfo:
    """A client whose name and models mean harm, and one request of it."""
    client = own_gateway.create_client(
        name=EVIL,
        backend="openai-compatible",
        base_url=upstream.base_url,
        backend_api_key=KEY,
        default_model=MODELS[3],
        log_bodies=True,
    )
    ask(own_gateway, client.api_key)
    return client


def test_every_page_is_accessible_and_whole(
    window: Open, own_gateway: GatewayProcess, evil: ClientInfo
) -> None:
    """In both themes, on a desktop and on a phone; and a name of HTML stays text."""
    [row, *_] = own_gateway.requests_of(evil)
    watched = window()
    found: dict[str, object] = {}
    for path in PAGES:
        watched.open(path.format(id=evil.id, request=row["id"]))
        found[path] = watched.violations()
        watched.turn(width=DESKTOP, scheme="dark")
        found[f"{path} dark"] = watched.violations("color-contrast")
        watched.turn(width=PHONE, scheme="light")
        found[f"{path} narrow"] = watched.violations("button-name", "label", "link-name")
        found[f"{path} cut off"] = watched.cut_off()
        assert watched.page.locator("main img").count() == 0
        watched.turn(width=DESKTOP, scheme="light")
    assert {place: faults for place, faults in found.items() if faults} == {}


def test_the_playground_streams_text_and_nothing_else(
    window: Open, own_gateway: GatewayProcess, evil: ClientInfo
) -> None:
    watched = window()
    page = watched.open(f"/playground?client={evil.id}")
    page.get_by_label("Message", exact=True).fill("Hello")
    page.keyboard.press("Enter")
    expect(page.get_by_label("Conversation")).to_contain_text(EVIL)
    expect(page.get_by_label("Conversation")).to_contain_text("⟨U+001B⟩[31m")
    expect(page.get_by_test_id("took")).to_contain_text("7 tokens in, 3 out")


def test_a_viewer_sees_no_controls_that_change(window: Open, own_gateway: GatewayProcess) -> None:
    for password in ("first-password", "second-password"):
        own_gateway.secrets.plant("a password typed in the browser", password)
    admin = window()
    page = admin.open("/users")
    page.get_by_role("button", name="New user").click()
    page.get_by_label("Username").fill("looker")
    page.locator("input[type=password]").fill("first-password")
    page.get_by_role("button", name="Create user").click()
    expect(page.get_by_text("looker can sign in now.")).to_be_visible()
    viewer = window(storage=None)
    page = viewer.open("/")
    page.get_by_label("Username").fill("looker")
    page.locator("input[type=password]").fill("first-password")
    page.get_by_role("button", name="Sign in").click()
    page.get_by_label("Current password").fill("first-password")
    page.get_by_label("New password", exact=True).fill("second-password")
    page.get_by_label("New password again").fill("second-password")
    page.get_by_role("button", name="Change password").click()
    expect(page.get_by_role("heading", name="Dashboard")).to_be_visible()
    for path in ("/clients", "/users", "/settings"):
        viewer.open(path)
        buttons = page.locator("main").get_by_role("button", name=re.compile("New|Edit|Delete|Rotate|Change"))
        assert buttons.count() == 0
    viewer.open("/clients/new")
    expect(page.get_by_text("Your account may look, and change nothing")).to_be_visible()
