"""A rule machine whose rules await, on one event loop of its own, and which compares answers, errors included."""

import asyncio
import shutil

from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import RuleBasedStateMachine

from kyanite.errors import KyaniteError
from tests.models.folders import fresh_folder
from tests.reliability import counts


def effort(*, quick, ci, soak, steps=30):
    """Return how many sequences of rules are tried, and how long each is."""
    return settings(
        max_examples=counts(quick=quick, ci=ci, soak=soak),
        stateful_step_count=counts(quick=steps, ci=steps, soak=2 * steps),
        deadline=None,
        phases=(Phase.explicit, Phase.reuse, Phase.generate),  # explaining takes minutes here
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
    )


class AsyncMachine(RuleBasedStateMachine):
    """Runs coroutines on a loop that lives as long as the machine, in a folder that does, too.

    A subclass overrides `begin` and `end`; `compared` counts the answers that were the same.
    """

    compared = 0

    def __init__(self):
        super().__init__()
        self.folder = fresh_folder("model")
        self.runner = asyncio.Runner()
        self.run(self.begin())

    def run(self, coroutine):
        """Await on the machine's loop."""
        return self.runner.run(coroutine)

    async def begin(self):
        """Open what is under test."""
        raise NotImplementedError

    async def end(self):
        """Close it."""
        raise NotImplementedError

    def teardown(self):
        try:
            self.run(self.end())
        finally:
            self.runner.close()
            shutil.rmtree(self.folder)

    def same(self, model, coroutine):
        """Assert that the model's call and the coroutine answer the same, or raise errors of the same kind."""
        expected, found = outcome(model), self.run(outcome_of(coroutine))
        assert found == expected
        type(self).compared += 1
        return found


def outcome(call):
    """Return what a call returns, or the type of the error that it raises."""
    try:
        return call()
    except (KyaniteError, ValueError) as error:
        return type(error)


async def outcome_of(coroutine):
    """Return what a coroutine returns, or the type of the error that it raises."""
    try:
        return await coroutine
    except (KyaniteError, ValueError) as error:
        return type(error)
