"""Checkpoints that survive whatever stops a training: verified before they are trusted.

TensorFlow writes a checkpoint aside and puts its index in place last, so a process killed in the
middle leaves no half checkpoint that looks whole. But ``tf.train.CheckpointManager`` trusts a
small text file to know which one is newest, and does not look into it before it is restored. A
full disk, a power failure or a copy that broke off leaves a torn file, and the training stops
there. :class:`Checkpoints` looks first, and falls back.
"""

import os
import re
import shutil
import warnings
from pathlib import Path

import tensorflow as tf


class CheckpointError(OSError):
    """There are checkpoints, but none can be read. The message says what is wrong with each."""


class Checkpoints:
    """The newest checkpoints of a training, each named by its step.

    The files are those that ``tf.train.CheckpointManager`` writes, ``ckpt-120.index`` and
    ``ckpt-120.data-…``, but for its text file ``checkpoint``, which is neither read nor written.

    Parameters
    ----------
    checkpoint : tf.train.Checkpoint
        Everything that the training needs to go on: model, optimiser, random states, counters.
        Their variables must exist when :meth:`restore` is called: build the optimiser first.
    folder : path
        Where the files are; made by the first :meth:`save`.
    keep : int
        How many to keep, at least 2, so that there is one to fall back on.

    Raises
    ------
    ValueError
        If ``keep`` is less than 2.

    Examples
    --------
    >>> import tempfile
    >>> folder = tempfile.mkdtemp()
    >>> count = tf.Variable(7)
    >>> path = Checkpoints(tf.train.Checkpoint(count=count), folder).save(step=120)
    >>> count.assign(0).numpy()
    np.int32(0)
    >>> Checkpoints(tf.train.Checkpoint(count=count), folder).restore()
    120
    >>> count.numpy()
    np.int32(7)
    """

    def __init__(
        self, checkpoint: tf.train.Checkpoint, folder: str | os.PathLike, keep: int = 3
    ) -> None:
        if keep < 2:
            raise ValueError(f"keep is {keep}; keep at least 2, to have one to fall back on.")
        self.checkpoint = checkpoint
        self.folder = Path(folder)
        self.keep = keep
        self._passed_over: set[int] = set()

    @property
    def steps(self) -> list[int]:
        """Steps with a finished checkpoint, the oldest first; not verified."""
        return sorted(step for step, kinds in self._files().items() if "index" in kinds)

    def save(self, step: int) -> Path:
        """Write a checkpoint; return once it is on the disk, and drop what is too old.

        Parameters
        ----------
        step : int
            Names it. A checkpoint of the same step is replaced, and those that :meth:`restore`
            passed over are removed.

        Returns
        -------
        pathlib.Path
            What its files have in common, as ``tf.train.load_checkpoint`` wants it.

        Raises
        ------
        ValueError
            If there is a checkpoint of a later step: another training's, most likely.
        """
        later = set(self.steps) - self._passed_over
        if later and max(later) > step:
            raise ValueError(
                f"{self.folder} holds ckpt-{max(later)}, which is later than step {step}. "
                f"Call restore() first, or choose another folder."
            )
        self.folder.mkdir(parents=True, exist_ok=True)
        for old in self._passed_over | {step}:
            self._remove(old)
        self._passed_over = set()
        prefix = self._prefix(step)
        self.checkpoint.save_counter.assign_add(1)  # as tf.train.CheckpointManager does
        self.checkpoint.write(str(prefix))
        for path in self._files()[step].values():
            _flush(path)
        for old in sorted(self._files())[: -self.keep]:
            self._remove(old)
        for left in self.folder.glob("ckpt-*_temp*"):  # by a process that was killed
            shutil.rmtree(left, ignore_errors=True)
        return prefix

    def restore(self) -> int | None:
        """Restore the newest checkpoint that is whole. Only reads: several processes may call it.

        Returns
        -------
        int or None
            Its step; None if there is no checkpoint yet.

        Raises
        ------
        CheckpointError
            If there are checkpoints, but none of them is whole.
        ValueError, AssertionError
            If the checkpoint is whole, but of something else: a shape differs, or a variable is
            in one of the two only.

        Warns
        -----
        UserWarning
            For each checkpoint that was passed over: which, why, and what was done instead.
        """
        wrong = {}
        for step in sorted(self._files(), reverse=True):
            problem = damage(self._prefix(step))
            if problem is None:
                break
            wrong[step] = problem
        else:
            if self.steps:  # what has no index was never finished, and is no loss
                raise CheckpointError(
                    f"no checkpoint in {self.folder} is whole: "
                    + "; ".join(f"ckpt-{step}: {what}" for step, what in wrong.items())
                    + ". Move the folder away to start from the beginning."
                )
            step = None
        then = "started from the beginning" if step is None else f"went back to ckpt-{step}"
        for passed, problem in wrong.items():
            warnings.warn(f"ckpt-{passed} passed over ({problem}); {then}.", stacklevel=2)
        if step is not None:
            self.checkpoint.restore(str(self._prefix(step))).assert_consumed()
        self._passed_over = set(wrong)
        return step

    def _prefix(self, step: int) -> Path:
        return self.folder / f"ckpt-{step}"

    def _files(self) -> dict[int, dict[str, Path]]:
        """Return the files of each step by their endings."""
        found: dict[int, dict[str, Path]] = {}
        for path in self.folder.glob("ckpt-*"):
            match = re.fullmatch(r"ckpt-(\d+)\.(index|data-\d{5}-of-\d{5})", path.name)
            if match:
                found.setdefault(int(match[1]), {})[match[2]] = path
        return found

    def _remove(self, step: int) -> None:
        """Remove a checkpoint, its index first: without it the rest counts as unfinished."""
        for _, path in sorted(self._files().get(step, {}).items(), reverse=True):
            path.unlink(missing_ok=True)


def damage(prefix: str | os.PathLike) -> str | None:
    """Say what is wrong with a checkpoint's files; read all of them to find out.

    Every tensor in a checkpoint has a checksum (CRC-32C) in the index, and reading it compares.

    Parameters
    ----------
    prefix : path
        What the files have in common, such as ``folder/ckpt-120``.

    Returns
    -------
    str or None
        None if they are whole.
    """
    prefix = os.fspath(prefix)
    if not Path(f"{prefix}.index").is_file():
        return "its index is missing: it was not written to the end"
    try:
        reader = tf.train.load_checkpoint(prefix)
        for name in reader.get_variable_to_shape_map():
            reader.get_tensor(name)
    except (tf.errors.OpError, IndexError, RuntimeError, ValueError) as error:
        return _shortened(error)
    return None


def _shortened(error: Exception) -> str:
    """Return an error's first line, without the folders that TensorFlow puts into it."""
    return re.sub(r"\S*/(?=ckpt-)", "", str(error).splitlines()[0]).rstrip(". ")


def _flush(path: Path) -> None:
    """Wait until a file is on the disk."""
    with path.open("rb+") as file:
        os.fsync(file.fileno())
