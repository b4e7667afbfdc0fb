import os
import subprocess
import sys

import pytest

import kyanite_kernels
from kyanite_kernels.cache import is_complete, mark_complete
from kyanite_providers.local import compilation


def test_a_folder_is_complete_once_that_was_noted(tmp_path):
    assert not is_complete(tmp_path)
    mark_complete(tmp_path)
    assert is_complete(tmp_path)


def test_another_time_of_a_source_makes_it_incomplete(tmp_path, monkeypatch):
    mark_complete(tmp_path)
    monkeypatch.setattr(sys, "version", "4.0")
    assert not is_complete(tmp_path)


def test_what_is_complete_is_not_compiled_again(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    folder = tmp_path / "kyanite" / "numba" / kyanite_kernels.fingerprint()
    folder.mkdir(parents=True)
    mark_complete(folder)
    monkeypatch.setattr(kyanite_kernels, "warm", lambda _report: pytest.fail("nothing is missing"))
    compilation.main()


def test_what_is_missing_is_compiled_where_workers_look(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("NUMBA_CACHE_DIR", "elsewhere")
    called = []
    monkeypatch.setattr(kyanite_kernels, "warm", lambda report: called.append(os.environ["NUMBA_CACHE_DIR"]))
    compilation.main()
    assert called == [str(tmp_path / "kyanite" / "numba" / kyanite_kernels.fingerprint())]


def test_progress_is_told_in_lines(capfd):
    compilation.report("tabu search", 0.25)
    compilation.report("ready", 1.0)
    assert capfd.readouterr() == ("", "Compiling the solvers' kernels, once:  25%, tabu search\n")


def test_asking_loads_no_numba():
    script = "import sys; import kyanite_kernels.cache; print({'numpy', 'numba'} & set(sys.modules))"
    call = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert call.stdout.strip() == "set()"
