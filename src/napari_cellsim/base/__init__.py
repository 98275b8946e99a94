"""What every room may use and what knows none of them: errors, events, job control, provenance."""

from .errors import CellSimError, JobCancelled
from .events import Event, Progress
from .job import JobToken
from .provenance import hash_array, hash_file, now, versions
from .running import Clock, run

__all__ = [
    "CellSimError",
    "Clock",
    "Event",
    "JobCancelled",
    "JobToken",
    "Progress",
    "hash_array",
    "hash_file",
    "now",
    "run",
    "versions",
]
