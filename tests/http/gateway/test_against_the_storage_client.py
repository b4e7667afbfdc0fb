"""The storage client of both SDKs, unmodified, does all that it does against this gateway."""

import asyncio
import json
from pathlib import Path

from tests.http.gateway.places import HOUR, served

SCRIPT = Path(__file__).with_name("storage_client.py")
NAMES = ["a", "blocks", "empty", "inputs/ü 1%", "large"]


async def test_the_storage_client_is_served(tmp_path, qio_sdk):
    async with served(tmp_path) as gateway:
        links = {
            "container": gateway.url("job-1"),
            "expired": gateway.url("job-1", life=-HOUR),
            "foreign": gateway.url("job-1", "a").with_query(gateway.url("job-2").query),
            "reader": gateway.url("job-1", "a", scope="blob", permissions="r"),
            "none": gateway.url("job-1", "none", scope="blob", permissions="r"),
            "output": gateway.url("job-1", "rawOutputData"),
        }
        child = await asyncio.create_subprocess_exec(
            qio_sdk, "-I", SCRIPT, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
        )
        out, _ = await child.communicate(json.dumps({name: str(link) for name, link in links.items()}).encode())
        assert child.returncode == 0
        told = json.loads(out)
    assert told["containers"] == {"exists": True, "created": True, "again": "ContainerAlreadyExists", "etag": True}
    assert told["uploads"] == {
        "overwritten": "BlobAlreadyExists",
        "forced": "BlobAlreadyExists",
        "type": "application/json",
        "encoding": "gzip",
        "metadata": {"Probe": "1"},
        "size": True,
        "kind": "BlockBlob",
        "created": True,
        "unpacked": '{"x": 1}',
        "packed": True,
        "exists": [True, False],
    }
    assert told["large"] == {
        "whole": True,
        "chunks": True,
        "range": True,
        "end": True,
        "metadata": {"a": "1"},
        "beyond": "InvalidRange",
        "changed": "ConditionNotMet",
    }
    assert told["blocks"] == {
        "waiting": [["a", 3], ["b", 3]],
        "content": "bbbaaa",
        "unknown": "BlobAlreadyExists",
        "empty": "",
    }
    assert told["lists"] == {
        "names": NAMES,
        "pages": [2, 2, 1],
        "metadata": {"inputs/ü 1%": {"Probe": "1"}, "large": {"a": "1"}},
        "some": ["inputs/ü 1%"],
        "walked": ["a", "blocks", "empty", "inputs/", "large"],
    }
    assert told["refusals"] == {
        "expired": "AuthenticationFailed",
        "foreign": "AuthenticationFailed",
        "reader": "AuthorizationPermissionMismatch",
        "read": "x",
        "none": "BlobNotFound",
        "output": "AuthorizationPermissionMismatch",
        "lease": "UnsupportedQueryParameter",
    }
