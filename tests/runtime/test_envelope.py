"""Each thing that can be wrong with a submit is refused with the name of its field, and nothing is left behind."""

import pytest

from kyanite.errors import InvalidRequest
from tests.runtime.places import in_memory, with_echo

WRONG = [
    ("name", "x" * 10_000),
    ("name", ""),
    ("name", 3),
    ("name", "line\nbreak"),
    ("name", "half \ud800 pair"),
    ("job_id", "../../etc/passwd"),
    ("job_id", "a/b"),
    ("job_id", "a\x00b"),
    ("job_id", ""),
    ("job_id", ".."),
    ("job_id", "a..b"),
    ("job_id", "-leading"),
    ("job_id", "x" * 129),
    ("job_id", "trailing."),
    ("job_id", "ünicode"),
    ("job_id", 7),
    ("priority", "high"),
    ("priority", 1.5),
    ("priority", True),
    ("priority", 1_001),
    ("timeout_s", 0),
    ("timeout_s", -1),
    ("timeout_s", float("nan")),
    ("timeout_s", float("inf")),
    ("timeout_s", "10"),
    ("attempts_max", 0),
    ("attempts_max", 1.0),
    ("attempts_max", 101),
    ("tags", "one"),
    ("tags", [1]),
    ("tags", ["x" * 257]),
    ("tags", ["t"] * 65),
    ("metadata", [1]),
    ("metadata", {"x": object()}),
    ("metadata", {"x": "y" * 100_000}),
    ("metadata", {"x": [float("inf")]}),
    ("input_params", {"x": float("nan")}),
    ("input_params", {"x": {1, 2, object()}}),
    ("input_params", {"x": "y" * 2_000_000}),
    ("input_data_format", "x" * 1_000),
    ("output_data_format", 5),
    ("input", object()),
]


@pytest.mark.parametrize(("field", "value"), WRONG)
async def test_the_error_names_the_field(field, value):
    async with with_echo(in_memory()) as workspace:
        options = {"input": b"x", field: value}
        with pytest.raises(InvalidRequest) as refused:
            await workspace.submit("acme.echo", **options)
        assert refused.value.field.startswith(field)
        assert field in str(refused.value)
        assert len(str(refused.value)) < 300
        assert await workspace.count_jobs() == 0
        assert await workspace.host.storage.blobs.page() == []
        assert await (await workspace.submit("acme.echo", b"fine")).get_results() == b"fine"


async def test_deep_nesting_is_refused_not_crashed_on():
    nested = []
    for _ in range(100_000):
        nested = [nested]
    async with with_echo(in_memory()) as workspace:
        with pytest.raises(InvalidRequest, match="input_params"):
            await workspace.submit("acme.echo", b"x", input_params={"x": nested})


@pytest.mark.parametrize("value", ["a", "A-1_b.c", "x" * 128, "01234567-89ab-cdef-0123-456789abcdef"])
async def test_good_ids_are_kept(value):
    async with with_echo(in_memory()) as workspace:
        assert (await workspace.submit("acme.echo", b"x", job_id=value)).id == value
