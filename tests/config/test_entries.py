"""Lists, and arrays of tables: read item by item, with each mistake at its own path."""

import pytest

from kyanite.config import DeliverySettings, HookSettings, Settings, WebhookSettings, load, resolve
from kyanite.errors import ConfigError

TEXT = """
delivery.ports = [443]
[[webhooks]]
name = "team"
url = "https://example.org/jobs"
secrets = [{ env = "TEAM_SECRET" }, { file = "/run/secrets/team" }]
payload = "cloudevents"
[[hooks]]
run = ["/usr/bin/notify-send", "--", "{job.name}"]
on = ["Failed"]
[[hooks]]
run = ["logger"]
name = "log"
workspace = "other"
timeout_s = 5
"""
NOT_WRITTEN = "is a secret and is not written out; put it into a variable or a file, and write"
WEBHOOK = "[[webhooks]]\nname = 'a'\nurl = 'https://host/'\n"


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "kyanite.toml"
    path.write_text(TEXT)
    return path


def refused(call, *arguments, **options):
    with pytest.raises(ConfigError) as error:
        call(*arguments, **options)
    assert "hunter2" not in str(error.value)
    return str(error.value).removeprefix("The configuration is not valid: ")


def test_tables_of_an_array_are_settings_in_order(file):
    settings = load(file)
    assert settings.delivery == DeliverySettings(ports=(443,))
    assert settings.webhooks == (
        WebhookSettings(
            name="team",
            url="https://example.org/jobs",
            secrets=({"env": "TEAM_SECRET"}, {"file": "/run/secrets/team"}),
            payload="cloudevents",
        ),
    )
    assert settings.hooks == (
        HookSettings(run=("/usr/bin/notify-send", "--", "{job.name}"), on=("Failed",)),
        HookSettings(run=("logger",), name="log", workspace="other", timeout_s=5.0),
    )


def test_lists_are_tuples(file):
    settings = load(file)
    lists = [settings.delivery.ports, settings.webhooks, settings.hooks, settings.hooks[0].run, settings.hooks[0].on]
    assert {type(each) for each in [*lists, settings.webhooks[0].secrets, Settings().delivery.allow]} == {tuple}
    assert "ports=(443,)" in repr(settings)
    assert hash(settings.hooks[0]) == hash(load(file).hooks[0])
    assert hash(settings.delivery) != hash(DeliverySettings())


def test_a_layer_replaces_a_list_as_a_whole(file):
    environ = {
        "KYANITE_HOOKS": '[{ run = ["true"], timeout_s = 1 }]',
        "KYANITE_WEBHOOKS": "[]",
        "KYANITE_DELIVERY__ALLOW": '["10.0.0.0/8", "localhost"]',
        "KYANITE_DELIVERY__DELAYS_S": "[1, 2.5]",
    }
    resolved = resolve(file, environ, {"delivery.ports": (8443, 443)})
    assert resolved.settings.hooks == (HookSettings(run=("true",), timeout_s=1.0),)
    assert resolved.settings.webhooks == ()
    assert resolved.settings.delivery.allow == ("10.0.0.0/8", "localhost")
    assert resolved.settings.delivery.delays_s == (1.0, 2.5)
    assert resolved.settings.delivery.ports == (8443, 443)
    assert resolved.origins == {
        "delivery.ports": "argument",
        "delivery.allow": "environment KYANITE_DELIVERY__ALLOW",
        "delivery.delays_s": "environment KYANITE_DELIVERY__DELAYS_S",
        "hooks.0.run": "environment KYANITE_HOOKS",
        "hooks.0.timeout_s": "environment KYANITE_HOOKS",
    }
    over = resolve(file, environ, {"hooks": '[{ run = ["false"] }]', "delivery.ports": "[1]"})
    assert over.settings.hooks == (HookSettings(run=("false",)),)
    assert over.settings.delivery.ports == (1,)


def test_rows_say_what_was_given(file):
    rows = {row.path: (row.value, row.origin) for row in resolve(file, {}).rows() if row.path[:5] in {"webho", "hooks"}}
    assert rows["webhooks.0.secrets"] == (
        '[{ env = "TEAM_SECRET" }, { file = "/run/secrets/team" }]',
        f"file {file}",
    )
    assert rows["webhooks.0.payload"] == ('"cloudevents"', f"file {file}")
    assert rows["webhooks.0.workspace"] == ('""', "default")
    assert rows["hooks.1.timeout_s"] == ("5.0", f"file {file}")
    assert rows["hooks.0.timeout_s"] == ("60.0", "default")
    assert len(rows) == len(WebhookSettings.__struct_fields__) + 2 * len(HookSettings.__struct_fields__)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("hooks = 3", "hooks must be a list of tables, each [[hooks]], not a plain value"),
        ("hooks = {}", "hooks must be a list of tables, each [[hooks]], not a table"),
        ("[hooks]\nrun = ['x']", "hooks must be a list of tables, each [[hooks]], not a table"),
        ("hooks = [3]", "hooks.0 must be a table, not a plain value"),
        ("hooks = [[]]", "hooks.0 must be a table, not a list"),
        ("hook = 3", "hook is not a setting; did you mean hooks?"),
        ("[[hooks]]\nrunn = ['x']", "hooks.0.runn is not a setting; did you mean hooks.0.run?"),
        ("[[hooks]]\nname = 'x'", "hooks.0.run is missing; it must be a list of a program and its arguments"),
        ("[[hooks]]\nrun = ['x']\n[[hooks]]\nrun = ''", "hooks.1.run must be a list of a program and its arguments"),
        ("[[hooks]]\nrun = []", "hooks.0.run must be a list of a program and its arguments"),
        ("[[hooks]]\nrun = ['x', 1]", "hooks.0.run.1 must be text without a zero byte, not 1"),
        ('[[hooks]]\nrun = ["x", "\\u0000"]', 'hooks.0.run.1 must be text without a zero byte, not "\\u0000"'),
        ("[[hooks]]\nrun = ['x']\nname = 'a b'", "hooks.0.name must be a name of up to 128 letters"),
        ("[[hooks]]\nrun = ['x']\nworkspace = '..'", "hooks.0.workspace must be a name of up to 128 letters"),
        ("[[hooks]]\nrun = ['x']\non = []", "hooks.0.on must be a list of types of events"),
        ("[[hooks]]\nrun = ['x']\non = ['Done']", 'hooks.0.on.0 must be "Submitted" or '),
        ("[[hooks]]\nrun = ['x']\ntarget = ['']", 'hooks.0.target.0 must be text, not ""'),
        (
            "[[hooks]]\nrun = ['x']\ntimeout_s = nan",
            "hooks.0.timeout_s must be seconds, from 0.1 to a century, not nan",
        ),
        ("[[hooks]]\nrun = ['x']\ntimeout_s = '3'", 'hooks.0.timeout_s must be seconds, from 0.1 to a century, not "3'),
        ("delivery.ports = [443, 0]", "delivery.ports.1 must be a port from 1 to 65535, not 0"),
        ("delivery.ports = 443", "delivery.ports must be a list, each a port from 1 to 65535, not 443"),
        ("delivery.allow = ['a b']", 'delivery.allow.0 must be a host, an address, or a network of them, not "a b"'),
        ("delivery.delays_s = [1, -1]", "delivery.delays_s.1 must be seconds, from 0 to a century, not -1"),
        ("delivery.delays_s = [inf]", "delivery.delays_s.0 must be seconds, from 0 to a century, not inf"),
    ],
)
def test_a_mistake_is_named_with_the_table_and_the_field(tmp_path, text, problem):
    path = tmp_path / "kyanite.toml"
    path.write_text(text + "\n")
    assert refused(load, path).startswith(f"{path}: {problem}")


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (
            "secrets = ['hunter2']",
            f'webhooks.0.secrets.0 {NOT_WRITTEN} {{ env = "NAME" }} or {{ file = "/path" }}',
        ),
        (
            "secrets = 'hunter2'",
            f'webhooks.0.secrets {NOT_WRITTEN} secrets = [{{ env = "NAME" }}] or secrets = [{{ file = "/path" }}]',
        ),
        ("secrets = [{ env = 'A', file = 'hunter2' }]", "webhooks.0.secrets.0.env is a secret and is not written out"),
        ("secrets = []", "webhooks.0.secrets must be a list of one or two secrets, each { env"),
        ("secrets = [{ env = 'A' }, { env = 'B' }, { env = 'C' }]", "webhooks.0.secrets must be a list of one or two"),
        ("secrets = { env = 'A' }", "webhooks.0.secrets must be a list of one or two secrets"),
        ("secret = { env = 'A' }", "webhooks.0.secret is not a setting; did you mean webhooks.0.secrets?"),
        ("secret = 'hunter2'", "webhooks.0.secret is a secret and is not written out"),
        ("", "webhooks.0.secrets is missing; it must be a list of one or two secrets"),
    ],
)
def test_a_secret_of_a_webhook_is_named_and_not_written(tmp_path, line, problem):
    path = tmp_path / "kyanite.toml"
    path.write_text(f"{WEBHOOK}{line}\n")
    assert refused(load, path).startswith(f"{path}: {problem}")


@pytest.mark.parametrize(
    "url",
    [
        *(
            "https://me:hunter2@host/",
            "https://hunter2@host/",
            "ftp://host/hunter2",
            "host/hunter2",
            "https:///hunter2",
        ),
        *("https://host/hunter2 x", "https://ho\\st/hunter2", f"https://host/hunter2{'x' * 2_048}", ""),
    ],
)
def test_an_url_that_is_none_is_refused_without_what_it_may_hide(tmp_path, url):
    path = tmp_path / "kyanite.toml"
    path.write_text(f"[[webhooks]]\nname = 'a'\nurl = '{url}'\nsecrets = [{{ env = 'A' }}]\n")
    assert "webhooks.0.url must be a URL such as" in refused(load, path)


def test_names_are_not_given_twice(tmp_path):
    path = tmp_path / "kyanite.toml"
    hook = "[[hooks]]\nrun = ['/bin/notify-send']\n"
    path.write_text(hook + hook)
    assert refused(load, path) == f'{path}: hooks.1 is called "notify-send", as hooks.0 is; name one of them otherwise'
    path.write_text(f"{hook}[[hooks]]\nrun = ['x']\n[[hooks]]\nrun = ['x']\nname = 'notify-send'\n")
    assert "hooks.2 is called" in refused(load, path)
    path.write_text(f"{hook}{hook}workspace = 'other'\n{hook}name = 'more'\n")
    assert [hook.title for hook in load(path).hooks] == ["notify-send", "notify-send", "more"]
    webhook = f"{WEBHOOK}secrets = [{{ env = 'A' }}]\n"
    path.write_text(webhook + webhook)
    assert refused(load, path).startswith(f'{path}: webhooks.1 is called "a", as webhooks.0 is')


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("KYANITE_HOOKS", "x", "KYANITE_HOOKS: hooks must be a list of tables, each [[hooks]], not a plain value"),
        ("KYANITE_HOOKS", "[3]", "KYANITE_HOOKS: hooks.0 must be a table, not a plain value"),
        ("KYANITE_HOOKS", "[{ run = ['x'], on = 'x' }]", "KYANITE_HOOKS: hooks.0.on must be a list of types of events"),
        ("KYANITE_HOOKS__0__RUN", "x", "KYANITE_HOOKS__0__RUN is not a setting; KYANITE_HOOKS is the whole list"),
        ("KYANITE_HOOK", "[]", "KYANITE_HOOK is not a setting; did you mean KYANITE_HOOKS?"),
        ("KYANITE_DELIVERY__PORTS", "443", "KYANITE_DELIVERY__PORTS: delivery.ports must be a list, each a port"),
        ("KYANITE_DELIVERY__PORTS", "[0]", "KYANITE_DELIVERY__PORTS: delivery.ports.0 must be a port"),
        ("KYANITE_DELIVERY__PORTS", "['1']", "KYANITE_DELIVERY__PORTS: delivery.ports.0 must be a port"),
        (
            "KYANITE_WEBHOOKS",
            "[{ name = 'a', url = 'https://x/', secrets = ['hunter2'] }]",
            "KYANITE_WEBHOOKS: webhooks.0.secrets.0 is a secret and is not written out",
        ),
        (
            "KYANITE_WEBHOOKS",
            "[{ name = 'a', url = 'https://x/', secrets = 'hunter2' ]",
            "KYANITE_WEBHOOKS: webhooks must be a list of tables, each [[webhooks]], not a plain value",
        ),
    ],
)
def test_a_mistake_in_a_variable_is_named(name, text, problem):
    assert refused(resolve, environ={name: text}).startswith(problem)


def test_a_mistake_in_an_argument_is_named():
    assert refused(resolve, environ={}, flags={"hooks.0.run": ["x"]}).startswith("argument: hooks.0.run is not a ")
    assert refused(resolve, environ={}, flags={"hooks": [{"run": "x"}]}).startswith("argument: hooks.0.run must be")
