"""One request to a registry and its answer: TLS, proxies from the environment, a time-out on every read, plain HTTP on loopback only.

What the network does becomes `Trouble` here, or at once our error where another attempt is no use.
"""

from __future__ import annotations

import json
import os
import re
import ssl
import threading
import time
import urllib.request
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urljoin, urlsplit

import urllib3
from urllib3 import exceptions as failures

from slsdeploy.effects.registry.settings import Settings
from slsdeploy.effects.registry.trouble import Trouble
from slsdeploy.errors import ToolError
from slsdeploy.oci import is_loopback

_BLOCK = 128 * 1024
_CONNECTIONS = 16  # to a host
_CA_BUNDLES = ("AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE")  # as botocore; SSL_CERT_FILE and SSL_CERT_DIR are OpenSSL's own
_CONTROL = re.compile(r"[^\x20-\x7e\u00a0-\uffff]+")


class Answer:
    """What a registry answered: its status and headers, and its body as it comes."""

    def __init__(self, response: urllib3.BaseHTTPResponse, host: str) -> None:
        self._response = response
        self._host = host
        self._told: tuple[str, str] | None = None
        self.status = response.status

    def header(self, name: str) -> str:
        return self._response.headers.get(name) or ""

    def headers(self, name: str) -> list[str]:
        return list(self._response.headers.getlist(name))

    def chunks(self) -> Generator[bytes, None, None]:
        """Yield the body as it arrives; raises Trouble when the connection is cut before its end."""
        try:
            with network(self._host):
                # `read1` returns what is there; `stream` would wait for whole blocks, however slowly they drip
                while block := self._response.read1(_BLOCK, decode_content=False):
                    yield block
        finally:
            self.close()

    def read(self, limit: int, seconds: float) -> bytes:
        """Return a small body, of at most `limit` bytes, within some seconds."""
        until = time.monotonic() + seconds
        body = bytearray()
        for block in self.chunks():
            body += block
            if len(body) > limit:
                self.close()
                raise ToolError(
                    f"{self._host} answered with more than {limit:,} bytes", "is it a registry?", self._host
                )
            if time.monotonic() > until:
                self.close()
                raise Trouble(_slow(self._host))
        return bytes(body)

    def told(self) -> tuple[str, str]:
        """Return the code and the message of a refusal: https://github.com/opencontainers/distribution-spec/blob/main/spec.md#error-codes."""
        if self._told is None:
            self._told = self._read_told()
        return self._told

    def _read_told(self) -> tuple[str, str]:
        try:
            body = self.read(100_000, 10)
        except (Trouble, ToolError):
            return "", ""
        try:
            said: Any = json.loads(body)
            first = said["errors"][0] if isinstance(said["errors"], list) else {}
            return str(first.get("code", "")), one_line(str(first.get("message", "")))
        except (ValueError, LookupError, TypeError, AttributeError):
            return "", "" if body.lstrip()[:1] == b"<" else one_line(body.decode("utf-8", "replace"))

    def drain(self) -> None:
        """Read what is left, so that the connection can be used again."""
        try:
            self.read(100_000, 5)
        except (Trouble, ToolError):
            self.close()

    def close(self) -> None:
        """Give the connection back when all was read, close it when not."""
        if not self._response.closed:
            self._response.close()
        self._response.release_conn()


class Http:
    """Sends requests; connections are kept and shared by threads. `on_call` is told each without its query, where secrets may be."""

    def __init__(self, settings: Settings, on_call: Callable[[str], None] | None = None) -> None:
        self.settings = settings
        self._on_call = on_call or (lambda _: None)
        self._plain = urllib3.PoolManager(maxsize=_CONNECTIONS, blocksize=_BLOCK)
        self._pools: dict[str, urllib3.PoolManager] = {}  # by the proxy's URL
        self._lock = threading.Lock()
        self._answered: set[str] = set()

    def send(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes | Iterable[bytes] | None = None,
        silence: float = 0,
    ) -> Answer:
        """Send one request; return whatever is answered. Redirects are the caller's."""
        host = check(url)
        self._on_call(f"{method} {url.partition('?')[0].partition('://')[2]}")
        limits = self.settings
        timeout = urllib3.Timeout(connect=limits.connect, read=silence or limits.read)
        with network(host, host in self._answered):
            response = self._manager(url).urlopen(
                method,
                url,
                body=body,  # an iterable is sent block by block
                headers={"User-Agent": "slsdeploy", "Accept-Encoding": "identity", **headers},
                redirect=False,
                retries=False,
                preload_content=False,
                decode_content=False,
                timeout=timeout,
            )
        self._answered.add(host)
        return Answer(response, host)

    def _manager(self, url: str) -> urllib3.PoolManager:
        parts = urlsplit(url)
        if parts.scheme == "http":  # on loopback: no certificates are read, which takes a while, and no proxy is asked
            return self._plain
        proxy = urllib.request.getproxies().get(parts.scheme, "")
        if is_loopback(parts.netloc) or urllib.request.proxy_bypass(parts.hostname or ""):
            proxy = ""
        with self._lock:
            if proxy not in self._pools:
                self._pools[proxy] = _pools(proxy)
            return self._pools[proxy]


def _pools(proxy: str) -> urllib3.PoolManager:
    settings: dict[str, Any] = {"maxsize": _CONNECTIONS, "blocksize": _BLOCK, "ssl_context": _certificates()}
    if not proxy:
        return urllib3.PoolManager(**settings)
    parts = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
    login = f"{unquote(parts.username)}:{unquote(parts.password or '')}" if parts.username else None
    bare = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
    try:
        return urllib3.ProxyManager(bare, proxy_headers=urllib3.make_headers(proxy_basic_auth=login), **settings)
    except (failures.HTTPError, ValueError):
        raise ToolError("the proxy of the environment is no URL", "look at HTTPS_PROXY and ALL_PROXY") from None


def joined(url: str, location: str) -> str:
    """Return where a registry sends us.

    Raises ToolError when that is nowhere.
    """
    try:
        found = urljoin(url, location)
        origin(found)
        return found
    except ValueError:
        host = urlsplit(url).netloc
        raise ToolError(f"{host} sends us to something that is no URL", "is it a registry?", host) from None


def origin(url: str) -> tuple[str, str, int]:
    """Return whom a URL asks: scheme, host, port. Raises ValueError for what is no URL."""
    parts = urlsplit(url)
    return parts.scheme, parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)


def check(url: str) -> str:
    """Return a URL's host and port; plain HTTP is for loopback only."""
    parts = urlsplit(url)
    if parts.scheme == "https" and parts.netloc:
        return parts.netloc
    if parts.scheme == "http" and is_loopback(parts.netloc):
        return parts.netloc
    hint = "serve it by HTTPS; behind a proxy, let that pass X-Forwarded-Proto and Host on"
    raise ToolError(f"{parts.netloc or 'the registry'} is not asked by plain HTTP", hint, parts.netloc)


def base(host: str) -> str:
    """Return where a registry's API is."""
    return f"{'http' if is_loopback(host) else 'https'}://{host}/v2/"


def one_line(text: str) -> str:
    """Return what a registry said so that a terminal can show it."""
    return _CONTROL.sub(" ", text).strip()[:300]


def _certificates() -> ssl.SSLContext:
    bundle = next((os.environ[name] for name in _CA_BUNDLES if os.environ.get(name)), "")
    if not bundle:
        return ssl.create_default_context()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        folder = Path(bundle).is_dir()
        context.load_verify_locations(capath=bundle) if folder else context.load_verify_locations(bundle)
    except OSError as error:
        raise ToolError(f"cannot read the certificates in {bundle}: {error}", "look at REQUESTS_CA_BUNDLE") from error
    return context


@contextmanager
def network(host: str, has_answered: bool = True) -> Iterator[None]:
    """Turn what urllib3 raises in the block into Trouble, or into our error when another attempt is no use."""
    try:
        yield
    except failures.SSLError as error:
        if _is_certificate(error):
            hint = "set REQUESTS_CA_BUNDLE or SSL_CERT_FILE to the certificates that signed it"
            raise ToolError(f"the certificate of {host} is not trusted: {_reason(error)}", hint, host) from error
        raise Trouble(_cut(host, error)) from error
    except (failures.ReadTimeoutError, TimeoutError) as error:
        raise Trouble(_slow(host)) from error
    except (failures.ProxyError, failures.NewConnectionError, failures.ConnectTimeoutError) as error:
        unreachable = _unreachable(host, error)
        raise (Trouble(unreachable) if has_answered else unreachable) from error
    except (failures.HTTPError, OSError) as error:
        raise Trouble(_cut(host, error)) from error


def _unreachable(host: str, error: Exception) -> ToolError:
    hint = "look at the host's name, at the connection, and whether the registry runs"
    if isinstance(error, failures.ProxyError):
        hint = "look at HTTPS_PROXY and NO_PROXY, and whether the proxy runs"
        return ToolError(f"the proxy to {host} does not answer: {_reason(error)}", hint, host)
    if isinstance(error, failures.NameResolutionError):
        return ToolError(f"there is no host {host}", hint, host)
    if not isinstance(error, failures.NewConnectionError):
        return ToolError(f"{host} does not answer", hint, host)
    return ToolError(f"no registry answers at {host}: {_reason(error)}", hint, host)


def _slow(host: str) -> ToolError:
    return ToolError(f"{host} is too slow: it fell silent", "run the command again: it goes on where it stopped", host)


def _cut(host: str, error: Exception) -> ToolError:
    hint = "run the command again: it goes on where it stopped; a proxy before the registry may limit sizes or times"
    return ToolError(f"{host} cut the connection: {_reason(error)}", hint, host)


def _is_certificate(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError) or "CERTIFICATE_VERIFY" in str(error):
            return True
        error = error.__cause__ or error.__context__
    return False


def _reason(error: BaseException) -> str:
    """Return the innermost reason: urllib3 wraps the system's."""
    while True:
        inner = next((each for each in error.args[::-1] if isinstance(each, BaseException)), None)
        inner = inner or error.__cause__ or error.__context__
        if inner is None:
            return one_line(getattr(error, "strerror", None) or str(error) or type(error).__name__)
        error = inner
