# ruff: noqa: E501 (a table)
"""Texts that would run something in the browser of whoever reads them, in many disguises."""

import base64

SCHEMES = (
    "javascript",
    "JaVaScRiPt",
    "vbscript",
    "data",
    "blob",
    "file",
    "view-source",
    "filesystem",
)
# white space, controls and characters without width, of all kinds
STRANGE = [
    *map(chr, [*range(0x21), *range(0x7F, 0xA1)]),
    *"\xad\u1680\u180e\u2028\u2029\u202f\u205f",
]
STRANGE += [*map(chr, [*range(0x2000, 0x2010), *range(0x2060, 0x2065), 0x3000, 0xFEFF, 0xFFFC])]
CODE = "alert(1)//,<script>alert(2)</script>"


def addresses():
    """Yield addresses that are a script or something like it, in every disguise."""
    for scheme in SCHEMES:
        yield f"{scheme}:{CODE}"
        yield f"{scheme}&colon;{CODE}"
        yield f"{scheme}&#58;{CODE}"
        yield f"{scheme}&#0000058{CODE}"
        yield f"{scheme}%3A{CODE}"
        yield f"//{scheme}:{CODE}"
        yield f"{scheme[:4]}&Tab;{scheme[4:]}&NewLine;:{CODE}"
        yield "".join(f"&#x{ord(c):x};" for c in scheme) + f":{CODE}"
        yield "".join(f"\\{c}" for c in scheme) + f":{CODE}"
    for char in STRANGE:
        for text in (char, f"&#{ord(char)};", f"&#x{ord(char):X}", f"%{ord(char) & 255:02x}"):
            yield f"{text}javascript:{CODE}"
            yield f"java{text}script:{CODE}"
            yield f"javascript{text}:{CODE}"
            yield f"javascript:{text}{CODE}"
    # of the reader's own server: to open a notebook starts a kernel
    yield from (
        "/lab",
        "//127.0.0.1:8888/lab",
        "lab?reset",
        "../notebooks/x.ipynb",
        "?x",
        "\\\\x\\y",
    )
    hosts = "localhost 127.0.0.1 127.1 2130706433 0x7f000001 [::1] me.localhost x.local 10.0.0.1"
    for host in hosts.split():
        yield f"http://{host}:8888/lab"
    yield "http:\\\\localhost\\lab"
    yield "https://me@localhost/lab"
    yield "https://example.org:x@127.0.0.1/lab"


def links(address: str):
    """Yield texts in Markdown that lead to an address."""
    yield f"[a](<{address}>)"
    yield f"[a]({address})"
    yield f"[a][r]\n\n[r]: {address}"
    yield f"<{address}>"
    yield f'<a href="{address}">a</a>'
    yield f"<a href={address}>a</a>"
    yield f"<a/href='{address}'/onclick=alert(3)>a"
    yield f"![a]({address})"
    yield f'<img src="{address}" onerror="alert(4)">'


OTHERS = (
    "<script>alert(5)</script>", "<ScRiPt/x>alert(5)</sCrIpT >", "<script\n>alert(5)",
    "<img src=x onerror=alert(6)>", "<img/src='x'/onerror=alert(6)>", '<img src="x` `onerror=alert(6)>',
    "<svg onload=alert(7)>", "<svg><script>alert(7)</script></svg>",
    "<svg><a xlink:href='javascript:alert(7)'><text y=9>a</text></a></svg>",
    "<svg><animate onbegin=alert(7) attributeName=x>", "<math href='javascript:alert(8)'>a</math>",
    "<math><mtext><table><mglyph><style><img src=x onerror=alert(8)>",
    "<svg></p><style><a id='</style><img src=1 onerror=alert(8)>'>",
    "<noscript><p title='</noscript><img src=x onerror=alert(9)>'>",
    "<iframe src=javascript:alert(10)></iframe>", "<iframe srcdoc='<script>alert(10)</script>'>",
    "<object data=javascript:alert(11)>", "<embed src=javascript:alert(11)>",
    "<form action=javascript:alert(12)><button>a</button></form>",
    "<button formaction=javascript:alert(12)>a</button>", "<input autofocus onfocus=alert(12)>",
    "<details open ontoggle=alert(13)>a</details>", "<base href=javascript:alert(14)//>",
    "<meta http-equiv=refresh content='0;url=javascript:alert(15)'>",
    "<link rel=stylesheet href=javascript:alert(16)>", "<style>@import 'javascript:alert(16)'</style>",
    "<p style='background:url(javascript:alert(17));position:fixed'>a</p>", "<p id=words class=score>a</p>",
    "<a class=mark-graded data-toggle=tooltip data-link=x name=words id=words>a</a>",
    "<textarea><img src=x onerror=alert(18)>", "<title><img src=x onerror=alert(18)></title>",
    "<xmp><img src=x onerror=alert(18)></xmp>", "<plaintext>a", "<!--><img src=x onerror=alert(19)>-->",
    "<![CDATA[><img src=x onerror=alert(19)>]]>", "<?xml ><img src=x onerror=alert(19)>?>",
    "<video src=x onerror=alert(20)>", "<audio src=x onerror=alert(20)>", "<marquee onstart=alert(20)>",
    "$\\href{javascript:alert(21)}{a}$", "$\\style{background:url(javascript:alert(21))}{a}$",
    "$<img src=x onerror=alert(22)>$", "$$\n<script>alert(22)</script>\n$$", "`<script>alert(23)</script>`",
    "\\begin{a}<img src=x onerror=alert(22)>\\end{a}", "```html\n<script>alert(23)</script>\n```",
    "```mermaid\n<img src=x onerror=alert(24)>\n```", "```x onload=alert(24)\na\n```",
    "|a|\n|-|\n|<img src=x onerror=alert(25)>|", "[a](x 'y\" onclick=alert(26) z=\"')",
    '<a href="https://example.org/" onclick="alert(26)">a</a>', "<a href='https://example.org/\" onclick=alert(26) '>a",
    "![a](attachment:x\"onerror=alert(27))", "<img src='data:image/svg+xml;base64,{}'>".format(
        base64.b64encode(b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(28)'><script>alert(28)"
                         b"</script><rect width='9' height='9'/></svg>").decode()),
    "<img src='data:text/html;base64,PHNjcmlwdD4='>", "<a href='data:text/html,<script>alert(29)</script>'>a</a>",
)  # fmt: skip

# each, repeated a million times, is slow for one parser or another
REPEATS = (
    "a-", "\\begin{a}", "\\begin{a}\\end{b}", "[", "![", "](", "[a](b", "[a]: <", "*", "**a *b ", "_a*",
    "<a", "<b><i>", "<div>", "<a href='", "<!--", "<![CDATA[", "</", "&", "&#", "`", "`a", "``` \n", "$",
    "$a", "\\[", "\\(", "> ", "\n> ", "- ", "\n- ", "    - ", "1. ", "# ", "|a", "|\n", "|a|\n|-|\n", "~~a",
    "=\n", " \n", "\t", "\\", "\x1b[38m", "\x1b[", "a\x08", "x\r", "\u0301", "https://a.b ", "<https:", "^a",
    "<p ", "<p a='", "=\"", "<table><tr><td>", "<svg><p>", "&lt;", "!", "\n\n", "{", "'''", '"""', "f'{", "0x",
)  # fmt: skip
