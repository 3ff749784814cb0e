"""Sanitises what a student's process sent: text, outputs and markdown that harm nobody.

Findings of tests are made into outputs here too, for they may quote a student.
"""

import base64
import binascii
import html
import re
import struct

from nbformat.v4 import new_output

from grader.check import Finding

_PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"
TEXT, OUTPUTS, PIXELS = 25_000, 60, 50_000_000
_NOT_TEXT = re.compile(r"\x1b(?!\[[\d;]*m)|[^\n\t\r\x1b -~\xa0-\ud7ff\ue000-\U0010ffff]")


def readable(text: str, length: int = 300) -> str:
    """Return a text from a student as one line without control characters."""
    text = " ".join(text[: length * 4].split())
    text = "".join(c for c in text if c.isprintable())
    return text if len(text) <= length else text[: length - 1] + "…"


def safe_outputs(sent, room: int = 30 << 20) -> list:
    """Make notebook outputs from what a student's process sent: text and PNGs only.

    An HTML or JavaScript output would run in the instructor's browser, inside formgrader.

    Parameters
    ----------
    sent : anything
    room : int
        Characters that all of them together may have; what follows is left out.
    """
    outputs = []
    for item in sent[:OUTPUTS] if isinstance(sent, list) else []:
        match item:
            case {"output_type": "stream", "name": "stdout" | "stderr" as name, "text": str(text)}:
                output = new_output("stream", name=name, text=_text(text))
            case {"output_type": "display_data" | "execute_result", "data": dict(data)}:
                kept, metadata = {}, {}
                if isinstance(text := data.get("text/plain"), str):
                    kept["text/plain"] = _text(text)
                if picture := _png(data.get("image/png")):
                    kept["image/png"] = picture
                    metadata = {"image/png": {"alt": kept.get("text/plain", "A figure")}}
                output = new_output("display_data", data=kept, metadata=metadata)
            case _:
                continue
        room -= size([output])
        if room < 0:
            break
        outputs.append(output)
    return outputs


def size(outputs: list) -> int:
    """Return how many characters outputs hold, about."""
    texts = (text for o in outputs for text in [o.get("text", ""), *o.get("data", {}).values()])
    return sum(map(len, texts))


def _text(text: str) -> str:
    """Return the start of a text without what no file or page can hold."""
    return _NOT_TEXT.sub("\ufffd", text[:TEXT])


def _png(text) -> str:
    """Return a picture's base64 text, normalised, if it is a PNG a browser can show; else ''."""
    try:
        content = base64.b64decode(text, validate=False)
    except (binascii.Error, TypeError, ValueError):
        return ""
    width, height = struct.unpack(">II", content[16:24].ljust(8, b"\xff"))
    if not content.startswith(_PNG) or width * height > PIXELS:
        return ""
    return base64.b64encode(content).decode()


def error_output(why: str):
    """Make an output that says why a cell stopped."""
    name, _, rest = why.partition(": ")
    return new_output("error", ename=name, evalue=rest, traceback=[f"✗ {why}"])


def findings_output(result: dict) -> list:
    """Make the outputs of a test cell from its part of a record."""
    texts, parts = [], []
    if result["stopped"]:
        texts.append(f"Your answer's cell stopped: {result['stopped']}")
        parts.append(f"<p><b>{html.escape(texts[0])}</b></p>")
    for found in result["findings"]:
        share = found.get("share", found["score"] / found["points"] if found["points"] else 1)
        hidden = " [when graded]" if found["hidden"] else ""
        finding = Finding(found["name"] + hidden, found["points"], share, found["message"])
        texts.append(repr(finding))
        parts.append(finding._repr_html_())
    data = {"text/plain": "\n".join(texts), "text/html": "".join(parts)}
    return [new_output("display_data", data=data)]


def safe_markdown(text: str) -> str:
    """Make a student's markdown harmless in an instructor's browser; it looks as before.

    Invisible spaces part what would be HTML, an entity, a picture, or a link's scheme other than
    the web's.
    """
    text = re.sub(r"<(?=[A-Za-z/!?])", "<\u200b", text)
    text = re.sub(r"&(?=[#A-Za-z])", "&\u200b", text)
    text = text.replace("![", "!\u200b[")  # a picture would be asked for from elsewhere
    return re.sub(r"(?i)\b(?!https?\b)([a-z][a-z0-9+.-]*)(\\?):(?=\S)", "\\1\u200b\\2:", text)
