import json

from kyanite.cli.exits import Exit
from kyanite.cli.submission import DEFAULT_TARGET


def test_list(call, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, out, err = call("target", "list")
    assert (code, err) == (0, "")
    assert out.splitlines()[0].split() == ["ID", "PROVIDER", "SLOTS", "DESCRIPTION"]
    assert DEFAULT_TARGET in call("target", "list", "-o", "name").out.split()
    assert list(tmp_path.iterdir()) == []


def test_show(call):
    code, out, err = call("target", "show", DEFAULT_TARGET)
    assert (code, err) == (0, "")
    assert "microsoft.qio.v2" in out
    shown = json.loads(call("target", "show", DEFAULT_TARGET, "-o", "json").out)
    assert (shown["id"], shown["provider_id"], shown["inspects"]) == (DEFAULT_TARGET, "microsoft", True)


def test_show_another(call):
    code, out, err = call("target", "show", DEFAULT_TARGET[:-1])
    assert (code, out) == (Exit.ERROR, "")
    assert err == f"kyanite: there is no target {DEFAULT_TARGET[:-1]!r}; did you mean {DEFAULT_TARGET}?\n"
    assert "; there are: kyanite.auto.cpu, microsoft.paralleltempering" in call("target", "show", "acme.echo").err
