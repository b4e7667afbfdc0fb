"""The lifecycle once more, as a chain of plain sentences: what becomes of a job when this happens to it."""

from msgspec.structs import replace

from kyanite.core.job import Status
from kyanite.core.lifecycle import InvalidTransition


def after(row, event):
    """Return the row after an event, or the very same where it changes nothing. Raises `InvalidTransition`."""
    name = type(event).__name__
    if row is None:
        if name != "Submitted":
            raise InvalidTransition(None, event)
        return replace(event.details, version=1, updated_time=event.time)
    ended = row.status in ("Succeeded", "Failed", "Cancelled")
    if ended and name != "Amended":
        return row
    if not ended and not allowed(row, name):
        raise InvalidTransition(row, event)
    return replace(row, version=row.version + 1, updated_time=event.time, **changed(row, event, name))


def allowed(row, name):
    """Tell whether this may happen to a job that has not ended."""
    if name == "Submitted":
        return False
    if name in ("CancelRequested", "Amended", "Failed", "Cancelled"):
        return True
    if row.status == "Waiting":
        return name in ("Inspected", "Began")
    return name != "Inspected" and not (name == "Began" and row.driving)


def changed(row, event, name):
    """Return the fields that this changes."""
    match name:
        case "Inspected":
            fields = {"inspected": True, "needs": event.needs, **described(row, event)}
        case "Began":
            begun = row.begin_execution_time if row.begin_execution_time is not None else event.time
            fields = {"status": Status.EXECUTING, "driving": True, "attempt": event.attempt}
            fields |= {"not_before": None, "begin_execution_time": begun}
        case "CancelRequested":
            fields = {"cancel_requested": True}
        case "Intended":
            fields = {"intent": event.token}
        case "Checkpointed":
            fields = {"handle": event.handle}
        case "RetryScheduled":
            fields = {"driving": False, "failures": row.failures + 1, "not_before": event.not_before}
        case "Resumed":
            fields = {"driving": False, "interruptions": row.interruptions + 1}
        case "Suspended":
            fields = {"driving": False}
        case "Amended":
            fields = amended(row, event)
        case _:
            fields = ended(row, event, name)
    return fields


def amended(row, event):
    """Return the labels that change; priority and rank only while the job waits."""
    fields = {"name": event.name, "tags": event.tags, "metadata": event.metadata}
    if row.status == "Waiting":
        fields |= {"priority": event.priority, "rank": event.rank}
    return {name: value for name, value in fields.items() if value is not None}


def ended(row, event, name):
    """Return what an end leaves."""
    fields = {"status": Status(name), "driving": False, "not_before": None}
    if name != "Cancelled" or row.status == "Executing":
        fields["end_execution_time"] = event.time
    if name == "Cancelled":
        fields["cancellation_time"] = event.time
    if name == "Failed":
        fields["error_data"] = event.error
    else:
        fields |= described(row, event)
    if name == "Succeeded" and event.output_data_format is not None:
        fields["output_data_format"] = event.output_data_format
    if event.output_data_uri is not None:
        fields |= {"output_data_uri": event.output_data_uri}
        fields |= {"output_hash": event.output_hash, "output_size": event.output_size}
    if event.cost_estimate is not None:
        fields["cost_estimate"] = event.cost_estimate
    return fields


def described(row, event):
    """Return what a provider has added to the properties."""
    if not event.properties:
        return {}
    return {"additional_properties": {**row.additional_properties, **event.properties}}
