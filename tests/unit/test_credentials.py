"""What is a secret, and what only looks like one. The secrets here are made up on the spot: none is in this file."""

from __future__ import annotations

import base64
import json
import random
import string
import time

import pytest

from slsdeploy.bundle import credentials

LETTERS = string.ascii_letters + string.digits


def made(length: int, letters: str = LETTERS) -> str:
    return "".join(random.Random(length).choices(letters, k=length))


def pem(kind: str = "RSA ") -> str:
    body = base64.encodebytes(random.Random(3).randbytes(600)).decode()
    return f"-----BEGIN {kind}PRIVATE KEY-----\n{body}-----END {kind}PRIVATE KEY-----\n"


def encrypted() -> str:
    first, rest = pem().split("\n", 1)
    return f"{first}\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,0123456789ABCDEF\n\n{rest}"


SECRETS = [
    ("a private key", pem()),
    ("a private key", pem("")),
    ("a private key", pem("OPENSSH ").replace("\n", "\r\n")),
    ("a private key", encrypted()),
    ("a private key", json.dumps({"type": "service_account", "private_key": pem("")})),
    ("an AWS access key id", "key = 'AKIA" + made(16, "ABCDEFGHIJ234567") + "'"),
    ("an AWS secret access key", f"aws_secret_access_key = {made(40)}"),
    ("an AWS secret access key", f'AWS_SECRET_ACCESS_KEY="{made(40)}"'),
    ("an AWS secret access key", f'{{"secretAccessKey": "{made(40)}"}}'),
    ("a GitHub token", "ghp_" + made(36)),
    ("a GitHub token", f"github_pat_{made(22)}_{made(59)}"),
    ("a GitLab token", "glpat-" + made(20)),
    ("a Slack token", f"xoxb-{made(12, string.digits)}-{made(13, string.digits)}-{made(24)}"),
    ("a Slack webhook", f"https://hooks.slack.com/services/T{made(9, 'ABC123')}/B{made(9, 'ABC123')}/{made(24)}"),
    ("a Google API key", "AIza" + made(35)),
    ("an Azure storage key", f"AccountName=x;AccountKey={made(86)}==;"),
    ("a Stripe key", "sk_live_" + made(24)),
    ("a Hugging Face token", "hf_" + made(34, string.ascii_letters)),
    ("an npm token", "npm_" + made(36)),
    ("an npm password", "//registry.example.com/:_authToken=" + made(30)),
    ("a PyPI token", "pypi-AgEIcHlwaS5vcmc" + made(60)),
]


@pytest.mark.parametrize(("kind", "text"), SECRETS, ids=[kind for kind, _ in SECRETS])
def test_a_secret_is_found_with_its_line_and_never_told(kind: str, text: str) -> None:
    (found,) = credentials.of_content(f"# one\n# two\n{text}\n".encode())
    assert (found.kind, found.line) == (kind, 3)
    assert not any(text[at : at + 12] in repr(found) for at in range(len(text) - 12))


HARMLESS = [
    "AKIAIOSFODNN7EXAMPLE",
    "aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    "-----BEGIN PRIVATE KEY-----",
    'if text.startswith("-----BEGIN RSA PRIVATE KEY-----"):\n    key = load(text)\n',
    "-----BEGIN PUBLIC KEY-----\n" + "A" * 64,
    "-----BEGIN CERTIFICATE-----\n" + made(64) + "\n" + made(64),
    f"digest = '{made(40, '0123456789abcdef')}'",
    f"sha = 'aws secret: {made(64, '0123456789abcdef')}'",
    "secret_access_key = os.environ['AWS_SECRET_ACCESS_KEY']",
    "AWS_SECRET_ACCESS_KEY: ${{ secrets.AWS_SECRET_ACCESS_KEY }}",
    "AWS_SECRET_ACCESS_KEY = arn:aws:ssm:eu-central-1:123456789012:parameter/iris/secret-access-key",
    "token = 'ghp_' + token",
    "ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
    "xoxb-your-token-here",
    "//registry.npmjs.org/:_authToken=${NPM_TOKEN}",
    "hf_hub_download(repo_id, filename)",
    "password = 'hunter2'",
    made(5000),
]


@pytest.mark.parametrize("text", HARMLESS)
def test_what_is_no_secret(text: str) -> None:
    assert list(credentials.of_content(text.encode())) == []


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("id_rsa", "an SSH private key"),
        ("deploy/ID_ED25519", "an SSH private key"),
        ("home/.aws/credentials", "AWS credentials"),
        (".netrc", "passwords of network services"),
        ("keys/store.p12", "a store of keys"),
        ("infra/terraform.tfstate", "Terraform's state, with every secret that it knows"),
        ("id_rsa.pub", None),
        ("credentials", None),
        ("config.json", None),
        ("app/credentials.py", None),
    ],
)
def test_what_a_name_tells(path: str, expected: str | None) -> None:
    assert next((each.kind for each in credentials.of_name(path)), None) == expected


def test_each_line_is_told_once_and_each_place() -> None:
    token = "ghp_" + made(36)
    found = list(credentials.of_content(f"{token} {token}\n\n{token}".encode()))
    assert [each.line for each in found] == [1, 3]


def test_what_only_begins_as_a_secret_takes_no_time() -> None:
    began = time.monotonic()
    assert [*credentials.of_content(b"-----BEGIN PRIVATE KEY-----\n" + b"word: " * 50_000)] == []
    assert [*credentials.of_content(b"\n" * 200_000 + b"// x")] == []
    assert time.monotonic() - began < 20  # it was for ever


def test_binary_and_large_files_take_no_time() -> None:
    noise = random.Random(1).randbytes(4 * 1024**2)
    began = time.perf_counter()
    assert list(credentials.of_content(noise)) == []
    assert list(credentials.of_content(b"secret " * 500_000)) == []
    assert list(credentials.of_content(b"-----BEGIN RSA PRIVATE KEY-----\n" + b"a: b\n" * 200_000)) == []
    assert list(credentials.of_content(b"PuTTY-User-Key-File-3: x\n" * 100_000)) == []
    assert time.perf_counter() - began < 30
