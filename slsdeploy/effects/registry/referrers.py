"""A file about an image -> beside it in its repository: a manifest of its own, whose `subject` is the image. The image stays one manifest.

Registries that know referrers (OCI 1.1) list it by themselves. For the others the specification has clients keep an index under a tag named
after the image's digest; nobody runs that, and Lambda, which takes no index, is told the image by its digest and never sees it.
https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pushing-manifests-with-subject
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from slsdeploy import oci
from slsdeploy.effects.registry import push
from slsdeploy.effects.registry.calls import Calls, Request, pull_scope, push_scope
from slsdeploy.effects.registry.http import base
from slsdeploy.effects.registry.refusal import refusal
from slsdeploy.effects.registry.settings import Settings
from slsdeploy.errors import ToolError
from slsdeploy.tools import Task

_LARGEST = 4 * 1024 * 1024


def attach(calls: Calls, referrer: oci.Image, to: oci.Reference, task: Task, settings: Settings) -> oci.Pushed:
    """Send what the registry lacks of it, and make sure that it can be found; `to` is the repository."""
    there = replace(to, tag="", digest="")
    pushed = push.push(calls, referrer, there, task, settings)
    subject = referrer.manifest.document["subject"]["digest"]
    if calls.patiently(lambda: _is_listed(calls, there, subject)):
        return pushed
    sent = calls.patiently(lambda: _list(calls, referrer, there, subject))
    return replace(pushed, uploaded_bytes=pushed.uploaded_bytes + sent)


def _is_listed(calls: Calls, to: oci.Reference, subject: str) -> bool:
    """Say whether the registry lists referrers by itself: who does answers with an index, be it empty."""
    url = f"{base(to.host)}{to.repository}/referrers/{subject}"
    answer = calls.send(Request("GET", to.host, url, pull_scope(to.repository), {"Accept": oci.OCI_INDEX}))
    if answer.status != 200 or not answer.header("Content-Type").startswith(oci.OCI_INDEX):
        answer.drain()
        return False
    answer.drain()
    return True


def _list(calls: Calls, referrer: oci.Image, to: oci.Reference, subject: str) -> int:
    """Put it into the index that stands for the list, unless it is there; return how many bytes were sent."""
    tag = subject.replace(":", "-", 1)
    index = _index(calls, replace(to, tag=tag))
    manifests = list(index.get("manifests", ()))
    if any(each.get("digest") == referrer.digest for each in manifests):
        return 0
    said = oci.Descriptor(referrer.manifest.media_type, referrer.digest, len(referrer.manifest.content)).document()
    manifests.append({**said, "artifactType": referrer.manifest.document["artifactType"]})
    document = {**index, "schemaVersion": 2, "mediaType": oci.OCI_INDEX, "manifests": manifests}
    content = json.dumps(document, separators=(",", ":"), sort_keys=True).encode()
    url = f"{base(to.host)}{to.repository}/manifests/{tag}"
    headers = {"Content-Type": oci.OCI_INDEX}
    answer = calls.send(Request("PUT", to.host, url, push_scope(to.repository), headers, content))
    if answer.status not in (200, 201, 202):
        raise refusal(answer, replace(to, tag=tag), f"push the list of referrers {tag}", calls.auth)
    answer.drain()
    return len(content)


def _index(calls: Calls, at: oci.Reference) -> Mapping[str, Any]:
    """Return the index that is there, an empty one if none is. Raises ToolError for what is something else."""
    url = f"{base(at.host)}{at.repository}/manifests/{at.tag}"
    answer = calls.send(Request("GET", at.host, url, pull_scope(at.repository), {"Accept": oci.OCI_INDEX}))
    if answer.status == 404:
        answer.drain()
        return {}
    if answer.status != 200:
        raise refusal(answer, at, f"read the list of referrers {at.tag}", calls.auth)
    try:
        found = json.loads(answer.read(_LARGEST, calls.settings.small))
        is_index = found.get("mediaType", oci.OCI_INDEX) == oci.OCI_INDEX and isinstance(found["manifests"], list)
        is_index = is_index and all(isinstance(each, dict) for each in found["manifests"])
    except (ValueError, LookupError, AttributeError, TypeError):
        is_index = False
    if not is_index:
        raise ToolError(f"{at} is no list of referrers", "remove that tag: it stands for one", str(at))
    return dict(found)
