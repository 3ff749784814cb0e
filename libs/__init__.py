"""What the lessons share: data, pictures, animations, live views, checks.

Importing any part of this package imports TensorFlow first, quietly: TensorFlow's C++ runtime
writes start-up notices (which instruction sets it uses, that it found no GPU) straight to the
process's error stream, where a notebook shows them as if something were wrong. No environment
variable switches all of them off in TensorFlow 2.21, so they are filtered out here, once.
Anything else that is written during the import still reaches the error stream.
"""

import contextlib
import os
import sys
import tempfile
from pathlib import Path

#: The course's folder: it holds ``libs``, ``notebooks`` and the data.
ROOT = Path(__file__).resolve().parent.parent
#: The seed from which every lesson's randomness starts.
SEED = 42

_NOTICES = (
    "absl::InitializeLog()",
    "oneDNN custom operations are on",
    "binary is optimized to use available CPU instructions",
    "To enable the following instructions",
    "Could not find cuda drivers",
)


@contextlib.contextmanager
def _without_notices():
    """Hold back what is written to file descriptor 2; pass on all but the known notices."""
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
            for line in held.read().decode(errors="replace").splitlines(keepends=True):
                if not any(notice in line for notice in _NOTICES):
                    sys.stderr.write(line)


# Level 3 hides the C++ runtime's own log; real errors arrive as Python exceptions all the same.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# Several notebooks may share one GPU: none takes all of its memory at once.
os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
if "tensorflow" not in sys.modules:
    with _without_notices():
        import tensorflow  # noqa: F401
