"""Settings from file and environment: what is right is read, what is wrong is told with key and place."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from ai_gateway.config import (
    ConfigError,
    ConfigMissing,
    Settings,
    load_settings,
    parse_settings,
    replace_value,
    write_new,
)
from ai_gateway.config.environment import env_name, leaves
from tests.harness.certificates import write_certificate

CONFIG = Path("/etc/gateway/config.yaml")


def parse(text: str, environ: Mapping[str, str] | None = None) -> Settings:
    return parse_settings(text, CONFIG, environ or {})


def problems(text: str, environ: Mapping[str, str] | None = None) -> list[str]:
    """Without the path, which is the same for all."""
    with pytest.raises(ConfigError) as caught:
        parse(text, environ)
    return [problem.removeprefix(f"{CONFIG}:") for problem in caught.value.problems]


def setting(settings: Settings, key: str) -> Any:
    value: Any = settings
    for name in key.split("."):
        value = getattr(value, name)
    return value


def test_an_empty_file_has_every_default() -> None:
    settings = parse("# nothing\n")
    assert settings.server.port == 8090
    assert settings.defaults.quota.max_output_tokens == 8192
    assert settings.database.path == Path("/etc/gateway/data/gateway.db")
    assert settings.accounting.spool_max_bytes == 1024**3
    assert settings.accounting.on_full == "reject"


def test_a_section_of_nothing_but_comments_has_its_defaults() -> None:
    text = "server:\n  # port: 1\ndefaults:\n  rate_limit:\n    # none\n"
    assert parse(text) == parse("")


def test_a_file_says_what_it_says() -> None:
    settings = parse(
        "server: {port: 9000, host: 127.0.0.1}\n"
        "database: {path: /var/lib/gateway.db}\n"
        "limits: {timezone: Europe/Berlin, on_store_failure: closed}\n"
        "accounting:\n  fsync: true\n"
    )
    assert (settings.server.port, settings.server.host) == (9000, "127.0.0.1")
    assert settings.database.path == Path("/var/lib/gateway.db")
    assert settings.limits.timezone == "Europe/Berlin"
    assert settings.accounting.fsync is True


PROBLEMS = [
    ("server:\n  prot: 1\n", "2: server.prot: unknown key (did you mean port?)"),
    ("sever: {}\n", "1: sever: unknown key (did you mean server?)"),
    ("x: 1\n", "1: x: unknown key"),
    ("server:\n  https:\n    enable: true\n", "3: server.https.enable: unknown key (did you mean enabled?)"),
    ("server:\n  port: 1\n  host: a\n  port: 2\n", "4: server.port: duplicate key, first on line 2"),
    ("server: {}\nserver: {}\n", "2: server: duplicate key, first on line 1"),
    ('server:\n  port: "8090"\n', "2: server.port: must be an integer, without quotes"),
    ("server: {port: 80.5}\n", "1: server.port: must be an integer, without quotes"),
    ("server: {port: true}\n", "1: server.port: must be an integer, without quotes"),
    ("server: {port: }\n", "1: server.port: must be an integer, without quotes"),
    ("server:\n\n  port: 0\n", "3: server.port: must be at least 1"),
    ("server: {port: 65536}\n", "1: server.port: must be at most 65535"),
    ("server: {host: 5}\n", "1: server.host: must be text: put it in quotes"),
    ("server: {host: ''}\n", "1: server.host: must not be empty"),
    ("server: [1]\n", "1: server: must be a section with keys of its own"),
    ("server: 5\n", "1: server: must be a section with keys of its own"),
    ("prices: {overrides: [1]}\n", "1: prices.overrides: must be a section with keys of its own"),
    ("prices: {overrides: {m: {input: 1}}}\n", "1: prices.overrides.m.output: is missing"),
    (
        "prices:\n  overrides:\n    m:\n      input: -1\n      output: 1\n",
        "4: prices.overrides.m.input: must be at least 0",
    ),
    (
        "prices:\n  overrides:\n    m:\n      - {input: 1, output: 1}\n      - input: x\n        output: 1\n",
        "5: prices.overrides.m.1.input: must be a number, without quotes",
    ),
    (
        "prices: {overrides: {m: {input: 1, output: 1, cache-read: 1}}}\n",
        "1: prices.overrides.m.cache-read: unknown key (did you mean cache_read?)",
    ),
    (
        "prices: {overrides: {m: {input: .inf, output: 1}}}\n",
        "1: prices.overrides.m.input: must be finite",
    ),
    (
        "prices: {overrides: {m: {input: 1, output: 1, effective_at: soon}}}\n",
        "1: prices.overrides.m.effective_at: must be a date or a time: 2026-01-31, or 2026-01-31T12:00:00Z",
    ),
    (
        "prices: {overrides: {m: 5}}\n",
        "1: prices.overrides.m: must be a section with keys of its own, or a list",
    ),
    ("prices: {overrides: {m: []}}\n", "1: prices.overrides.m: must hold at least one price"),
    (
        "prices: {overrides: {m: [{input: 1, output: 1}, {input: 2, output: 2}]}}\n",
        "1: prices.overrides.m: two prices are effective from the same time",
    ),
    (
        "prices: {overrides: {' ': {input: 1, output: 1}}}\n",
        "1: prices.overrides: a model's name must not be empty",
    ),
    ("accounting: {fsync: 1}\n", "1: accounting.fsync: must be true or false, without quotes"),
    ("accounting: {retention_days: 0}\n", "1: accounting.retention_days: must be at least 1"),
    ("accounting: {on_full: wait}\n", "1: accounting.on_full: must be 'reject' or 'drop'"),
    ("logging: {level: loud}\n", "1: logging.level: must be 'debug', 'info', 'warning' or 'error'"),
    ("prometheus: {password: 12}\n", "1: prometheus.password: must be text: put it in quotes"),
    ("database: {path: 5}\n", "1: database.path: must be text: put it in quotes"),
    ("database: {path: ''}\n", "1: database.path: must not be empty"),
    ('database: {path: "a\\0b"}\n', "1: database.path: must not hold a NUL character"),
    ("limits: {timezone: Nowhere}\n", "1: limits.timezone: is not a time zone's name, such as Europe/Berlin"),
    ("limits: {timezone: ../etc}\n", "1: limits.timezone: is not a time zone's name, such as Europe/Berlin"),
    ("admin: {session_secret: short}\n", "1: admin.session_secret: must have at least 32 characters"),
    (
        "defaults:\n  quota:\n    max_input_tokens: -1\n",
        "3: defaults.quota.max_input_tokens: must be at least 0",
    ),
    ("- server\n", "1: must be a mapping of sections, such as `server:`"),
    ("just text\n", "1: must be a mapping of sections, such as `server:`"),
    ("<<: {server: {}}\n", "1: a key must be a plain word"),
    ("? [a, b]\n: 1\n", "1: a key must be a plain word"),
]


@pytest.mark.parametrize(("text", "problem"), PROBLEMS)
def test_a_problem_names_key_and_line(text: str, problem: str) -> None:
    assert problems(text) == [problem]


REFUSED = [
    ("server: {workers: 0}", "1: server.workers: must be at least 1"),
    (
        "database: {url: 'postgresql://u:sesame@h/d'}",
        "1: database.url: this version keeps its data in SQLite",
    ),
    ("limits: {redis_url: 'redis://:sesame@h'}", "1: limits.redis_url: this version runs one process"),
    ("prometheus: {username: 'a:b'}", "1: prometheus.username: must not hold a colon"),
    (
        "telemetry: {endpoint: 'localhost:4318'}",
        "1: telemetry.endpoint: must be an http:// or https:// address",
    ),
    ("telemetry: {endpoint: 'http://u:sesame@h'}", "1: telemetry.endpoint: must hold no credentials"),
    ("telemetry: {headers: {'a b': sesame}}", "1: telemetry.headers: holds a name that is no HTTP header's"),
    ("telemetry: {headers: {a: 'sesamé'}}", "1: telemetry.headers: holds a value"),
    ("telemetry: {sample_ratio: 1.5}", "1: telemetry.sample_ratio: must be at most 1"),
    ("admin: {password_hash: sesame}", "1: admin.password_hash: must be an Argon2id hash"),
]


@pytest.mark.parametrize(("text", "start"), REFUSED)
def test_what_cannot_be_done_is_refused_without_repeating_secrets(text: str, start: str) -> None:
    [problem] = problems(text)
    assert problem.startswith(start)
    assert "sesame" not in problem


BROKEN = [
    ("server: {port: 1\n", 2),
    ("server:\n\tport: 1\n", 2),
    ("a: 'x\n", 2),
    ("a: *nowhere\n", 1),
    ("a: 1\n---\nb: 2\n", 2),
    ("a: 1\nb: 2: 3\n", 2),
    ("a: 1\nb: \x01\n", 2),
]


@pytest.mark.parametrize(("text", "line"), BROKEN)
def test_broken_yaml_names_the_line(text: str, line: int) -> None:
    [problem] = problems(text)
    assert problem.startswith(f"{line}: ")


@pytest.mark.parametrize(
    "text", ["x: &a [*a]\n", "x: !!python/object:os.system 1\n", "x: 2026-13-45\n", f"x: {'9' * 5000}\n"]
)
def test_values_that_yaml_cannot_hold_are_told(text: str) -> None:
    assert any("1: x" in problem for problem in problems(text))


def test_deep_nesting_is_told() -> None:
    [problem] = problems("[" * 5000)
    assert problem == "1: broken YAML: nested too deeply"


def test_every_problem_is_told_in_the_order_of_the_file() -> None:
    text = "logging: {level: loud}\nserver:\n  port: x\n  prot: 1\n  port: 1\n"
    environ = {"AI_GATEWAY_SERVER__HOSTS": "x", "AI_GATEWAY_ACCOUNTING__FSYNC": "maybe"}
    assert problems(text, environ) == [
        "1: logging.level: must be 'debug', 'info', 'warning' or 'error'",
        "3: server.port: must be an integer, without quotes",
        "4: server.prot: unknown key (did you mean port?)",
        "5: server.port: duplicate key, first on line 3",
        "AI_GATEWAY_ACCOUNTING__FSYNC: must be true or false",
        "AI_GATEWAY_SERVER__HOSTS: there is no such setting (did you mean AI_GATEWAY_SERVER__HOST?)",
    ]


ENVIRONMENT: list[tuple[str, str, object]] = [
    ("server.port", "9000", 9000),
    ("server.host", "127.0.0.1", "127.0.0.1"),
    ("server.host", "123", "123"),
    ("accounting.fsync", "true", True),
    ("accounting.fsync", "1", True),
    ("accounting.fsync", "Off", False),
    ("defaults.rate_limit.requests_per_minute", "0", 0),
    ("logging.level", "debug", "debug"),
    ("database.path", "x.db", Path("/etc/gateway/x.db")),
    ("prices.overrides", "{}", {}),
]


@pytest.mark.parametrize(("key", "text", "value"), ENVIRONMENT)
def test_the_environment_wins(key: str, text: str, value: object) -> None:
    file = "server: {port: 1, host: h}\naccounting: {fsync: true}\nlogging: {level: error}\n"
    settings = parse(file, {env_name(tuple(key.split("."))): text})
    assert setting(settings, key) == value


@pytest.mark.parametrize(
    ("variable", "value", "problem"),
    [
        ("AI_GATEWAY_SERVER__PORT", "x", "AI_GATEWAY_SERVER__PORT: must be an integer"),
        ("AI_GATEWAY_SERVER__PORT", "", "AI_GATEWAY_SERVER__PORT: must be an integer"),
        ("AI_GATEWAY_SERVER__PORT", "0", "AI_GATEWAY_SERVER__PORT: must be at least 1"),
        (
            "AI_GATEWAY_PRICES__OVERRIDES",
            "{",
            "AI_GATEWAY_PRICES__OVERRIDES: must be a section with keys of its own",
        ),
        (
            "AI_GATEWAY_PRICES__OVERRIDES",
            '{"m": [{"input": 1}]}',
            "AI_GATEWAY_PRICES__OVERRIDES: prices.overrides.m.output: is missing",
        ),
        ("AI_GATEWAY_SERVER__HTTPS__X__Y", "1", "AI_GATEWAY_SERVER__HTTPS__X__Y: there is no such setting"),
    ],
)
def test_an_error_of_the_environment_names_the_variable(variable: str, value: str, problem: str) -> None:
    [found] = problems("server: {port: 5}", {variable: value})
    assert found.startswith(problem)


def test_prices_are_one_entry_or_several_with_their_times() -> None:
    text = (
        "prices:\n  unknown: block\n  overrides:\n"
        "    gpt-4o: {input: 2, output: 8}\n"
        "    qwen*:\n"
        "      - {input: 1, output: 1.5, request: 0.001}\n"
        "      - {input: 2, output: 3, effective_at: 2026-01-31}\n"
        "      - {input: 3, output: 3, effective_at: '2026-02-01T01:00:00+01:00'}\n"
    )
    prices = parse(text).prices
    assert prices.unknown == "block"
    [one] = prices.overrides["gpt-4o"]
    assert (one.input, one.output, one.cache_read, one.effective_at) == (2, 8, None, None)
    first, *later = prices.overrides["qwen*"]
    assert (first.request, first.effective_at) == (0.001, None)
    assert [entry.effective_at for entry in later] == [
        datetime(2026, 1, 31, tzinfo=UTC),
        datetime(2026, 2, 1, tzinfo=UTC),
    ]


def test_prices_of_the_environment_are_json() -> None:
    variable = '{"m": {"input": 1, "output": 2, "effective_at": "2026-01-31"}}'
    [entry] = parse("", {"AI_GATEWAY_PRICES__OVERRIDES": variable}).prices.overrides["m"]
    assert (entry.input, entry.output, entry.effective_at) == (1, 2, datetime(2026, 1, 31, tzinfo=UTC))


def test_the_environment_can_mend_the_file() -> None:
    assert parse("server: {port: x}", {"AI_GATEWAY_SERVER__PORT": "5"}).server.port == 5


def test_variables_that_are_not_ours_are_left_alone() -> None:
    # The second is what Kubernetes sets for a service named ai-gateway-server.
    names = ["AI_GATEWAY_SECRET_KEY", "AI_GATEWAY_SERVER_PORT", "AI_GATEWAY_CASSETTES", "AI_GATEWAY_X__Y"]
    assert parse("", dict.fromkeys(names, "tcp://10.0.0.1:80")) == parse("")


def other_key(key: Path) -> None:
    (key.parent / "other").mkdir()
    write_certificate(key.parent / "other")[1].replace(key)


HTTPS = "server:\n  https: {enabled: true, cert_file: cert.pem, key_file: key.pem}\n"


def test_https_needs_files_that_can_be_read(tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    cert, key = write_certificate(tmp_path)
    key.unlink()
    with pytest.raises(ConfigError) as caught:
        parse_settings(HTTPS, config, {})
    assert f"{config}:2: server.https: " in str(caught.value)
    assert "key_file key.pem: No such file" in str(caught.value)
    assert "cert_file cert.pem" not in str(caught.value)
    write_certificate(tmp_path)
    https = parse_settings(HTTPS, config, {}).server.https
    assert (https.cert_file, https.key_file) == (cert, key)


@pytest.mark.parametrize(
    ("spoil", "problem"),
    [
        (lambda cert, key: cert.write_text("nonsense"), "cert.pem: holds no certificate in PEM form"),
        (lambda cert, key: cert.write_bytes(key.read_bytes()), "cert.pem: holds no certificate in PEM form"),
        (lambda cert, key: key.write_bytes(b""), "key.pem: holds no private key in PEM form"),
        (lambda cert, key: key.write_bytes(cert.read_bytes()), "key.pem: holds no private key in PEM form"),
        (lambda cert, key: other_key(key), r"key\.pem is not the key of cert_file"),
    ],
)
def test_https_says_what_is_wrong_with_its_files(
    tmp_path: Path, spoil: Callable[[Path, Path], object], problem: str
) -> None:
    spoil(*write_certificate(tmp_path))
    with pytest.raises(ConfigError, match=problem):
        parse_settings(HTTPS, tmp_path / "config.yaml", {})


def test_https_refuses_a_key_with_a_passphrase(tmp_path: Path) -> None:
    write_certificate(tmp_path, passphrase=b"sesame")
    with pytest.raises(ConfigError, match=r"key\.pem: has a passphrase"):
        parse_settings(HTTPS, tmp_path / "config.yaml", {})


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("server: {https: {redirect_port: 80}}", "leads nowhere: https.enabled is false"),
        ("server: {port: 80, https: {redirect_port: 80}}", "must be another port than server.port"),
    ],
)
def test_a_redirect_needs_https_and_a_port_of_its_own(text: str, problem: str) -> None:
    [found] = problems(text)
    assert problem in found


def test_https_of_the_environment_alone_names_the_variable() -> None:
    [problem] = problems("", {"AI_GATEWAY_SERVER__HTTPS__ENABLED": "true"})
    assert problem.startswith("AI_GATEWAY_SERVER__HTTPS__ENABLED: server.https: https needs")


def test_secrets_are_not_in_the_repr() -> None:
    text = "admin: {password_hash: $argon2id$sesame, session_secret: sesame-sesame-sesame-sesame-sesame}\n"
    settings = parse(text + "prometheus: {password: sesame}\n")
    assert settings.prometheus.password.reveal() == "sesame"
    assert "sesame" not in repr(settings) + str(settings)


def test_settings_cannot_be_changed() -> None:
    settings = parse("")
    with pytest.raises(ValueError, match="frozen"):
        settings.server.port = 1
    assert settings.with_port(5).server.port == 5
    assert settings.server.port == 8090


def test_a_missing_file_is_told_apart(tmp_path: Path) -> None:
    with pytest.raises(ConfigMissing):
        load_settings(tmp_path / "config.yaml", {})


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"server: {}\n# \xff\n", ":2: is not UTF-8 text"),
        (b"#" * (1024 * 1024 + 1), ": is over 1048576 bytes: that is no config file"),
    ],
)
def test_a_file_that_is_no_config_file(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "config.yaml"
    path.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        load_settings(path, {})
    assert str(caught.value) == f"{path}{message}"


def test_a_folder_is_no_config_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        load_settings(tmp_path, {})


def test_a_byte_order_mark_is_no_problem(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_bytes(b"\xef\xbb\xbfserver: {port: 5}\n")
    assert load_settings(path, {}).server.port == 5


def test_every_setting_has_one_variable() -> None:
    names = [env_name(leaf) for leaf in leaves()]
    assert len(names) == len(set(names))
    assert "AI_GATEWAY_DEFAULTS__RATE_LIMIT__REQUESTS_PER_MINUTE" in names


def test_write_new_never_replaces(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    assert write_new(path, "a: 1\n") is True
    assert write_new(path, "b: 2\n") is False
    assert path.read_text() == "a: 1\n"
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [path]


REWRITES = [
    (
        '# c\nadmin:\n  password_hash: "old"  # d\n  username: x\n',
        '# c\nadmin:\n  password_hash: "$n"  # d\n  username: x\n',
    ),
    ("admin: {password_hash: old, username: x}\n", 'admin: {password_hash: "$n", username: x}\n'),
    ("admin:\r\n  password_hash: 'old'\r\n", 'admin:\r\n  password_hash: "$n"\r\n'),
    ("# ü\nadmin:\n  password_hash: old", '# ü\nadmin:\n  password_hash: "$n"'),
    ("admin:\n  password_hash:\n    old\nserver: {}\n", 'admin:\n  password_hash:\n    "$n"\nserver: {}\n'),
]


@pytest.mark.parametrize(("before", "after"), REWRITES)
def test_replacing_a_value_keeps_all_else(tmp_path: Path, before: str, after: str) -> None:
    path = tmp_path / "config.yaml"
    path.write_bytes(before.encode())
    path.chmod(0o640)
    replace_value(path, ("admin", "password_hash"), "$n")
    assert path.read_bytes().decode() == after
    assert path.stat().st_mode & 0o777 == 0o640
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    "text",
    [
        "admin: {username: x}\n",
        "server: {}\n",
        "admin: {password_hash: [a]}\n",
        "x: &h old\nadmin: {password_hash: *h}\n",
    ],
)
def test_what_cannot_be_replaced_safely_is_left(tmp_path: Path, text: str) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=r"admin\.password_hash"):
        replace_value(path, ("admin", "password_hash"), "new")
    assert path.read_text() == text
    assert list(tmp_path.iterdir()) == [path]


def test_replacing_through_a_link_keeps_the_link(tmp_path: Path) -> None:
    real, link = tmp_path / "real.yaml", tmp_path / "config.yaml"
    real.write_text("admin: {password_hash: old}\n")
    link.symlink_to(real)
    replace_value(link, ("admin", "password_hash"), "new")
    assert link.is_symlink()
    assert real.read_text() == 'admin: {password_hash: "new"}\n'


def test_telemetry_needs_its_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ai_gateway.config.model.find_spec", lambda _: None)
    with pytest.raises(
        ConfigError, match=r"telemetry.enabled: needs more packages: pip install .ai-gateway\[otel\]"
    ):
        parse("telemetry: {enabled: true}")


def test_headers_of_the_collector_are_secrets_also_from_the_environment() -> None:
    environ = {
        "AI_GATEWAY_TELEMETRY__HEADERS": '{"x-token": "sesame"}',
        "AI_GATEWAY_TELEMETRY__SAMPLE_RATIO": "0.25",
    }
    found = parse("", environ).telemetry
    assert found.headers["x-token"].reveal() == "sesame"
    assert "sesame" not in repr(found)
    assert found.sample_ratio == 0.25
