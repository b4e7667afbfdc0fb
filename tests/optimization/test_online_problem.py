import pytest

from kyanite.errors import BlobMissing
from kyanite.optimization import OnlineProblem
from tests.optimization.examples import three_spins
from tests.runtime.places import in_memory


async def test_it_is_the_problem_at_its_address():
    async with in_memory() as workspace:
        uri = await three_spins().upload(workspace)
        online = OnlineProblem("elsewhere", uri)
        assert online.uploaded_blob_uri == uri
        problem = await online.download(workspace)
        assert (problem.name, problem.terms) == ("elsewhere", three_spins().terms)
        assert repr(online) == f"<OnlineProblem 'elsewhere' at {uri}>"


async def test_an_address_of_nothing_is_refused():
    async with in_memory() as workspace:
        with pytest.raises(BlobMissing):
            await OnlineProblem("x", "kyanite:///default/uploads/none").download(workspace)
        with pytest.raises(ValueError, match="no blob of this workspace"):
            await OnlineProblem("x", "kyanite:///other/uploads/one").download(workspace)
