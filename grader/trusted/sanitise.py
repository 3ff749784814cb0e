"""Sanitises what a student's process sent, and what a student wrote, before it is shown.

What may be shown is listed: tags, attributes, schemes, kinds of pictures. nh3 (Ammonia) parses a
page as a browser does and writes only that. Findings of tests are made into outputs here too, for
they may quote a student.

The regular expressions here look at one value each; none decides what is a tag.
"""

import base64
import binascii
import collections
import functools
import html
import ipaddress
import re
import struct
import urllib.parse
import xml.etree.ElementTree

from nbformat.v4 import new_output

from grader.check import Finding
from grader.shared.screen import Screen, cut

_PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"
TEXT, OUTPUTS, PIXELS = 25_000, 60, 50_000_000
RICH = {"text/html": 200_000, "text/markdown": 50_000, "text/latex": 50_000}
SVG, DEPTH = 4_000_000, 200
_NOT_TEXT = re.compile(r"\x1b(?!\[[\d;]*m)|[^\n\t\r\x1b -~\xa0-\ud7ff\ue000-\U0010ffff]")

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_NAMES = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9]*)")


def words(text: str) -> set[str]:
    """Return the words of a text."""
    return set(text.split())


_TAGS = words(
    "a abbr b blockquote br caption cite code col colgroup dd del details dfn div dl dt em "
    "figcaption figure h1 h2 h3 h4 h5 h6 hr i img ins kbd li mark ol p pre q s samp small span "
    "strong sub summary sup table tbody td tfoot th thead tr u ul var"
)
_FLAT = words("br col hr img p li dt dd td th tr tbody thead tfoot input link meta wbr source")
# what stands in them is no text
_WHOLE = words("script style svg math iframe object template noscript title textarea select")
_OTHERS = _WHOLE | words("audio button canvas embed form input link meta video")
_ATTRIBUTES = {
    "*": {"style", "title", "dir", "lang"},
    "a": {"href"},
    "img": {"src", "alt", "width", "height"},
    "ol": {"start"},
    "td": {"colspan", "rowspan"},
    "th": {"colspan", "rowspan", "scope"},
    "details": {"open"},
}
_STYLES = {"color", "background-color", "text-align", "font-weight", "font-style", "width"}
# Pygments' names of what it colours, on its own tags
_CLASSES = {
    "div": {"highlight"},
    "span": words(
        "bp c c1 ch cm cp cpf cs err esc fm g gd ge gh gi go gp gr gs gt gu hll il k kc kd kn kp "
        "kr kt l ld m mb mf mh mi mo n na nb nc nd ne nf ni nl nn no nt nv nx o ow p py s s1 s2 "
        "sa sb sc sd se sh si sr ss sx vc vg vi vm w x"
    ),
}
_SVG_TAGS = words(
    "circle clipPath defs desc ellipse g image line linearGradient marker mask path pattern "
    "polygon polyline radialGradient rect stop svg symbol text textPath title tspan use"
)
_SVG_ATTRIBUTES = words(
    "clip-path clip-rule clipPathUnits cx cy d dominant-baseline dx dy fill fill-opacity fill-rule "
    "font-family font-size font-style font-weight fx fy gradientTransform gradientUnits height "
    "href id marker-end marker-mid marker-start markerHeight markerUnits markerWidth mask offset "
    "opacity orient patternTransform patternUnits points preserveAspectRatio r refX refY rotate "
    "rx ry spreadMethod stop-color stop-opacity stroke stroke-dasharray stroke-dashoffset "
    "stroke-linecap stroke-linejoin stroke-miterlimit stroke-opacity stroke-width style "
    "text-anchor transform version viewBox width x x1 x2 y y1 y2"
)
_LINK = re.compile(r"https?://[!-~\xa1-\ud7ff\ue000-\U0010ffff]+", re.I)
_MAIL = re.compile(r"mailto:[\w.+-]+@[\w.-]+", re.I | re.A)
_DATA = re.compile(r"data:(image/[a-z+]+);base64,([A-Za-z0-9+/=\s%]*)")


def readable(text: str, length: int = 300) -> str:
    """Return a text from a student as one line without control characters."""
    text = " ".join(text[: length * 4].split())
    text = "".join(c for c in text if c.isprintable())
    return text if len(text) <= length else text[: length - 1] + "…"


def safe_outputs(sent, room: int = 30 << 20) -> list:
    """Make notebook outputs from what a student's process sent: plain text, and pictures.

    Other forms than these are marked ``unsafe``: :mod:`grader.trusted.renderer` makes of them what
    can be shown, or leaves them out.

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
                elif rich := _rich(data):
                    metadata = {"unsafe": rich}
                output = new_output("display_data", data=kept, metadata=metadata)
            case _:
                continue
        room -= size([output])
        if room < 0:
            text = "… more output is left out here: there is too much of it …\n"
            outputs.append(new_output("stream", name="stdout", text=text))
            break
        outputs.append(output)
    return outputs


def size(outputs: list) -> int:
    """Return how many characters outputs hold, about."""
    total = 0
    for output in outputs:
        unsafe = output.get("metadata", {}).get("unsafe", {})
        texts = [output.get("text", ""), *output.get("data", {}).values(), *unsafe.values()]
        total += sum(map(len, texts))
    return total


def _rich(data: dict) -> dict:
    """Return the best other form of an output, as it came, if it is not too long."""
    longest = {"image/svg+xml": SVG, "image/jpeg": SVG, "image/gif": 4 * SVG} | RICH
    for kind, limit in longest.items():
        if isinstance(text := data.get(kind), str) and 0 < len(text) <= limit:
            return {kind: text}
    return {}


def _text(text: str) -> str:
    """Return a text as it stands on a screen, its start and end, without what no page can hold."""
    screen = Screen(TEXT // 2)
    screen.write(cut(text, 4 * TEXT))
    return _NOT_TEXT.sub("\ufffd", screen.text())


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


def picture(kind: str, encoded: str) -> str:
    """Return a picture as an address that holds it, '' if it is none or a browser can't show it.

    Parameters
    ----------
    kind : str
        ``image/png`` and so on.
    encoded : str
        In base64; an SVG may also be text.
    """
    if kind == "image/png":
        content = _png(encoded)
    elif kind == "image/svg+xml":
        if "<" not in encoded:
            try:
                encoded = base64.b64decode(encoded).decode(errors="replace")
            except (binascii.Error, ValueError):
                return ""
        content = base64.b64encode(safe_svg(encoded).encode()).decode()
    elif kind in ("image/jpeg", "image/gif", "image/webp"):
        content = _photograph(kind, encoded)
    else:
        content = ""
    return content and f"data:{kind};base64,{content}"


def _photograph(kind: str, encoded: str) -> str:
    """Return a picture's base64 text, normalised, if its head says that it is what it should be."""
    import io

    from PIL import Image

    try:
        content = base64.b64decode(encoded)
        with Image.open(io.BytesIO(content), formats=[kind.removeprefix("image/").upper()]) as seen:
            fits = seen.width * seen.height <= PIXELS
    except Exception:  # Pillow raises whatever a broken file makes its readers raise
        return ""
    return base64.b64encode(content).decode() if fits else ""


def safe_svg(text: str) -> str:
    """Return a drawing's shapes and texts, as XML; '' if there are none.

    Parameters
    ----------
    text : str
    """
    import nh3

    def attribute(tag: str, name: str, value: str) -> str | None:
        if name == "href":
            if value.startswith("#"):
                return value
            data = _DATA.fullmatch(value) if tag == "image" else None
            return picture(data[1], data[2]) or None if data and "svg" not in data[1] else None
        # another place of this drawing, nothing else
        return None if re.search(r"url\s*\((?!\s*[\"']?#)|\\|@", value, re.I) else value

    start = text.find("<svg")
    if start < 0 or len(text) > SVG:
        return ""
    clean = nh3.clean(
        text[start:],
        tags=_SVG_TAGS,
        clean_content_tags={"script", "style", "metadata", "foreignObject"},
        attributes={"*": _SVG_ATTRIBUTES},
        attribute_filter=attribute,
        filter_style_properties={n for n in _SVG_ATTRIBUTES if n.islower()} | {"font", "stroke"},
        url_schemes={"data"},
        link_rel=None,
    )
    # matplotlib says this in a style sheet
    corners = ' stroke-linejoin="round"' if "stroke-linejoin: round" in text[:5000] else ""
    names = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
    clean = clean.replace("&nbsp;", "&#160;").replace("<svg", f"<svg {names}{corners}", 1)
    try:  # what HTML forgives, XML does not
        xml.etree.ElementTree.fromstring(_NOT_TEXT.sub("", clean))
    except (xml.etree.ElementTree.ParseError, ValueError):
        return ""
    return _NOT_TEXT.sub("", clean)


def safe_html(page: str) -> str:
    """Return of a piece of a page what can only be read, and a line about what is left out.

    Parameters
    ----------
    page : str

    Raises
    ------
    ValueError
        It is nested so deeply that browsers would not show it as it is.
    """
    import nh3

    _refuse_depth(page)
    lost = {}

    def attribute(tag: str, name: str, value: str) -> str | None:
        if name == "href":
            if _safe_link(value):
                return value
            lost[f"the link {readable(value, 60)}"] = None
            return None
        if name == "src":
            data = _DATA.fullmatch(value)
            if shown := data and picture(data[1], urllib.parse.unquote(data[2])):
                return shown
            where = value if not value.startswith("data:") else "in a form that is not shown"
            lost[f"a picture ({readable(where, 60)})"] = None
            return None
        return value

    clean = nh3.clean(
        page,
        tags=_TAGS,
        clean_content_tags=_WHOLE,
        attributes=_ATTRIBUTES,
        attribute_filter=attribute,
        allowed_classes=_CLASSES,
        filter_style_properties=_STYLES,
        url_schemes={"http", "https", "mailto", "data"},
        link_rel="noopener noreferrer nofollow",
        set_tag_attribute_values={"a": {"target": "_blank"}},
    )
    _refuse_depth(clean)
    # nh3 takes out an address whose scheme is not listed before anybody is asked
    links = len(re.findall(r"<a\s[^<>]{0,2000}?href", page, re.I)), clean.count('<a href="')
    if links[0] > links[1] and not any(what.startswith("the link") for what in lost):
        lost["a link to something else than a page or an address"] = None
    found = {name.lower() for name in re.findall(r"<([a-zA-Z]{1,20})(?![a-zA-Z])", page)}
    lost |= dict.fromkeys(f"<{name}>" for name in sorted(found & _OTHERS))
    return clean + left_out(list(lost))


def _refuse_depth(page: str) -> None:
    """Raise ValueError for a page that is nested too deeply; parsers take a square of the depth."""
    open_tags, depth = collections.Counter(), 0
    for end, name in _NAMES.findall(page):
        name = name.lower()
        if name in _FLAT or (end and not open_tags[name]):
            continue
        open_tags[name] += -1 if end else 1
        depth += -1 if end else 1
        if depth > DEPTH:
            raise ValueError(f"it is nested more than {DEPTH} deep, or leaves that many tags open")


def left_out(what: list[str]) -> str:
    """Return a paragraph that says what is left out, '' if nothing is.

    Parameters
    ----------
    what : list of str
    """
    if not what:
        return ""
    more = f" and {len(what) - 5} more" if len(what) > 5 else ""
    return f"<p><em>Left out here: {html.escape(', '.join(what[:5]) + more)}.</em></p>"


@functools.lru_cache(1000)
def _safe_link(address: str) -> bool:
    """Return whether a link leads to the web, and not to a server on the reader's machine."""
    if _MAIL.fullmatch(address):
        return True
    if not _LINK.fullmatch(address):
        return False
    try:
        host = urllib.parse.urlsplit(address).hostname or ""
        host = host.encode("idna").decode().rstrip(".")
    except ValueError:
        return False
    try:
        ipaddress.ip_address(host.strip("[]"))
        return False
    except ValueError:
        return bool(re.fullmatch(r"([a-z0-9_-]+\.)+(xn--[a-z0-9-]+|[a-z]{2,63})", host)) and (
            host.rpartition(".")[2] not in ("localhost", "local", "internal", "localdomain")
        )


def as_markdown(page: str) -> str:
    """Return a sanitised piece of a page as a cell that nbconvert shows as it is.

    It is one line, and what Markdown or formulas' delimiters would mean is written as entities:
    no parser looks into it again, so it neither changes nor takes long.

    Parameters
    ----------
    page : str
    """
    body = _CONTROL.sub("\ufffd", page)
    body = re.sub(r"[\n\t$\\\[\u2028\u2029\u2424]", lambda c: f"&#{ord(c[0])};", body)
    return f"<div>{body}</div>"


def plain(text: str, why: str = "") -> str:
    """Return a text as a piece of a page, as it was typed.

    Parameters
    ----------
    text : str
    why : str
        Why it is shown so.
    """
    note = f"<p><em>Shown as it was typed: {html.escape(why)}.</em></p>" if why else ""
    return f"{note}<pre>{html.escape(text)}</pre>"


def error_output(why: str):
    """Make an output that says why a cell stopped."""
    why = _text(why)
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
