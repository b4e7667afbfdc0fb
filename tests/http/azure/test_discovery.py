import pytest

from tests.http.azure.places import NEW, asked, offering, serving

GRAPH = "/providers/Microsoft.ResourceGraph/resources"
QUERY = """
    Resources
    | where type =~ 'microsoft.quantum/workspaces'
    | where name =~ 'mine'
    | extend endpointUri = tostring(properties.endpointUri), workspaceKind = tostring(properties.workspaceKind)
    | project name, subscriptionId, resourceGroup, location, endpointUri, workspaceKind
"""


async def test_a_workspace_is_found_by_its_resource_id():
    async with offering() as workspace, serving(workspace) as client:
        path = NEW.replace("workspaces/w", "Workspaces/Mine")
        status, answer = await asked(client, "GET", path, params={"api-version": "2025-12-15-preview"})
        assert status == 200
        assert (answer["name"], answer["location"]) == ("Mine", "eastus")
        assert answer["properties"]["endpointUri"] == f"http://{client.host}:{client.port}/"
        assert answer["properties"]["workspaceKind"] in {"V1", "V2"}


async def test_a_workspace_is_found_by_its_name():
    async with offering() as workspace, serving(workspace) as client:
        status, answer = await asked(client, "POST", GRAPH, json={"query": QUERY})
        assert status == 200
        (row,) = answer["data"]
        assert row == {
            "name": "mine",
            "subscriptionId": "00000000-0000-0000-0000-000000000000",
            "resourceGroup": "kyanite",
            "location": "eastus",
            "endpointUri": f"http://{client.host}:{client.port}/",
            "workspaceKind": "V2",
        }


async def test_what_the_query_says_already_comes_back():
    query = QUERY + "\n| where resourceGroup =~ 'group'\n | where location =~ 'westeurope'"
    subscription = "11111111-2222-3333-4444-555555555555"
    async with offering() as workspace, serving(workspace) as client:
        _, answer = await asked(client, "POST", GRAPH, json={"query": query, "subscriptions": [subscription]})
        row = answer["data"][0]
        assert (row["subscriptionId"], row["resourceGroup"], row["location"]) == (subscription, "group", "westeurope")


@pytest.mark.parametrize("body", [{}, {"query": 1}, {"query": "Resources"}, {"query": QUERY, "subscriptions": [1]}])
async def test_another_query_is_refused(body):
    async with offering() as workspace, serving(workspace) as client:
        status, answer = await asked(client, "POST", GRAPH, json=body)
        assert (status, answer["error"]["code"]) == (400, "InvalidRequest")
