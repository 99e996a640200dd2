"""A file's name and bytes -> the secrets in it: which kind, on which line; never the secret itself.

A short list of forms that are hardly ever anything else, as their makers or the scanners that know them give them. What only looks random
is left alone: a preflight that cries wolf is switched off.

Decision (2026-11): no library. detect-secrets and its like look for randomness and for words like `password` first, which in code are
false alarms in most files; what is left without those are these patterns.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

_LARGEST = 5 * 1024**2


@dataclass(frozen=True, slots=True)
class Credential:
    """A secret that was found: what it is, and its line (0: the whole file)."""

    kind: str
    line: int


@dataclass(frozen=True, slots=True)
class _Form:
    """What a kind of secret looks like; one of the `marks` (with | between) is in each of them, and cheap to look for.

    The pattern is compiled when a mark was found: in most projects none is.
    """

    kind: str
    marks: tuple[bytes, ...]
    pattern: bytes


def _form(kind: str, marks: bytes, pattern: bytes) -> _Form:
    return _Form(kind, tuple(marks.split(b"|")), pattern)


_KEY = "a private key"
# https://docs.github.com/en/code-security/secret-scanning/introduction/supported-secret-scanning-patterns names most of them
_FORMS = (
    # RFC 7468, and JSON's form of it (`\n` in one line); an encrypted one has lines before the key
    _form(
        _KEY,
        b"PRIVATE KEY",
        rb"-----BEGIN (?:[A-Z0-9]+ ){0,2}PRIVATE KEY(?: BLOCK)?-----(?:\s|\\r|\\n)+(?:[A-Za-z-]+: [^\r\n]+[\r\n]+)*"
        rb"(?:[A-Za-z0-9+/=]|\s|\\n|\\r){64}",
    ),
    _form("a PuTTY private key", b"PuTTY-User-Key-File-", rb"PuTTY-User-Key-File-\d: [\s\S]{0,2000}Private-Lines: \d"),
    _form("an age secret key", b"AGE-SECRET-KEY-1", rb"AGE-SECRET-KEY-1[A-Z0-9]{58}"),
    # https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-unique-ids
    _form(
        "an AWS secret access key",
        b"ecret|ECRET",
        rb"(?i:aws.{0,20}?secret|secret.{0,20}?access.{0,5}?key).{0,30}?[=:,]\s{0,4}[\"']?([A-Za-z0-9/+]{40})(?![A-Za-z0-9/+=])",
    ),
    _form("an AWS access key id", b"AKIA|ASIA", rb"(?<![A-Za-z0-9/+])(?:AKIA|ASIA)[A-Z2-7]{16}(?![A-Za-z0-9/+])"),
    # https://github.blog/engineering/platform-security/behind-githubs-new-authentication-token-formats/
    _form("a GitHub token", b"gh", rb"(?<!\w)gh[pousr]_[A-Za-z0-9]{36,255}(?!\w)"),
    _form("a GitHub token", b"github_pat_", rb"(?<!\w)github_pat_[A-Za-z0-9]{22}_[A-Za-z0-9]{59}(?!\w)"),
    _form("a GitLab token", b"glpat-", rb"(?<!\w)glpat-[A-Za-z0-9_-]{20}"),
    # https://docs.slack.dev/authentication/tokens
    _form("a Slack token", b"xox", rb"(?<!\w)xox[abeoprs]-(?:\d+-){1,3}[A-Za-z0-9]{16,}"),
    _form("a Slack token", b"xapp-", rb"(?<!\w)xapp-\d-[A-Z0-9]+-\d+-[a-z0-9]{32,}"),
    _form(
        "a Slack webhook",
        b"hooks.slack.com",
        rb"hooks\.slack\.com/(?:services|workflows)/T[A-Z0-9]{8,}/[A-Z0-9]{8,}/\w{20,}",
    ),
    # https://cloud.google.com/docs/authentication/api-keys
    _form("a Google API key", b"AIza", rb"(?<!\w)AIza[A-Za-z0-9_-]{35}(?![\w-])"),
    _form("a Google OAuth secret", b"GOCSPX-", rb"(?<!\w)GOCSPX-[A-Za-z0-9_-]{28}(?![\w-])"),
    _form("an Azure storage key", b"AccountKey=", rb"AccountKey=[A-Za-z0-9+/]{86}=="),
    _form("a Stripe key", b"_live_", rb"(?<!\w)[rs]k_live_[A-Za-z0-9]{24,}"),
    _form("an OpenAI key", b"T3BlbkFJ", rb"(?<!\w)sk-[A-Za-z0-9_-]*T3BlbkFJ[A-Za-z0-9_-]{20,}"),
    _form("an Anthropic key", b"sk-ant-", rb"(?<!\w)sk-ant-[a-z]+\d\d-[A-Za-z0-9_-]{80,}"),
    _form("a Hugging Face token", b"hf_", rb"(?<!\w)hf_[A-Za-z]{34}(?!\w)"),
    _form("an npm token", b"npm_", rb"(?<!\w)npm_[A-Za-z0-9]{36}(?!\w)"),
    _form("an npm password", b"//", rb"(?m)^[ \t]*//[^\s=]+:(?:_authToken|_password|_auth)\s*=\s*(?!\$\{)(\S{8,})"),
    # https://pypi.org/help/#apitoken: the beginning is the same in all of them
    _form("a PyPI token", b"pypi-AgE", rb"pypi-AgE[A-Za-z0-9_-]{50,}"),
    _form("a SendGrid key", b"SG.", rb"(?<!\w)SG\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43}"),
    _form("a Terraform Cloud token", b".atlasv1.", rb"[A-Za-z0-9]{14}\.atlasv1\.[A-Za-z0-9_=-]{60,}"),
)
# Documentation's own: AKIAIOSFODNN7EXAMPLE, wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY
_EXAMPLE = re.compile(rb"EXAMPLE|(.)\1{9}|1234567890abcdef|abcdefghij", re.IGNORECASE)

# What programs keep passwords and keys in, by its name
_NAMES = {
    **dict.fromkeys(("id_rsa", "id_dsa", "id_ecdsa", "id_ed25519"), "an SSH private key"),
    **dict.fromkeys((".netrc", "_netrc"), "passwords of network services"),
    ".pypirc": "a password of the package index",
    ".git-credentials": "passwords of git",
    ".pgpass": "passwords of PostgreSQL",
    ".my.cnf": "a password of MySQL",
    ".htpasswd": "hashes of passwords",
    ".dockercfg": "passwords of registries",
    ".aws/credentials": "AWS credentials",
    ".docker/config.json": "passwords of registries",
    ".kube/config": "credentials of a cluster",
}
_SUFFIXES = {
    **dict.fromkeys((".p12", ".pfx", ".jks", ".keystore", ".bks"), "a store of keys"),
    **dict.fromkeys((".kdbx", ".kdb"), "a store of passwords"),
    ".ppk": "a private key",
    ".tfstate": "Terraform's state, with every secret that it knows",
}


def of_name(path: str) -> Iterator[Credential]:
    """Yield what a file of that name is known to hold."""
    file = PurePosixPath(path.lower())
    kind = _NAMES.get(file.name) or _NAMES.get("/".join(file.parts[-2:])) or _SUFFIXES.get(file.suffix)
    if kind:
        yield Credential(kind, 0)


def of_content(content: bytes) -> Iterator[Credential]:
    """Yield the secrets in a file, each kind once a line; what is larger than 5 MiB is data, and is not read."""
    if len(content) > _LARGEST:
        return
    seen = set()
    for form in _FORMS:
        if not any(mark in content for mark in form.marks):
            continue
        for match in re.finditer(form.pattern, content):
            found = Credential(form.kind, content.count(b"\n", 0, match.start()) + 1)
            if found not in seen and (form.kind == _KEY or not _EXAMPLE.search(match.group(match.lastindex or 0))):
                seen.add(found)
                yield found
