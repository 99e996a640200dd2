"""The distribution API: a request below /v2/ -> its answer. What a push needs, and what a pull needs; blobs are streamed both ways.

Nobody is asked for credentials: what a web page could send without asking first (GET, HEAD, POST) changes no image (see access.py).
https://github.com/opencontainers/distribution-spec/blob/main/spec.md#endpoints
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from werkzeug.exceptions import HTTPException
from werkzeug.http import parse_range_header
from werkzeug.wrappers import Request, Response

from slsdeploy import oci
from slsdeploy.local.images import manifests
from slsdeploy.local.images.contents import Contents, Upload
from slsdeploy.local.images.errors import Refusal
from slsdeploy.local.images.repositories import Repositories

ROOT = "/v2/"
_log = logging.getLogger(__name__)
# https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pulling-manifests
_NAME = r"(?P<name>[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*)"
_TAG = r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}"
_PIECE = 1 << 20
_RANGE = re.compile(r"(?:bytes )?(\d+)-(\d+)(?:/(?:\d+|\*))?")
_VERSION = {"Docker-Distribution-Api-Version": "registry/2.0"}

Answer = Callable[[Request, Mapping[str, str]], Response]


class Registry:
    """Answers requests to the registry."""

    def __init__(self, repositories: Repositories) -> None:
        self._repositories = repositories
        self._contents: Contents = repositories.contents
        self._routes: list[tuple[re.Pattern[str], dict[str, Answer]]] = [
            (re.compile(rf"{_NAME}/blobs/uploads/?"), {"POST": self._begin}),
            (
                re.compile(rf"{_NAME}/blobs/uploads/(?P<upload>[0-9a-f-]+)"),
                {"GET": self._stand, "PATCH": self._go_on, "PUT": self._finish, "DELETE": self._cancel},
            ),
            (re.compile(rf"{_NAME}/blobs/(?P<digest>[a-z0-9]+:[^/]*)"), {"GET": self._blob, "HEAD": self._blob}),
            (
                re.compile(rf"{_NAME}/manifests/(?P<reference>{_TAG}|[a-z0-9]+:[^/]*)"),
                {"GET": self._manifest, "HEAD": self._manifest, "PUT": self._put, "DELETE": self._remove},
            ),
            (re.compile(rf"{_NAME}/tags/list"), {"GET": self._tags}),
            (re.compile(rf"{_NAME}/referrers/(?P<digest>[a-z0-9]+:[^/]*)"), {"GET": self._referrers}),
        ]

    def respond(self, request: Request) -> Response:
        """Answer one request."""
        try:
            response = self._respond(request)
        except Refusal as refusal:
            response = refusal.response()
        except HTTPException:  # the connection was cut: nobody reads this
            response = Refusal("BLOB_UPLOAD_INVALID", "the request was cut off").response()
        except OSError as error:
            _log.warning("%s %s failed: %s", request.method, request.path, error)
            response = Refusal("UNKNOWN", f"the local registry cannot keep it: {error.strerror or error}").response()
        response.headers.update(_VERSION)
        return response

    def _respond(self, request: Request) -> Response:
        path = request.path.removeprefix(ROOT)
        if not path:
            return Response("{}", 200, {"Content-Type": "application/json"})
        for pattern, methods in self._routes:
            if match := pattern.fullmatch(path):
                if request.method not in methods:
                    raise Refusal("UNSUPPORTED", f"{request.method} {request.path} is not supported")
                self._repositories.check(match["name"])
                return methods[request.method](request, match.groupdict())
        raise Refusal("NAME_INVALID", f"{request.path} is no path of the distribution API", 404)

    def _begin(self, request: Request, given: Mapping[str, str]) -> Response:
        """Start an upload, or mount a blob of another repository, or take a whole blob at once."""
        name, mounted, digest = given["name"], request.args.get("mount"), request.args.get("digest")
        if mounted and self._mount(name, mounted, request.args.get("from", "")):
            return _created(name, mounted)
        if digest:
            self._contents.path(digest)
        upload = self._contents.begin(name)
        if not digest:
            return _standing(upload, 202)
        try:
            with upload.alone():
                upload.add(request.stream)
                return self._done(upload, digest)
        finally:
            self._contents.cancel(upload)  # of what was cut off, nobody knows the id; a blob is one by now

    def _mount(self, name: str, digest: str, source: str) -> bool:
        with self._contents.lock:
            try:
                there = bool(source) and self._repositories.has_blob(source, digest)
            except Refusal:  # there is no such repository; the client sends the blob then
                there = False
            if there:
                self._repositories.add_blob(name, digest)
            return there

    def _stand(self, request: Request, given: Mapping[str, str]) -> Response:
        """Say how much has arrived."""
        upload = self._contents.upload(given["name"], given["upload"])
        with upload.alone():
            return _standing(upload, 204)

    def _go_on(self, request: Request, given: Mapping[str, str]) -> Response:
        """Take a piece, which must begin where the last one ended."""
        upload = self._contents.upload(given["name"], given["upload"])
        with upload.alone():
            _check_range(request, upload)
            upload.add(request.stream)
            return _standing(upload, 202)

    def _finish(self, request: Request, given: Mapping[str, str]) -> Response:
        """Take the last piece, if any; it is a blob then."""
        upload = self._contents.upload(given["name"], given["upload"])
        digest = request.args.get("digest", "")
        self._contents.path(digest)
        with upload.alone():
            _check_range(request, upload)
            upload.add(request.stream)
            return self._done(upload, digest)

    def _done(self, upload: Upload, digest: str) -> Response:
        with self._contents.lock:
            self._contents.finish(upload, digest)
            self._repositories.add_blob(upload.repository, digest)
        return _created(upload.repository, digest)

    def _cancel(self, request: Request, given: Mapping[str, str]) -> Response:
        self._contents.cancel(self._contents.upload(given["name"], given["upload"]))
        return Response(status=204)

    def _blob(self, request: Request, given: Mapping[str, str]) -> Response:
        digest = given["digest"]
        path = self._contents.path(digest)
        if not self._repositories.has_blob(given["name"], digest):
            raise Refusal("BLOB_UNKNOWN", f"{given['name']} has no blob {digest}")
        return _file(request, path, {"Content-Type": "application/octet-stream", "Docker-Content-Digest": digest})

    def _manifest(self, request: Request, given: Mapping[str, str]) -> Response:
        image = self._repositories.image(given["name"], given["reference"])
        headers = {"Content-Type": image.image_manifest_media_type, "Docker-Content-Digest": image.image_digest}
        return _file(request, self._contents.path(image.image_digest), headers)

    def _put(self, request: Request, given: Mapping[str, str]) -> Response:
        name, reference = given["name"], given["reference"]
        manifest = manifests.read(request)
        is_digest = ":" in reference
        if is_digest and manifest.digest != reference:
            raise Refusal("DIGEST_INVALID", f"the manifest is {manifest.digest}, not {reference}")
        with self._contents.lock:
            manifests.check(manifest, name, self._repositories)
            self._repositories.put(name, manifest, "" if is_digest else reference)
        headers = {"Location": f"{ROOT}{name}/manifests/{manifest.digest}", "Docker-Content-Digest": manifest.digest}
        subject = manifests.subject(manifest.document)
        return Response(status=201, headers={**headers, **({"OCI-Subject": subject} if subject else {})})

    def _remove(self, request: Request, given: Mapping[str, str]) -> Response:
        self._repositories.remove(given["name"], given["reference"])
        return Response(status=202)

    def _referrers(self, request: Request, given: Mapping[str, str]) -> Response:
        """https://github.com/opencontainers/distribution-spec/blob/main/spec.md#listing-referrers."""
        self._contents.path(given["digest"])
        wanted = request.args.get("artifactType", "")
        found = manifests.referrers(self._repositories.manifests(given["name"]), given["digest"])
        shown = [each for each in found if wanted in ("", each["artifactType"])]
        index = {"schemaVersion": 2, "mediaType": oci.OCI_INDEX, "manifests": shown}
        headers = {"OCI-Filters-Applied": "artifactType"} if wanted else {}
        return Response(manifests.document(index), 200, {"Content-Type": oci.OCI_INDEX, **headers})

    def _tags(self, request: Request, given: Mapping[str, str]) -> Response:
        last, count = request.args.get("last", ""), request.args.get("n", type=int)
        tags = [tag for tag in self._repositories.tags(given["name"]) if tag > last]
        shown = tags if count is None else tags[: max(0, count)]
        response = Response(manifests.document({"name": given["name"], "tags": shown}), 200)
        response.content_type = "application/json"
        if shown and len(shown) < len(tags):
            response.headers["Link"] = f'<{ROOT}{given["name"]}/tags/list?n={count}&last={shown[-1]}>; rel="next"'
        return response


def _check_range(request: Request, upload: Upload) -> None:
    """https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pushing-a-blob-in-chunks."""
    given = request.headers.get("Content-Range")
    if given is None:
        return
    found = _RANGE.fullmatch(given)
    if not found:
        raise Refusal("BLOB_UPLOAD_INVALID", f'Content-Range is "{given}", not START-END')
    first, last = int(found[1]), int(found[2])
    if request.content_length is not None and request.content_length != last - first + 1:
        text = f"Content-Range says {last - first + 1} bytes, Content-Length {request.content_length}"
        raise Refusal("SIZE_INVALID", text)
    if first != upload.size:
        headers = dict(_standing(upload, 202).headers)
        headers.pop("Content-Type", None)
        raise Refusal("RANGE_INVALID", f"{upload.size} bytes have arrived: the next begins there", headers=headers)


def _standing(upload: Upload, status: int) -> Response:
    """Say where an upload goes on. As in Docker's registry, "0-0" is said of nothing, too."""
    return Response(
        status=status,
        headers={
            "Location": f"{ROOT}{upload.repository}/blobs/uploads/{upload.id}",
            "Range": f"0-{max(0, upload.size - 1)}",
            "Docker-Upload-UUID": upload.id,
            "Content-Length": "0",
        },
    )


def _created(name: str, digest: str) -> Response:
    return Response(status=201, headers={"Location": f"{ROOT}{name}/blobs/{digest}", "Docker-Content-Digest": digest})


def _file(request: Request, path: Path, headers: Mapping[str, str]) -> Response:
    """Send a file, or the one range of it that is asked for."""
    size, first, end, status = path.stat().st_size, 0, path.stat().st_size, 200
    asked = parse_range_header(request.headers.get("Range")) if request.method == "GET" else None
    more = {"Accept-Ranges": "bytes"}
    if asked is not None and len(asked.ranges) == 1:
        wanted = asked.range_for_length(size)
        if wanted is None:
            raise Refusal("RANGE_INVALID", f"it has {size} bytes", headers={"Content-Range": f"bytes */{size}"})
        (first, end), status = wanted, 206
        more["Content-Range"] = f"bytes {first}-{end - 1}/{size}"
    body = _pieces(path, first, end) if request.method == "GET" else ()
    return Response(body, status, {**headers, **more, "Content-Length": str(end - first)}, direct_passthrough=True)


def _pieces(path: Path, first: int, end: int) -> Iterator[bytes]:
    with path.open("rb") as file:
        file.seek(first)
        while first < end and (piece := file.read(min(_PIECE, end - first))):
            first += len(piece)
            yield piece
