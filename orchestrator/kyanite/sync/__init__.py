"""The blocking face: the names of `azure.quantum`, for scripts that do not await.

Scripts of the retired service's SDK run with only the import changed; `kyanite.sync.optimization` has the solvers.
"""

from kyanite.core.job import JobDetails
from kyanite.core.job import Status as JobStatus
from kyanite.sync.job import Job
from kyanite.sync.workspace import Workspace

__all__ = ["Job", "JobDetails", "JobStatus", "Workspace"]
