"""Checkpoints that survive whatever stops a training: verified before they are trusted.

TensorFlow writes a checkpoint's index last, but under its final name: a kill at that moment leaves
half of one, as a full disk, a power failure or a copy that broke off leave a torn file. There
``tf.train.CheckpointManager``, which does not look into the newest one first, stops.
"""

import contextlib
import os
import re
import shutil
import warnings
from pathlib import Path

import tensorflow as tf

from libs import validate


class CheckpointError(OSError):
    """There are checkpoints, but none can be read. The message says what is wrong with each."""


class Checkpoints:
    """The three newest checkpoints of a training, each named by its step.

    The files are those of ``tf.train.CheckpointManager``, ``ckpt-120.index`` and
    ``ckpt-120.data-…``, but for its text file ``checkpoint``, which is neither read nor written.

    Parameters
    ----------
    checkpoint : tf.train.Checkpoint
        Everything that the training needs to go on: model, optimiser, random states, counters,
        whose variables must exist when :meth:`restore` is called: build the optimiser first.
    folder : path
        Where the files are; made by the first :meth:`save`.

    Examples
    --------
    >>> count = tf.Variable(7)
    >>> Checkpoints(tf.train.Checkpoint(count=count), "run").save(step=120)
    >>> _ = count.assign(0)
    >>> Checkpoints(tf.train.Checkpoint(count=count), "run").restore(), int(count)
    (120, 7)
    """

    def __init__(self, checkpoint: tf.train.Checkpoint, folder: str | os.PathLike) -> None:
        self.checkpoint = checkpoint
        self.folder = Path(folder)
        self._passed_over: set[int] = set()

    @property
    def steps(self) -> list[int]:
        """Steps with a finished checkpoint, the oldest first; not verified."""
        return sorted(step for step, kinds in self._files().items() if "index" in kinds)

    def save(self, step: int) -> None:
        """Write a checkpoint, drop what is too old; return once it is on the disk.

        One of the same step is replaced; those that :meth:`restore` passed over are removed.
        Raises ValueError if there is one of a later step: another training's, most likely.
        """
        step = validate.whole(step, "step", least=0)
        later = set(self.steps) - self._passed_over
        if later and max(later) > step:
            holds = f"{self.folder} holds ckpt-{max(later)}, which is later than step {step}."
            raise ValueError(f"{holds} Call restore() first, or choose another folder.")
        self.folder.mkdir(parents=True, exist_ok=True)
        for old in self._passed_over | {step}:
            self._remove(old)
        self._passed_over = set()
        self.checkpoint.save_counter.assign_add(1)  # as tf.train.CheckpointManager does
        self.checkpoint.write(str(self.folder / f"ckpt-{step}"))
        for path in self._files()[step].values():
            with path.open("rb+") as file:
                os.fsync(file.fileno())  # waits until it is on the disk
        for old in sorted(self._files())[:-3]:
            self._remove(old)
        for left in self.folder.glob("ckpt-*_temp*"):  # by a process that was killed
            shutil.rmtree(left, ignore_errors=True)

    def restore(self) -> int | None:
        """Restore the newest checkpoint that is whole; return its step, None if there is none yet.

        Only reads: several processes may call it. For each checkpoint that is passed over, a
        UserWarning says which, why, and what was done instead. Raises CheckpointError if none of
        those there are is whole; ValueError or AssertionError if it is of something else: a shape
        differs, or a variable is in one of the two only.
        """
        wrong = {}
        for step in sorted(self._files(), reverse=True):
            problem = verify(self.folder / f"ckpt-{step}")
            if problem is None:
                break
            wrong[step] = problem
        else:
            if self.steps:  # what has no index was never finished, and is no loss
                found = "; ".join(f"ckpt-{step}: {what}" for step, what in wrong.items())
                text = f"no intact checkpoint in {self.folder}: {found}. Move the folder away"
                raise CheckpointError(f"{text} to start from the beginning.")
            step = None
        then = "started from the beginning" if step is None else f"went back to ckpt-{step}"
        for passed, problem in wrong.items():
            warnings.warn(f"ckpt-{passed} skipped ({problem}); {then}.", stacklevel=2)
        if step is not None:
            with contextlib.chdir(self.folder):  # as in verify
                self.checkpoint.restore(f"ckpt-{step}").assert_consumed()
        self._passed_over = set(wrong)
        return step

    def _files(self) -> dict[int, dict[str, Path]]:
        """Return the files of each step by their endings."""
        found: dict[int, dict[str, Path]] = {}
        for path in self.folder.glob("ckpt-*"):
            if match := re.fullmatch(r"ckpt-(\d+)\.(index|data-\d{5}-of-\d{5})", path.name):
                found.setdefault(int(match[1]), {})[match[2]] = path
        return found

    def _remove(self, step: int) -> None:
        """Remove a checkpoint, its index first: without it the rest counts as unfinished."""
        for _, path in sorted(self._files().get(step, {}).items(), reverse=True):
            path.unlink(missing_ok=True)


def verify(prefix: str | os.PathLike) -> str | None:
    """Say what is wrong with a checkpoint's files, or return None if they are whole.

    Every tensor has a checksum (CRC-32C) in the index; reading all of them compares it.
    """
    prefix = Path(prefix)
    if not Path(f"{prefix}.index").is_file():
        return "its index is missing: it was not written to the end"
    with contextlib.chdir(prefix.parent):  # TensorFlow takes a path as a pattern, such as run [1]
        try:
            reader = tf.train.load_checkpoint(prefix.name)
            for tensor in reader.get_variable_to_shape_map():
                reader.get_tensor(tensor)
        except (tf.errors.OpError, IndexError, RuntimeError, ValueError) as error:
            return re.sub(r"\S*/(?=ckpt-)", "", str(error).splitlines()[0]).rstrip(". ")
    return None
