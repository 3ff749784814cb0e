"""What the lessons share: data, pictures, animations, live views, checks.

Importing any part of this package first sets the user's own settings aside. TensorFlow comes with
what needs it, and quietly: its C++ runtime writes start-up notices (its instruction sets, that it
found no GPU) straight to the error stream, where a notebook shows them as if something were wrong.
No environment variable switches all off, so they are filtered out here; all else gets through.
"""

import contextlib
import os
import re
import sys
import tempfile
from importlib.machinery import PathFinder
from pathlib import Path
from types import SimpleNamespace

from libs import settings

#: The course's folder: it holds ``libs``, ``notebooks`` and the data.
ROOT = Path(__file__).resolve().parent.parent
#: The seed from which every lesson's randomness starts.
SEED = 42

#: Lines of TensorFlow's C++ runtime that report nothing wrong (I is for information).
NOTICES = re.compile(
    r"^I\d{4} \d\d:\d\d:|absl::InitializeLog\(\)|oneDNN custom operations are on|Could not find"
    r" cuda drivers|To enable the following instructions|use available CPU instructions"
)


@contextlib.contextmanager
def _without_notices():
    """Hold back what an import writes to file descriptor 2; pass on all but the known notices."""
    sys.stderr.flush()
    saved = os.dup(2)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(saved, 2)
            os.close(saved)
            held.seek(0)
            lines = held.read().decode(errors="replace").splitlines(keepends=True)
            sys.stderr.writelines(line for line in lines if not NOTICES.search(line))
    settings.after_imports()


def _find(name: str, path=None, target=None):
    """Find TensorFlow and Keras for Python's ``import``, whoever asks for them first."""
    spec = PathFinder.find_spec(name) if name in ("tensorflow", "keras") else None
    if spec:
        spec.loader.exec_module = _without_notices()(spec.loader.exec_module)
    return spec


settings.before_imports(spare=ROOT / "notebooks" / "out" / "keras")
sys.meta_path.insert(0, SimpleNamespace(find_spec=_find))
settings.after_imports()
