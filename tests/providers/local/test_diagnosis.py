"""What the provider says of itself, whole and broken. Kernels are never compiled here."""

import pytest

from kyanite.errors import ProviderError
from kyanite_providers.local import LocalProvider, diagnosis
from kyanite_providers.local.environment import worker_environment
from tests.providers.local.processes import children, open_files


async def found(**options):
    """The findings of a provider with these options, by subject; no worker is left, nor an open file."""
    before = children(), open_files()
    async with LocalProvider(**options) as provider:
        findings = await provider.diagnose()
    assert (children(), open_files()) == before
    return {finding.subject: finding for finding in findings}


@pytest.mark.timeout(180)  # the first may compile
async def test_compiled_kernels_are_loaded(monkeypatch):
    async with LocalProvider(workers_max=1) as provider, provider._solvers.worker():
        """Now they are compiled."""
    monkeypatch.setattr(diagnosis, "LOAD_MAX_S", 60.0)
    findings = await found(workers_max=1)
    assert {finding.state for finding in findings.values()} == {"ok"}
    assert "up to 1 on" in findings["local workers"].text
    assert "GiB of memory available" in findings["local workers"].text
    assert "loaded in" in findings["local kernels"].text
    assert "MiB in" in findings["local kernels"].text


async def test_kernels_that_are_not_compiled_stay_so(tmp_path):
    finding = (await found(cache_dir=tmp_path))["local kernels"]
    assert finding.state == "ok"
    assert finding.text.startswith("not compiled yet; the first job has them compiled")
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


async def test_kernels_of_another_machine_are_told(tmp_path, monkeypatch):
    monkeypatch.setattr(diagnosis, "LOAD_MAX_S", 0.2)
    async with LocalProvider(cache_dir=tmp_path) as provider:
        (provider._cache / "ising").mkdir()
        (provider._cache / "ising" / "annealing.nbi").write_bytes(b"not an index")
        _, kernels = await provider.diagnose()
    assert kernels.state == "warning"
    assert kernels.text.startswith("not loaded within 0 s")
    assert kernels.advice


async def test_a_cache_that_can_not_be_written_is_told(tmp_path):
    (tmp_path / "file").touch()
    finding = (await found(cache_dir=tmp_path / "file"))["local kernels"]
    assert finding.state == "warning"
    assert "providers.local.cache_dir" in finding.advice


async def test_other_versions_in_the_cache_are_counted(tmp_path, monkeypatch):
    async def loaded(_pool, _request):
        return None

    for version in ("now", "before"):
        (tmp_path / version).mkdir()
        (tmp_path / version / "kernel.nbi").write_bytes(b"x" * (1 << 20))
    monkeypatch.setattr(diagnosis.WorkerPool, "ask", loaded)
    _, kernels = await diagnosis.diagnose({"NUMBA_CACHE_DIR": str(tmp_path / "now")}, 1, cache_is_lasting=True)
    assert kernels.text.endswith(f"1.0 MiB in {tmp_path / 'now'}, and 1.0 MiB of 1 other versions beside them")


async def test_kernels_that_fail_are_told(tmp_path, monkeypatch):
    async def failing(_pool, request):
        if type(request).__name__ == "Warm":
            raise ProviderError("ProviderFault", "ImportError: no numba here")

    (tmp_path / "kernel.nbi").touch()
    monkeypatch.setattr(diagnosis.WorkerPool, "ask", failing)
    _, kernels = await diagnosis.diagnose({"NUMBA_CACHE_DIR": str(tmp_path)}, 1, cache_is_lasting=True)
    assert (kernels.state, kernels.text) == ("failed", "ImportError: no numba here")


async def test_a_worker_that_can_not_start_is_told(tmp_path):
    (tmp_path / "msgspec.py").write_text("raise ImportError('broken on purpose')")
    environment = worker_environment(tmp_path) | {"PYTHONPATH": str(tmp_path)}
    (finding,) = await diagnosis.diagnose(environment, 1, cache_is_lasting=True)
    assert (finding.subject, finding.state) == ("local workers", "failed")
    assert "ended with exit status 1" in finding.text
    assert "stderr" in finding.advice


async def test_a_worker_that_does_not_answer_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(diagnosis, "START_MAX_S", 0.001)
    (finding,) = await diagnosis.diagnose(worker_environment(tmp_path), 1, cache_is_lasting=True)
    assert (finding.state, finding.text) == ("failed", "no worker answered within 0 s")


async def test_more_workers_than_cores_and_too_little_memory_are_warnings(tmp_path, monkeypatch):
    finding = (await found(workers_max=10_000, cache_dir=tmp_path))["local workers"]
    assert finding.state == "warning"
    assert "workers_max" in finding.advice
    monkeypatch.setattr(diagnosis, "_available_bytes", lambda: 64 << 20)
    finding = (await found(workers_max=1, cache_dir=tmp_path))["local workers"]
    assert finding.state == "warning"
    assert "64.0 MiB of memory available" in finding.text
