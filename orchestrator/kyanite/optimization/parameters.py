"""What solvers are told: schedules, the platform, and the checks that are made before anything is sent."""

from __future__ import annotations

from enum import Enum
from typing import Any


class HardwarePlatform(Enum):
    """Where a solver of the retired service could run. Its last SDK refused FPGA, and so does this."""

    CPU = 1
    FPGA = 2


class RangeSchedule:
    """A parameter's way from `initial` to `final`, `linear` or `geometric`: else `ValueError`."""

    def __init__(self, schedule_type: str, initial: float, final: float) -> None:
        if schedule_type not in {"linear", "geometric"}:
            raise ValueError(f"schedule_type must be 'linear' or 'geometric', not {schedule_type!r}")
        self.schedule_type = schedule_type
        self.initial = initial
        self.final = final

    def __repr__(self) -> str:
        return f"RangeSchedule({self.schedule_type!r}, {self.initial!r}, {self.final!r})"

    def to_wire(self) -> dict[str, Any]:
        """Return the schedule as a job's parameters carry it."""
        return {"type": self.schedule_type, "initial": self.initial, "final": self.final}


# Each check returns what is to be sent, `None` for what was not given, and raises `ValueError` naming the parameter.


def positive_int(name: str, value: Any) -> Any:
    """Check that a parameter is an int above 0."""
    if value is None:
        return None
    if not isinstance(value, int):
        raise ValueError(f"{name} must be an int, not {type(value).__name__}")  # noqa: TRY004  # the SDK's type
    if value <= 0:
        raise ValueError(f"{name} must be above 0, not {value}")
    return value


def number_above(name: str, value: Any, bound: float) -> Any:
    """Check that a parameter is a number above a bound."""
    if value is None:
        return None
    if not isinstance(value, int | float):
        raise ValueError(f"{name} must be a number, not {type(value).__name__}")  # noqa: TRY004  # the SDK's type
    _refuse_at(name, value, bound)
    return value


def rising(name: str, value: Any) -> dict[str, Any] | None:
    """Check that a parameter is a schedule that does not fall, of values above 0."""
    if value is None:
        return None
    schedule = _schedule(name, value)
    if schedule.initial > schedule.final:
        raise ValueError(f"{name} must not fall, and {value} does")
    for end in ("initial", "final"):
        _refuse_at(f"{name}.{end}", getattr(schedule, end), 0)
    return schedule.to_wire()


def falling(name: str, value: Any) -> dict[str, Any] | None:
    """Check that a parameter is a schedule that does not rise, of values not below 0."""
    if value is None:
        return None
    schedule = _schedule(name, value)
    if schedule.initial < schedule.final:
        raise ValueError(f"{name} must not rise, and {value} does")
    if schedule.final < 0:
        raise ValueError(f"{name}.final must not be below 0, and is {schedule.final}")
    return schedule.to_wire()


def cpu_only(platform: Any) -> None:
    """Refuse the platform that is no more."""
    if platform == HardwarePlatform.FPGA:
        raise ValueError("platform can not be FPGA, which the retired service gave up first: leave it out")


def _schedule(name: str, value: Any) -> RangeSchedule:
    if not isinstance(value, RangeSchedule):
        raise ValueError(f"{name} must be a RangeSchedule, not {type(value).__name__}")  # noqa: TRY004  # as above
    return value


def _refuse_at(name: str, value: float, bound: float) -> None:
    if value <= bound:
        raise ValueError(f"{name} must be above {bound:g}, and is {value}")
