"""An image into a repository: every blob that is missing there, in parallel; then the manifest by its digest; the tag last of all.

So nothing that is half there ever has a name, and a run that was interrupted is gone on with.
"""

from __future__ import annotations

import threading
from dataclasses import replace

from slsdeploy import oci
from slsdeploy.effects.registry import unfinished
from slsdeploy.effects.registry.calls import Calls, Request, push_scope
from slsdeploy.effects.registry.http import base
from slsdeploy.effects.registry.parallel import in_parallel
from slsdeploy.effects.registry.progress import Counter, Meter
from slsdeploy.effects.registry.pull import ACCEPT
from slsdeploy.effects.registry.refusal import refusal
from slsdeploy.effects.registry.settings import Settings
from slsdeploy.effects.registry.upload import Upload
from slsdeploy.errors import ToolError
from slsdeploy.tools import Task


def push(calls: Calls, image: oci.Image, to: oci.Reference, task: Task, settings: Settings) -> oci.Pushed:
    """Send what the registry lacks; say what that was."""
    unfinished.forget_old()
    stop, counter = threading.Event(), Counter(task)
    blobs = {blob.descriptor.digest: blob for blob in image.blobs}  # a layer may be in it twice
    twice = sum(blob.descriptor.size for blob in image.blobs) - sum(each.descriptor.size for each in blobs.values())
    counter.advance(twice)
    uploads = [Upload(calls, blob, to, Meter(counter), settings, stop) for blob in blobs.values()]
    there: set[str] = set()

    def look_up(upload: Upload) -> None:
        if upload.place.is_there():
            there.add(upload.blob.descriptor.digest)
            upload.meter.reach(upload.blob.descriptor.size)

    in_parallel(look_up, uploads, settings.lookups, stop, settings.settle)
    missing = [each for each in uploads if each.blob.descriptor.digest not in there]
    missing.sort(key=lambda each: -each.blob.descriptor.size)
    in_parallel(Upload.run, missing, settings.uploads, stop, settings.settle)
    there |= {each.blob.descriptor.digest for each in missing if each.is_mounted}
    for name in filter(None, (image.digest, to.tag)):
        calls.patiently(lambda name=name: _name(calls, image, replace(to, tag=name, digest=""), counter))  # type: ignore[misc]
    return oci.Pushed(replace(to, digest=image.digest), frozenset(there), counter.sent)


def _name(calls: Calls, image: oci.Image, to: oci.Reference, counter: Counter) -> None:
    """Put the manifest under a name (its digest, a tag), unless it is there."""
    url = f"{base(to.host)}{to.repository}/manifests/{to.tag}"
    answer = calls.send(Request("HEAD", to.host, url, push_scope(to.repository), {"Accept": ACCEPT}))
    answer.drain()
    if answer.status == 200 and (to.tag == image.digest or answer.header("Docker-Content-Digest") == image.digest):
        return
    content = image.manifest.content
    headers = {"Content-Type": image.manifest.media_type}
    counter.count(len(content))
    answer = calls.send(Request("PUT", to.host, url, push_scope(to.repository), headers, content))
    if answer.status not in (200, 201, 202):
        raise refusal(answer, to, f"push the manifest {to.tag}", calls.auth)
    answer.drain()
    if (said := answer.header("Docker-Content-Digest")) not in ("", image.digest):
        message = f"{to.host} has another manifest than we sent: {said}"
        raise ToolError(message, "look at the proxies between here and there", str(to))
