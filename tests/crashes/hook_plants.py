"""Faults planted on purpose into deliveries: what looks for lost events must find them where there are some."""

import anyio
from msgspec.structs import replace

from kyanite.core.mailbox import Mailbox
from kyanite.outlets.webhooks.sender import Sender
from kyanite.runtime.ledger import Ledger

LATE_S = 1.0
"""Long enough for what is wrong to be stored before what would make up for it."""


def read_on():
    """The cursor goes ahead of what was not taken yet."""
    post = Sender.post

    async def late(sender, *arguments):
        await anyio.sleep(LATE_S)
        return await post(sender, *arguments)

    Sender.post = late
    Mailbox.read_up_to = lambda mailbox, position: position


def forget_letters():
    """What was put off is not stored."""
    collected, put_off = Ledger._collected, Mailbox.put_off
    Ledger._collected = lambda ledger: replace(collected(ledger), letters=())
    Mailbox.put_off = lambda mailbox, item, due_s: put_off(mailbox, item, due_s + LATE_S)


PLANTS = {function.__name__: function for function in (read_on, forget_letters)}
