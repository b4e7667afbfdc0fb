"""A program that has a webhook, opens its workspace, and submits at once."""

from msgspec.structs import replace

from kyanite.outlets.webhooks.outlet import webhooks_of
from tests.crashes.hook_scenarios import webhook
from tests.crashes.targets import ECHO, SETTINGS, workspace_in
from tests.outlets.webhooks.receiving import LOOPBACK, receiving


async def test_the_first_event_after_opening_is_sent(tmp_path):
    for number in range(5):
        folder = tmp_path / str(number)
        async with receiving() as receiver:
            workspace = workspace_in(folder, settings=replace(SETTINGS, data_dir=str(folder), delivery=LOOPBACK))
            webhooks_of(workspace.host).register.add(webhook(receiver.url, ("Submitted", "Began", "Succeeded")))
            async with workspace:
                await (await workspace.submit(ECHO, b"x")).wait()
            assert len({message.id for message in receiver.messages}) == 3
