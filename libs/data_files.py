"""The published data files: found, fetched, verified, read.

``python -m libs.data_files`` verifies every file and fetches anew what is missing or damaged.
"""

import hashlib
import json
import os
import shlex
import shutil
import zlib
from pathlib import Path

import filelock
import numpy as np
import pooch
import requests
from tqdm.auto import tqdm

from libs import ROOT

# of each data set the mirrors and, by name, the files' SHA-256
_PUBLISHED = json.loads(Path(__file__).with_suffix(".json").read_text("utf-8"))
FILES = {dataset: published["files"] for dataset, published in _PUBLISHED.items()}
MIRRORS = {dataset: published["mirrors"] for dataset, published in _PUBLISHED.items()}


class DataFileError(OSError):
    """A data file is missing or is not what it should be. The message says how to mend it."""


# --- finding and fetching -----------------------------------------------------------------------


def _folders(dataset: str) -> list[Path]:
    """Return where a data set's files are looked for, in this order."""
    own = os.environ.get("COURSE_DATA")
    return [ROOT / f"{dataset}_data", *([Path(own) / f"{dataset}_data"] if own else [])]


def data_file(dataset: str, name: str) -> Path:
    """Find a published data file, or fetch it.

    It is looked for in the course's folder, then in the one that the environment variable
    ``COURSE_DATA`` names, then fetched into the last of these. Raises DataFileError if it is
    missing and can't be fetched. Its content is verified when it is read.
    """
    folders = _folders(dataset)
    for folder in folders:
        if (folder / name).is_file():
            return folder / name
    return _fetch(dataset, name, folders[-1])


def _fetch(dataset: str, name: str, folder: Path) -> Path:
    """Download a file from the first mirror that has the right one.

    It appears under its name only when it is whole. A download that breaks off leaves a ``.part``
    file, from which the next one resumes; processes that want the same file take turns.
    """
    path = folder / name
    # "soft": held by a file being there, which works on every file system
    lock = filelock.SoftFileLock(folder / f".{name}.lock", timeout=600)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        held = lock.acquire()
    except filelock.Timeout:
        raise DataFileError(
            f"{path} has been fetched by another process for ten minutes. "
            f"If there is none, delete {lock.lock_file}."
        ) from None
    except OSError as error:
        raise DataFileError(
            f"{path} is missing and its folder can't be written ({error.strerror}). "
            f"Name a folder you may write in the environment variable COURSE_DATA."
        ) from None
    failures = []
    with held:
        if path.is_file():  # another process was quicker
            return path
        for mirror in MIRRORS[dataset]:
            try:
                pooch.retrieve(
                    mirror + name,
                    known_hash=f"sha256:{FILES[dataset][name]}",
                    fname=name,
                    path=folder,
                    downloader=_download,
                )
                return path
            except (requests.RequestException, ValueError, OSError) as error:
                failures.append(f"{mirror.split('/')[2]}: {type(error).__name__}")
    raise DataFileError(
        f"{path} is missing and could not be fetched ({'; '.join(failures)}). "
        f"{repair_hint(path, dataset)}"
    )


def _download(url: str, output_file: str, pup) -> None:
    """Download ``url`` for pooch, resuming where an earlier attempt broke off."""
    part = Path(output_file).parent / f"{url.rsplit('/', 1)[1]}.part"
    have = part.stat().st_size if part.exists() else 0
    # some servers would otherwise unpack the .gz on the way
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
    with requests.get(url, headers=headers, stream=True, timeout=30) as answer:
        if answer.status_code == 416:  # the part is as long as the file, or longer: start over
            part.unlink()
            return _download(url, output_file, pup)
        answer.raise_for_status()
        resumes = answer.status_code == 206
        have = have if resumes else 0
        total = int(answer.headers.get("Content-Length", 0)) + have
        with (
            part.open("ab" if resumes else "wb") as file,
            tqdm(desc=part.stem, total=total, initial=have, unit="B", unit_scale=True) as bar,
        ):
            for chunk in answer.iter_content(1 << 12):
                bar.update(file.write(chunk))
    if total and part.stat().st_size < total:
        raise requests.ConnectionError(f"{url} broke off")
    # complete, right or wrong: pooch verifies it, and nothing resumes from a wrong one
    shutil.move(part, output_file)


# --- verifying and reading ----------------------------------------------------------------------


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
    size. The message continues the file's name.

    Parameters
    ----------
    data : bytes
        The file's content: gzip around big-endian IDX of unsigned bytes.
    out : numpy.ndarray
        Where its numbers go, contiguous: ``[n]`` uint8 labels as they are, ``[n, features]``
        float32 pixels divided by 255, or uint8 pixels as they are.
    """
    if data[:2] != b"\x1f\x8b":
        looks = "an HTML page" if data.lstrip()[:1] == b"<" else "something else"
        raise ValueError(f"is not a gzip file but {looks} (it starts with {data[:9]!r})")
    rank = 1 if out.ndim == 1 else 3
    head_size = 4 + 4 * rank
    unpacker = zlib.decompressobj(wbits=31)  # 31: gzip, with its own checksum
    flat = out.reshape(-1)
    filled, start, head = 0, 0, b""
    try:
        while start < len(data) and not unpacker.eof:
            block = unpacker.decompress(data[start : start + (1 << 18)])
            start += 1 << 18
            if len(head) < head_size:
                taken = head_size - len(head)
                head, block = head + block[:taken], block[taken:]
                if len(head) == head_size:
                    _check_header(head, rank, out)
            pixels = np.frombuffer(block, np.uint8)
            if filled + len(pixels) > flat.size:
                raise ValueError(f"holds more than the {flat.size:,} numbers its header names")
            here = flat[filled : filled + len(pixels)]
            if out.dtype == np.float32:
                np.divide(pixels, np.float32(255), out=here)
            else:
                here[:] = pixels
            filled += len(pixels)
    except zlib.error as error:
        raise ValueError(f"is damaged ({error})") from None
    if not unpacker.eof or filled < flat.size:
        raise ValueError(f"is cut off: {filled:,} of {flat.size:,} numbers are there")


def _check_header(head: bytes, rank: int, out: np.ndarray) -> None:
    """Compare an IDX header with the array that is expected."""
    magic, got = 0x800 + rank, int.from_bytes(head[:4], "big")
    if got != magic:
        raise ValueError(f"has the magic number {got}, not {magic}: it is no IDX file of this kind")
    shape = np.frombuffer(head, ">u4", offset=4).tolist()
    if shape[0] != len(out) or np.prod(shape) != out.size:
        raise ValueError(f"holds an array of shape {shape}, not {len(out):,} samples")


def verify(dataset: str) -> dict[Path, str]:
    """Compare the four files of a data set with their SHA-256.

    Returns each file that is not as published, with ``"missing"``, ``"damaged"`` or
    ``"unreadable"``: an empty dict if all is well.
    """
    wrong = {}
    for name, digest in FILES[dataset].items():
        paths = [folder / name for folder in _folders(dataset)]
        path = next((path for path in paths if path.is_file()), None)
        if path is None:
            wrong[paths[-1]] = "missing"
            continue
        try:
            if hashlib.sha256(path.read_bytes()).hexdigest() != digest:
                wrong[path] = "damaged"
        except OSError:
            wrong[path] = "unreadable"
    return wrong


def repair_hint(path: Path, dataset: str) -> str:
    """Say which one command brings a missing or damaged data file back."""
    if path.parent == ROOT / f"{dataset}_data" and (ROOT / ".git").exists():
        course = f'"{ROOT}"' if os.name == "nt" else shlex.quote(str(ROOT))
        return f"Mend it with: git -C {course} checkout -- {dataset}_data/{path.name}"
    return "With a network, mend it with: python -m libs.data_files"


def main() -> int:
    """Verify every data file; fetch anew what is missing or damaged. Return the exit status."""
    status = 0
    for dataset in FILES:
        wrong = verify(dataset)
        print(f"{dataset}: {4 - len(wrong)} of 4 files are right")
        for path, what in wrong.items():
            aside = path.with_name(f"{path.name}.damaged")
            try:
                if path.exists():
                    path.replace(aside)  # kept until the right one is there
                _fetch(dataset, path.name, path.parent)
                aside.unlink(missing_ok=True)
                print(f"{path} was {what}: fetched")
            except OSError as error:
                if aside.exists():
                    aside.replace(path)
                print(f"{path} is {what}: {error}")
                status = 1
    return status


if __name__ == "__main__":
    raise SystemExit(main())
