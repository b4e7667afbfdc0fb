"""The runtime in a world that goes wrong on purpose: seeded, in virtual time, and the same again for the same plan.

Give `simulate` your provider and some submissions, and it takes hundreds of jobs through crashes, lost answers, full
disks, cancels and clocks that jump, and checks after every event that what Kyanite promises holds.
"""

from kyanite.testing.simulation.client import Client
from kyanite.testing.simulation.life import Killed, Life
from kyanite.testing.simulation.loop import Deadlock, Forbidden, Livelock, SimulationLoop, run
from kyanite.testing.simulation.plan import KINDS, STRIKES, Fault, Plan, weather
from kyanite.testing.simulation.providers import LocalProvider
from kyanite.testing.simulation.receivers import Receiver
from kyanite.testing.simulation.remote import RemoteProvider, RemoteService
from kyanite.testing.simulation.scenario import Scenario, lifecycle
from kyanite.testing.simulation.simulation import Report, SimulationFailed, simulate
from kyanite.testing.simulation.world import World

__all__ = [
    "KINDS",
    "STRIKES",
    "Client",
    "Deadlock",
    "Fault",
    "Forbidden",
    "Killed",
    "Life",
    "Livelock",
    "LocalProvider",
    "Plan",
    "Receiver",
    "RemoteProvider",
    "RemoteService",
    "Report",
    "Scenario",
    "SimulationFailed",
    "SimulationLoop",
    "World",
    "lifecycle",
    "run",
    "simulate",
    "weather",
]
