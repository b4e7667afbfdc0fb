"""Whether a store is sound: every row compared with its log, the log with itself, and rows with their blobs.

`examination` says what is wrong with one job, purely. `audit` reads the whole store: the log page by page (`log`), and
beside it the rows (`listing`); `references` looks at the blobs that rows name.
"""

from kyanite.runtime.audit.audit import BREACHES_MAX, Audit, Tally
from kyanite.runtime.audit.examination import Breach, Kind

__all__ = ["BREACHES_MAX", "Audit", "Breach", "Kind", "Tally"]
