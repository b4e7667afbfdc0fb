"""As the author of a provider writes it: the provider, some submissions, many seeds."""

import asyncio

import pytest

from kyanite.core.job import Needs, Target
from kyanite.errors import ProviderError, RetryableError
from kyanite.ports import Provider
from kyanite.testing.simulation import Scenario, SimulationFailed, simulate


class Adder(Provider):
    """Adds numbers, one a line; it is easily tired."""

    id = "acme"

    def targets(self):
        return [Target(id="acme.sum", provider_id="acme", slots=3, needs=Needs(cores=1))]

    async def run(self, task):
        text = (await task.read_input()).decode()
        if not text:
            raise ProviderError("EmptyInput", "there is nothing to add", target="input")
        if task.details.attempt % 3 == 0:
            raise RetryableError("Tired", "the adder takes a nap")
        await asyncio.sleep(0.1)
        await task.write_output(str(sum(map(int, text.split()))))


def adder(_world):
    def check(row, content):
        assert content == b"6", f"{row.id} came to {content!r}"

    return Scenario(
        providers=lambda: [Adder()],
        submissions=[
            {"target": "acme.sum", "input": "1\n2\n3", "attempts_max": 3},
            {"target": "acme.sum", "input": "6", "timeout_s": 5},
            {"target": "acme.sum", "input": ""},
        ],
        jobs=30,
        check=check,
    )


@pytest.mark.parametrize("seed", range(10))
def test_the_adder_holds_whatever_fails(seed):
    assert simulate(adder, seed=seed).lifecycles > 20


def test_a_wrong_sum_is_told_with_the_line_that_repeats_it(monkeypatch):
    async def wrong(_self, task):
        await task.write_output("7")

    monkeypatch.setattr(Adder, "run", wrong)
    with pytest.raises(SimulationFailed, match=r"(?s)came to b'7'.*\nsimulate\(scenario, plan=Plan.read\("):
        simulate(adder, seed=1)
