import json

from kyanite.config import Settings, load


def test_as_toml_it_is_a_file_for_config(call, tmp_path, monkeypatch):
    monkeypatch.setenv("KYANITE_LIMITS__CORES", "3")
    code, out, err = call("config", "show", "--data-dir", tmp_path)
    assert (code, err) == (0, "")
    (tmp_path / "shown.toml").write_text(out)
    shown = load(tmp_path / "shown.toml")
    assert (shown.data_dir, shown.limits.cores, shown.queue) == (str(tmp_path), 3.0, Settings().queue)


def test_origins(call, tmp_path, monkeypatch):
    (tmp_path / "settings.toml").write_text("[queue]\nwindow = 5\n")
    monkeypatch.setenv("KYANITE_LIMITS__CORES", "3")
    words = ("config", "show", "--origin", "--data-dir", "x", "--config", tmp_path / "settings.toml")
    code, out, err = call(*words)
    assert (code, err) == (0, "")
    lines = {line.split()[0]: " ".join(line.split()[1:]) for line in out.splitlines()}
    assert lines["data_dir"] == '"x" argument'
    assert lines["limits.cores"] == "3.0 environment KYANITE_LIMITS__CORES"
    assert lines["queue.window"] == f"5 file {tmp_path / 'settings.toml'}"
    assert lines["retry.factor"].endswith("default")
    listed = json.loads(call(*words, "-o", "json").out)
    assert {"path": "queue.window", "value": "5", "origin": f"file {tmp_path / 'settings.toml'}"} in listed
