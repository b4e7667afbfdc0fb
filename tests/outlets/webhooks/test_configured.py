import pytest

from kyanite.config import Settings, WebhookSettings
from kyanite.errors import ConfigError
from kyanite.outlets.webhooks.configured import configured

SECRET, OTHER = "whsec_Y2FuYXJ5Y2FuYXJ5Y2FuYXJ5Y2FuYXJ5", "whsec_b3RoZXJvdGhlcm90aGVyb3RoZXJvdGhlcg=="
NAMED = {"env": "HOOK_SECRET"}


def one(**fields):
    return WebhookSettings(**{"name": "n", "url": "https://example.org/", "secrets": (NAMED,), **fields})


def test_it_is_what_the_configuration_says_with_its_secrets_read(tmp_path, monkeypatch):
    monkeypatch.setenv("HOOK_SECRET", SECRET)
    file = tmp_path / "secret"
    file.write_text(f"{OTHER}\n")
    file.chmod(0o600)
    given = one(secrets=(NAMED, {"file": str(file)}), on=("Failed",), target=("t",), tag=("g",), payload="cloudevents")
    (found,) = configured(Settings(workspace="team", webhooks=(given,)))
    assert [secret.text for secret in found.secrets] == [SECRET, OTHER]
    assert (found.workspace, found.source, found.state, found.creation_time) == ("team", "config", "active", None)
    assert (found.on, found.target, found.tag, found.payload) == (("Failed",), ("t",), ("g",), "cloudevents")
    (elsewhere,) = configured(Settings(webhooks=(one(workspace="other"),)))
    assert elsewhere.workspace == "other"


@pytest.mark.parametrize("secrets", [(), (NAMED,) * 3, (SECRET,), ({"env": ""},), ({"env": "A", "file": "b"},)])
def test_one_or_two_secrets_are_named(secrets, monkeypatch):
    monkeypatch.setenv("HOOK_SECRET", SECRET)
    with pytest.raises(ConfigError, match=r"webhooks\.0\.secrets: must be one or two secrets") as caught:
        configured(Settings(webhooks=(one(secrets=secrets),)))
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("text", ["canary-canary-canary", "whsec_c2hvcnQ=", "whsec_canary!"])
def test_what_is_no_secret_is_refused_and_not_repeated(text, monkeypatch):
    monkeypatch.setenv("HOOK_SECRET", text)
    with pytest.raises(ConfigError, match=r"webhooks\.1\.secrets\.1: secret ") as caught:
        monkeypatch.setenv("GOOD", SECRET)
        good = {"env": "GOOD"}
        configured(Settings(webhooks=(one(name="a", secrets=(good,)), one(secrets=(good, NAMED)))))
    assert text not in str(caught.value)


def test_a_secret_that_is_not_there_is_named(monkeypatch):
    monkeypatch.delenv("HOOK_SECRET", raising=False)
    with pytest.raises(ConfigError, match=r"webhooks\.0\.secrets\.0: the environment has no HOOK_SECRET"):
        configured(Settings(webhooks=(one(),)))


def test_names_are_unique_in_a_workspace(monkeypatch):
    monkeypatch.setenv("HOOK_SECRET", SECRET)
    assert len(configured(Settings(webhooks=(one(), one(workspace="other"))))) == 2
    with pytest.raises(ConfigError, match=r"webhooks\.1\.name: another webhook is called 'n', too"):
        configured(Settings(webhooks=(one(), one())))
