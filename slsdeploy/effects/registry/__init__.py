"""Container registries over the OCI distribution API: manifests and small blobs out of them, images into them. No engine is needed.

    http.py         one request: TLS, proxies, plain HTTP on loopback only; how long it is waited for is in settings.py
    credentials.py  whose they are: the files of Podman and Docker (login_files.py), their helpers, ECR
    auth.py         a registry's challenge -> an Authorization header, kept until it expires
    calls.py        a request with authentication, redirects and retries (trouble.py: of what, and how often)
    refusal.py      what a registry refused -> our errors, with what to do next
    pull.py         manifests, small blobs
    session.py      an upload that a registry has begun: what its answers mean
    source.py       where a blob's bytes come from: a file, or another registry
    upload.py       one blob: in chunks that are resumed (unfinished.py: by the next run, too), or whole
    push.py         an image: blobs in parallel (parallel.py, progress.py), the manifest by its digest, the tag last
    referrers.py    a file about an image, beside it

https://github.com/opencontainers/distribution-spec/blob/main/spec.md

Our own over urllib3, 2026-11: `oras` (0.2.43), the one OCI client on PyPI that is kept, neither mounts blobs, resumes uploads,
streams from registry to registry nor retries by Retry-After; with requests and jsonschema it would bring more than it saves.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from slsdeploy.effects.registry.settings import Settings

if TYPE_CHECKING:
    from slsdeploy import oci
    from slsdeploy.effects.registry.calls import Calls
    from slsdeploy.tools import Shell, Task


class OciRegistry:
    """Implements `tools.Registry` for every registry that there is.

    `ecr` gives user and password for a host of ECR. `on_call` is told every request ("HEAD ghcr.io/v2/...").
    """

    def __init__(
        self,
        shell: Shell,
        ecr: Callable[[str], tuple[str, str]] | None = None,
        on_call: Callable[[str], None] | None = None,
        settings: Settings | None = None,
    ) -> None:
        self._shell, self._ecr, self._on_call = shell, ecr, on_call
        self._settings = settings or Settings()

    @cached_property
    def _calls(self) -> Calls:
        """What is slow to import comes with the first question: most commands ask no registry."""
        from slsdeploy.effects.registry.auth import Auth
        from slsdeploy.effects.registry.calls import Calls
        from slsdeploy.effects.registry.credentials import Credentials
        from slsdeploy.effects.registry.http import Http

        http = Http(self._settings, self._on_call)
        return Calls(http, Auth(http, Credentials(self._shell, self._ecr)), self._settings)

    def manifest(self, reference: oci.Reference) -> oci.Manifest:
        """Return the manifest or the index that a reference names; its digest is checked."""
        from slsdeploy.effects.registry import pull

        return pull.manifest(self._calls, reference)

    def blob(self, reference: oci.Reference, digest: str) -> bytes:
        """Return a small blob of a repository; its digest is checked."""
        from slsdeploy.effects.registry import pull

        return pull.blob(self._calls, reference, digest)

    def blob_to(self, reference: oci.Reference, descriptor: oci.Descriptor, path: Path, task: Task) -> None:
        """Write a blob of any size to a path, as it comes; its digest is checked."""
        from slsdeploy import oci
        from slsdeploy.effects.registry import pull

        pull.blob_to(self._calls, oci.Blob(descriptor, "base", reference), path, task)

    def push(self, image: oci.Image, to: oci.Reference, task: Task) -> oci.Pushed:
        """Send what the registry lacks; the manifest after it, the tag last."""
        from slsdeploy.effects.registry import push

        return push.push(self._calls, image, to, task, self._settings)

    def attach(self, referrer: oci.Image, to: oci.Reference, task: Task) -> oci.Pushed:
        """Send a referrer of an image that is there, and have it listed."""
        from slsdeploy.effects.registry import referrers

        return referrers.attach(self._calls, referrer, to, task, self._settings)
