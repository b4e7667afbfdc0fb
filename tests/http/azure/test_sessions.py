from tests.http.azure.places import NEW, asked, ids, offering, serving, submitted

OPENED = {"name": "mine", "providerId": "IonQ", "target": "ionq.simulator", "itemType": "Session"}


async def test_a_session_is_opened_closed_and_looked_at():
    async with offering() as workspace, serving(workspace) as client:
        status, answer = await asked(client, "PUT", f"{NEW}/sessions/s", json=OPENED)
        assert status == 201
        assert (OPENED | {"status": "Waiting", "jobFailurePolicy": "Abort"}).items() <= answer.items()
        assert await asked(client, "PUT", f"{NEW}/sessions/s", json=OPENED) == (200, answer)
        assert await asked(client, "GET", f"{NEW}/sessions/s") == (200, answer)
        status, answer = await asked(client, "POST", f"{NEW}/sessions/s:close")
        assert (status, answer["status"]) == (200, "Succeeded")
        assert answer["endExecutionTime"].endswith("Z")


async def test_jobs_belong_to_a_session():
    async with offering() as workspace, serving(workspace) as client:
        await asked(client, "PUT", f"{NEW}/sessions/s", json=OPENED)
        await submitted(workspace, client, "outside", target="ionq.simulator")
        for job_id in ("one", "two"):
            status, answer = await submitted(workspace, client, job_id, target="ionq.simulator", sessionId="s")
            assert (status, answer["sessionId"]) == (201, "s")
            await (await workspace.get_job(job_id)).wait()
        assert await ids(client, f"{NEW}/sessions/s/jobs") == ["one", "two"]
        assert await ids(client, f"{NEW}/sessions/s/jobs", filter="startswith(Name, 'job t')") == ["two"]
        assert await ids(client, f"{NEW}/topLevelItems") == ["s", "outside"]
        _, answer = await asked(client, "GET", f"{NEW}/sessions/s")
        assert answer["status"] == "Executing"


async def test_a_closed_session_takes_no_more_jobs():
    async with offering() as workspace, serving(workspace) as client:
        await asked(client, "PUT", f"{NEW}/sessions/s", json=OPENED)
        await asked(client, "POST", f"{NEW}/sessions/s:close")
        status, answer = await submitted(workspace, client, "late", target="ionq.simulator", sessionId="s")
        assert (status, answer["error"]["code"]) == (409, "SessionClosed")


async def test_a_failed_job_ends_its_session_unless_it_may_go_on():
    async with offering() as workspace, serving(workspace) as client:
        for policy, status in (("Abort", 409), ("Continue", 201)):
            opened = {"target": "acme.fails", "jobFailurePolicy": policy}
            assert (await asked(client, "PUT", f"{NEW}/sessions/{policy}", json=opened))[0] == 201
            await submitted(workspace, client, f"{policy}-1", target="acme.fails", sessionId=policy)
            await (await workspace.get_job(f"{policy}-1")).wait()
            answered, _ = await submitted(workspace, client, f"{policy}-2", target="acme.fails", sessionId=policy)
            assert answered == status


async def test_a_session_that_is_none():
    async with offering() as workspace, serving(workspace) as client:
        for method, path in (("GET", "s"), ("POST", "s:close"), ("GET", "s/jobs")):
            status, answer = await asked(client, method, f"{NEW}/sessions/{path}")
            assert (status, answer["error"]["code"]) == (404, "SessionNotFound")


async def test_what_opens_no_session():
    async with offering() as workspace, serving(workspace) as client:
        for change, code in (
            ({"target": "ionq.simulatr"}, "UnknownTarget"),
            ({"providerId": "microsoft"}, "InvalidRequest"),
            ({"jobFailurePolicy": "Perhaps"}, "InvalidRequest"),
            ({"tags": "x"}, "InvalidRequest"),
            ({"id": "other"}, "InvalidRequest"),
        ):
            status, answer = await asked(client, "PUT", f"{NEW}/sessions/s", json=OPENED | change)
            assert (status, answer["error"]["code"]) == (400, code), change
