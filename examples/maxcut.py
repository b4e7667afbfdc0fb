"""The main job, from submit to result: the best cut of a graph of 1,000 vertices, by parallel tempering.

Run it with `make run`. It needs no server: store and blobs lie in ./.kyanite.
"""

import sys
import time

import anyio

from kyanite import Progressed, Workspace, logs
from kyanite.problems import SHIPPED

TARGET = "microsoft.paralleltempering-parameterfree.cpu"


async def main() -> None:
    """Submit the shipped problem, follow it, and tell how it went."""
    logs.configure()
    async with Workspace.open() as workspace:
        started_s = time.perf_counter()
        job = await workspace.submit(
            TARGET,
            SHIPPED.problem(),
            name=SHIPPED.name,
            input_data_format="microsoft.qio.v2",
            output_data_format="microsoft.qio-results.v2",
            input_params={"params": {"timeout": 5, "seed": 7}},
        )
        print(f"{SHIPPED.name}: {SHIPPED.n} vertices; best cut known to us: {SHIPPED.best_known_cut}")
        print(f"job {job.id} on {TARGET}")
        best_cost = float("inf")
        async for update in job.updates():
            line = f"{time.perf_counter() - started_s:8.2f} s  "
            if not isinstance(update, Progressed):
                print(line + type(update).__name__)
            elif update.values.get("best_cost", best_cost) < best_cost:
                best_cost = update.values["best_cost"]
                print(f"{line}best cut {-best_cost:.0f}, {update.fraction or 0:.0%} of the search done")
        results = await job.get_results()
        cut = -results["cost"]
        print(f"\nbest cut {cut:.0f}: {SHIPPED.best_known_cut - cut:.0f} below the best known")
        settled = {name: value for name, value in results["parameters"].items() if name != "all_betas"}
        print(f"parameters that the search settled on: {settled}")
        print(f"\nstory of the job\n{await job.story()}")
        print(f"\noutput: {job.details.output_size:,} bytes at {job.details.output_data_uri}")
        print(f"        in the blob store under {workspace.settings.data_dir}/blobs")


if __name__ == "__main__":
    try:
        anyio.run(main)
    except KeyboardInterrupt:
        sys.exit("\ninterrupted; the job is kept, and goes on when the workspace is opened again")
