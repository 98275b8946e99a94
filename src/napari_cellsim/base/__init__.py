"""What every room may use and what knows none of them: errors, events, job control, provenance."""

from .errors import CellSimError, JobCancelled
from .events import Event, Progress
from .job import JobToken
from .provenance import hash_array, hash_file, now, versions

__all__ = [
    "CellSimError",
    "Event",
    "JobCancelled",
    "JobToken",
    "Progress",
    "hash_array",
    "hash_file",
    "now",
    "versions",
]
