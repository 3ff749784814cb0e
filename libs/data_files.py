"""The published data files: found, fetched, verified, read.

``python -m libs.data_files`` verifies every file and fetches again what is missing or damaged.
"""

import gzip
import hashlib
import json
import math
import os
import shlex
import zlib
from pathlib import Path

import numpy as np
import pooch
import requests

from libs import ROOT
from libs.files import replacing

# of each data set the mirrors and, by name, the files' SHA-256
_PUBLISHED = json.loads(Path(__file__).with_suffix(".json").read_text("utf-8"))
FILES = {dataset: published["files"] for dataset, published in _PUBLISHED.items()}
MIRRORS = {dataset: published["mirrors"] for dataset, published in _PUBLISHED.items()}


class DataFileError(OSError):
    """A data file is missing or is not what it should be. The message says how to mend it."""


def data_file(dataset: str, name: str) -> Path:
    """Find a published data file, or fetch it.

    If it is missing in the course's folder it is downloaded into it. Raises DataFileError if that
    fails. Its content is verified when it is read.
    """
    path = ROOT / f"{dataset}_data" / name
    return path if path.is_file() else _fetch(dataset, name)


def _fetch(dataset: str, name: str) -> Path:
    """Download a file from the first mirror that has the right one; it appears when it is whole."""
    path = ROOT / f"{dataset}_data" / name
    # some servers would otherwise unpack the .gz on the way
    download = pooch.HTTPDownloader(progressbar=True, headers={"Accept-Encoding": "identity"})
    failures = []
    for mirror in MIRRORS[dataset]:
        try:
            with replacing(path) as file:
                download(mirror + name, file, None)
                file.flush()
                if pooch.file_hash(file.name) != FILES[dataset][name]:
                    raise ValueError("not the published file")
            return path
        except (requests.RequestException, ValueError) as error:
            failures.append(f"{mirror.split('/')[2]}: {type(error).__name__}")
        except OSError as error:
            why = f"could not be written ({error.strerror})"
            break
    else:
        why = f"could not be fetched ({'; '.join(failures)})"
    raise DataFileError(f"{path} is missing and {why}. {repair_hint(path, dataset)}")


def read(dataset: str, name: str, out: np.ndarray) -> None:
    """Read a published file into ``out``, as :func:`read_idx` does; DataFileError if that fails."""
    path = data_file(dataset, name)
    data = path.read_bytes()
    try:
        if hashlib.sha256(data).hexdigest() != FILES[dataset][name]:
            read_idx(data, np.empty(out.shape, np.uint8))  # says what is wrong, if it can tell
            raise ValueError("is not the published file: its SHA-256 differs")
        read_idx(data, out)
    except ValueError as error:
        raise DataFileError(f"{path} {error}. {repair_hint(path, dataset)}") from None


def read_idx(data: bytes, out: np.ndarray) -> None:
    """Decompress a gzipped IDX file (LeCun, Cortes and Burges, 1998) into an array.

    Raises ValueError if the content is no gzip, broken, no IDX of the right rank, or of another
    size; the message continues the file's name.

    Parameters
    ----------
    data : bytes
        The file's content: gzip around big-endian IDX of unsigned bytes.
    out : numpy.ndarray
        Where its numbers go, contiguous: ``[n]`` uint8 labels as they are, ``[n, features]``
        float32 pixels divided by 255, or uint8 pixels as they are.

    Examples
    --------
    >>> content = gzip.compress(bytes([0, 0, 8, 1, 0, 0, 0, 3, 7, 2, 1]))
    >>> labels = np.empty(3, np.uint8)
    >>> read_idx(content, labels)
    >>> labels
    array([7, 2, 1], dtype=uint8)
    """
    if data[:2] != b"\x1f\x8b":
        looks = "an HTML page" if data.lstrip()[:1] == b"<" else "something else"
        raise ValueError(f"is not a gzip file but {looks} (it starts with {data[:9]!r})")
    try:
        content = gzip.decompress(data)
    except EOFError:
        raise ValueError("is cut off") from None
    except (zlib.error, gzip.BadGzipFile) as error:
        raise ValueError(f"is damaged ({error})") from None
    rank = 1 if out.ndim == 1 else 3
    magic, got = 0x800 + rank, int.from_bytes(content[:4], "big")
    if got != magic:
        raise ValueError(f"has the magic number {got}, not {magic}: no IDX file of this kind")
    shape = [int.from_bytes(content[4 * i : 4 * i + 4], "big") for i in range(1, 1 + rank)]
    if shape[0] != len(out) or math.prod(shape) != out.size:
        raise ValueError(f"contains an array of shape {shape}, not {len(out):,} samples")
    numbers = np.frombuffer(content, np.uint8, offset=4 + 4 * rank)
    if len(numbers) != out.size:
        raise ValueError(f"contains {len(numbers):,} numbers, not the {out.size:,} of its header")
    if out.dtype == np.float32:
        np.divide(numbers.reshape(out.shape), np.float32(255), out=out)
    else:
        out[:] = numbers.reshape(out.shape)


def verify(dataset: str) -> dict[Path, str]:
    """Compare the four files of a data set with their SHA-256.

    Returns each file that is not as published, with ``"missing"``, ``"damaged"`` or
    ``"unreadable"``: an empty dict if all is well.
    """
    wrong = {}
    for name, digest in FILES[dataset].items():
        path = ROOT / f"{dataset}_data" / name
        try:
            if hashlib.sha256(path.read_bytes()).hexdigest() != digest:
                wrong[path] = "damaged"
        except FileNotFoundError:
            wrong[path] = "missing"
        except OSError:
            wrong[path] = "unreadable"
    return wrong


def repair_hint(path: Path, dataset: str) -> str:
    """Say which one command brings a missing or damaged data file back."""
    if path.parent == ROOT / f"{dataset}_data" and (ROOT / ".git").exists():
        course = f'"{ROOT}"' if os.name == "nt" else shlex.quote(str(ROOT))
        return f"Repair it with: git -C {course} checkout -- {dataset}_data/{path.name}"
    return "When online, repair it with: python -m libs.data_files"


def main() -> int:
    """Verify every data file; fetch again what is missing or damaged. Return the exit status."""
    status = 0
    for dataset in FILES:
        wrong = verify(dataset)
        print(f"{dataset}: {4 - len(wrong)} of 4 files are correct")
        for path, what in wrong.items():
            try:
                _fetch(dataset, path.name)  # a damaged one stays until then
                print(f"{path} was {what}: fetched")
            except OSError as error:
                print(f"{path} is {what}: {error}")
                status = 1
    return status


if __name__ == "__main__":
    raise SystemExit(main())
