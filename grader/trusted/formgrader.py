"""Formgrader's pages, so that nothing on them runs but nbgrader's own scripts.

What students wrote is sanitised when it is kept; this is the second wall. A Content Security Policy
names each script that may run. Those that stand in nbgrader's templates get a number that nobody
else can know, before anything of a student's is put between them; handlers that stand in
attributes are named by their hash.
"""

import base64
import hashlib
import re
import secrets

from jinja2 import BaseLoader, Environment
from nbgrader.server_extensions.formgrader.base import BaseHandler
from nbgrader.server_extensions.formgrader.formgrader import FormgradeExtension

_MATHJAX = "https://cdnjs.cloudflare.com/ajax/libs/mathjax/"
_NONCE = secrets.token_urlsafe(24)
_HANDLERS = ("toggle_name(true);", "toggle_name(false);", "toggleAllNames()")


class Numbered(BaseLoader):
    """Loads templates as another loader does, and gives each script the number.

    Parameters
    ----------
    loader : jinja2.BaseLoader
    """

    def __init__(self, loader: BaseLoader) -> None:
        self.loader = loader

    def get_source(self, environment: Environment, template: str) -> tuple:
        """Return a template's source, its path, and what says whether that is current."""
        source, path, current = self.loader.get_source(environment, template)
        return re.sub(r"<script\b", f'<script nonce="{_NONCE}"', source), path, current

    def list_templates(self) -> list[str]:
        """Return the names of all templates."""
        return self.loader.list_templates()


def policy() -> str:
    """Return the policy of formgrader's pages."""
    hashes = " ".join(
        f"'sha256-{base64.b64encode(hashlib.sha256(code.encode()).digest()).decode()}'"
        for code in _HANDLERS
    )
    # MathJax evaluates its settings, and fetches its other parts
    return (
        f"default-src 'none'; script-src 'nonce-{_NONCE}' 'unsafe-hashes' {hashes} "
        f"'unsafe-eval' {_MATHJAX}; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
        f"font-src 'self' data: {_MATHJAX}; connect-src 'self'; base-uri 'none'; "
        f"form-action 'self'"
    )


def protect() -> None:
    """Give the formgrader of this process the policy. nbgrader's settings are read again and again.

    A page that formgrader serves as a file, such as one that a student handed in, runs nothing
    either: the policy is on all that it answers.
    """
    if getattr(FormgradeExtension, "protected", False):
        return
    FormgradeExtension.protected = True
    prepare = FormgradeExtension.init_tornado_settings

    def init_tornado_settings(self, webapp) -> None:
        prepare(self, webapp)
        for environment in (
            webapp.settings["nbgrader_jinja2_env"],
            webapp.settings["nbgrader_exporter"].environment,
        ):
            environment.loader = Numbered(environment.loader)

    FormgradeExtension.init_tornado_settings = init_tornado_settings
    usual = BaseHandler.content_security_policy.fget  # the server's: who may show it in a frame
    BaseHandler.content_security_policy = property(lambda self: f"{policy()}, {usual(self)}")
