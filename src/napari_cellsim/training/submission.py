"""Hand a training run to a SLURM cluster through submitit; the job is the same command as at home."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from threading import Thread
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from ..base import CellSimError

_GRACE = 60.0  # seconds; a cluster leaves 90 between its warning and the end
_TIMEOUTS = 1000  # a run may reach the cluster's time limit as often as it likes


class SlurmConfig(BaseModel):
    """What to ask a cluster for.

    Attributes
    ----------
    nodes : int
        Machines.
    processes : int
        Processes per machine; they train one model together (needs the extra ``distributed``).
    gpus : int
        Cards per machine; one per process, or 0 to train on processors.
    cpus : int
        Cores per process.
    memory_gb : float
        Memory per machine; 0 for the cluster's usual.
    minutes : int
        Time limit. A job that reaches it is queued again and goes on from its checkpoint.
    partition : str
        Queue; empty for the cluster's usual.
    cluster : {"slurm", "local"}
        "local" runs the job in the background on this machine instead.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    nodes: int = Field(1, ge=1)
    processes: int = Field(1, ge=1)
    gpus: int = Field(0, ge=0)
    cpus: int = Field(2, ge=1)
    memory_gb: float = Field(0, ge=0)
    minutes: int = Field(24 * 60, ge=1)
    partition: str = ""
    cluster: Literal["slurm", "local"] = "slurm"


class TrainCommand:
    """The command of a job; picklable, and able to go on elsewhere after an interruption.

    Parameters
    ----------
    command : list of str
        Program and arguments.
    """

    def __init__(self, command: list[str]) -> None:
        self.command = command
        self._process: subprocess.Popen[bytes] | None = None
        self._waiter: Thread | None = None

    def __call__(self) -> int:
        """Run the command and return its exit status, 0.

        Raises
        ------
        CellSimError
            If it fails; its words are in the job's log.
        """
        self._process = subprocess.Popen(self.command)
        # submitit calls `checkpoint` from a signal handler in the middle of the waiting, and only a thread can be
        # waited for twice at once.
        self._waiter = Thread(target=self._process.wait, daemon=True)
        self._waiter.start()
        try:
            self._waiter.join()
        finally:
            self._stop()
        status = self._process.returncode
        if status:
            raise CellSimError(
                f"{' '.join(self.command)} ended with status {status}; the log of the job says why."
            )
        return status

    def _stop(self) -> None:
        """Let the training write a checkpoint and end, and end it if it takes too long."""
        if self._process is None or self._waiter is None or not self._waiter.is_alive():
            return
        self._process.terminate()
        self._waiter.join(_GRACE)
        if self._waiter.is_alive():
            self._process.kill()
            self._waiter.join()

    def checkpoint(self) -> Any:
        """Stop, and return the job to queue after an interruption: the same, which goes on from its folder."""
        from submitit.helpers import DelayedSubmission

        self._stop()
        return DelayedSubmission(TrainCommand(self.command))


def train_command(run: str | Path) -> list[str]:
    """Return the command that trains a run folder."""
    return [sys.executable, "-m", "napari_cellsim", "train", str(Path(run).resolve())]


def submit(run: str | Path, config: SlurmConfig) -> Any:
    """Queue the training of a run folder.

    Parameters
    ----------
    run : path
        Run folder, or its ``run.toml``; must lie where the cluster's machines see it. Logs go to its ``slurm`` folder.
    config : SlurmConfig
        What to ask for.

    Returns
    -------
    submitit.Job
        Its ``job_id`` is the cluster's; ``paths`` says where the logs are.

    Raises
    ------
    CellSimError
        If submitit is not installed, or there is no such cluster here.
    """
    try:
        import submitit
    except ImportError as error:
        raise CellSimError(
            'Submitting needs submitit, which is not installed; run pip install "napari-cellsim[slurm]".'
        ) from error
    path = Path(run).resolve()
    folder = path if path.is_dir() else path.parent
    try:
        executor = submitit.AutoExecutor(
            folder / "slurm", cluster=config.cluster, slurm_max_num_timeout=_TIMEOUTS
        )
    except RuntimeError as error:
        raise CellSimError(
            f"There is no SLURM on this machine ({error}); submit from a machine of the cluster, or set "
            'cluster = "local".'
        ) from error
    asked: dict[str, Any] = {
        "name": f"cellsim-{folder.name}",
        "nodes": config.nodes,
        "tasks_per_node": config.processes,
        "gpus_per_node": config.gpus,
        "cpus_per_task": config.cpus,
        "timeout_min": config.minutes,
    }
    if config.memory_gb:
        asked["mem_gb"] = config.memory_gb
    if config.partition:
        asked["slurm_partition"] = config.partition
    executor.update_parameters(**asked)
    return executor.submit(TrainCommand(train_command(path)))
