"""What a script saw, as one line of JSON at the end of its output: clients print dots while they wait."""

import json
import os
import sys
import time

PATIENCE_S = 45


def report(answers):
    """Write the answers where the test looks for them."""
    sys.stdout.write("\n" + json.dumps(answers, default=str) + "\n")


def refusal(call, *arguments, **options):
    """Return what a call raises, or None: the names of its classes, its status code and its words."""
    try:
        call(*arguments, **options)
    except Exception as error:  # noqa: BLE001  # whatever a client raises is the answer
        return told(error)
    return None


async def awaited_refusal(awaitable):
    """Return what an awaitable raises, or None."""
    try:
        await awaitable
    except Exception as error:  # noqa: BLE001  # as above
        return told(error)
    return None


def told(error):
    """Return an error as the test compares it."""
    code = getattr(getattr(error, "error", None), "code", None)
    return {
        "classes": [kind.__name__ for kind in type(error).__mro__],
        "status": getattr(error, "status_code", None),
        "code": code,
        "message": str(error),
    }


def until(condition, what):
    """Ask again until the condition holds, and return what it said."""
    deadline_s = time.monotonic() + PATIENCE_S
    while not (found := condition()):
        if time.monotonic() > deadline_s:
            raise TimeoutError(f"{what}: not within {PATIENCE_S} s")
        time.sleep(0.05)
    return found


def setting(name):
    """Return a variable of the environment that the test has set."""
    return os.environ[name]
