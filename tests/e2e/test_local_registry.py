"""The local AWS's registry over raw HTTP: uploads that are cut, resumed, wrong; what ECR's own calls show of it."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import shutil
import socket
import subprocess
import tarfile
import threading
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import pytest
import urllib3

from slsdeploy import oci

pytestmark = pytest.mark.e2e


class Client:
    """A repository of the local registry, asked as a client of registries would."""

    def __init__(self, local_aws: Any, name: str = "") -> None:
        self.aws = local_aws
        self.ecr = local_aws.client("ecr")
        self.name = name or f"team/{local_aws.name('app')}"
        self.ecr.create_repository(repositoryName=self.name)
        self.host = urlsplit(local_aws.endpoint).netloc

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """Ask; a path without a leading slash is below the repository."""
        where = path if path.startswith("/") else f"/v2/{self.name}/{path}"
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return urllib3.request(
            method, f"http://{self.host}{where}", body=body, headers=named, retries=False, timeout=10
        )

    def begin(self) -> str:
        answer = self.ask("POST", "blobs/uploads/")
        assert (answer.status, answer.headers["Range"]) == (202, "0-0")
        return str(answer.headers["Location"])

    def blob(self, content: bytes) -> str:
        digest = oci.digest_of(content)
        answer = self.ask("PUT", f"{self.begin()}?digest={digest}", content)
        assert (answer.status, answer.headers["Docker-Content-Digest"]) == (201, digest)
        return digest

    def manifest(self, *layers: bytes, configuration: Any = None, **changes: Any) -> bytes:
        """Send the blobs of an image; return its manifest."""
        packed = json.dumps(configuration or {"architecture": "amd64", "os": "linux"}).encode()
        said = {
            "schemaVersion": 2,
            "mediaType": oci.OCI_MANIFEST,
            "config": oci.Descriptor(oci.OCI_CONFIG, self.blob(packed), len(packed)).document(),
            "layers": [oci.Descriptor(oci.OCI_LAYER, self.blob(each), len(each)).document() for each in layers],
        }
        return json.dumps({**said, **changes}).encode()

    def put(self, manifest: bytes, reference: str, media_type: str = oci.OCI_MANIFEST) -> Any:
        return self.ask("PUT", f"manifests/{reference}", manifest, Content_Type=media_type)


def code(answer: Any) -> tuple[int, str]:
    return answer.status, answer.json()["errors"][0]["code"]


@pytest.fixture
def client(local_aws: Any) -> Client:
    return Client(local_aws)


def test_it_is_a_registry(client: Client) -> None:
    answer = client.ask("GET", "/v2/")
    assert (answer.status, answer.headers["Docker-Distribution-Api-Version"]) == (200, "registry/2.0")


def test_a_blob_comes_back_whole_and_in_ranges(client: Client) -> None:
    content = bytes(range(256)) * 9000  # more than one piece
    digest = client.blob(content)
    whole = client.ask("GET", f"blobs/{digest}")
    assert (whole.status, whole.data, whole.headers["Docker-Content-Digest"]) == (200, content, digest)
    head = client.ask("HEAD", f"blobs/{digest}")
    assert (head.status, head.headers["Content-Length"], head.data) == (200, str(len(content)), b"")
    part = client.ask("GET", f"blobs/{digest}", Range="bytes=10-19")
    assert (part.status, part.data) == (206, content[10:20])
    assert part.headers["Content-Range"] == f"bytes 10-19/{len(content)}"
    rest = client.ask("GET", f"blobs/{digest}", Range=f"bytes={len(content) - 5}-")
    assert (rest.status, rest.data) == (206, content[-5:])
    assert client.ask("GET", f"blobs/{digest}", Range=f"bytes={len(content)}-").status == 416


def test_a_blob_in_pieces_each_where_the_last_one_ended(client: Client) -> None:
    where = client.begin()
    first = client.ask("PATCH", where, b"01234", Content_Range="0-4")
    assert (first.status, first.headers["Range"], first.headers["Location"]) == (202, "0-4", where)
    for wrong in ("0-4", "6-7", "bytes 9-10/11"):
        length = 5 if wrong == "0-4" else 2
        refused = client.ask("PATCH", where, b"x" * length, Content_Range=wrong)
        assert (*code(refused), refused.headers["Range"]) == (416, "RANGE_INVALID", "0-4")
    assert code(client.ask("PATCH", where, b"5678", Content_Range="5-9")) == (400, "SIZE_INVALID")
    assert code(client.ask("PATCH", where, b"5678", Content_Range="five")) == (400, "BLOB_UPLOAD_INVALID")
    second = client.ask("PATCH", where, b"56", Content_Range="bytes 5-6/10")
    assert second.headers["Range"] == "0-6"
    third = client.ask("PATCH", where, b"7")  # without a range: at the end
    assert third.headers["Range"] == "0-7"
    digest = oci.digest_of(b"0123456789")
    assert client.ask("PUT", f"{where}?digest={digest}", b"89", Content_Range="8-9").status == 201
    assert client.ask("GET", f"blobs/{digest}").data == b"0123456789"
    assert code(client.ask("GET", where)) == (404, "BLOB_UPLOAD_UNKNOWN")


def test_a_piece_of_unknown_length(client: Client) -> None:
    content = [b"a" * 70_000, b"b" * 3]
    where = client.begin()
    answer = client.ask("PATCH", where, iter(content))
    assert (answer.status, answer.headers["Range"]) == (202, "0-70002")
    assert client.ask("PUT", f"{where}?digest={oci.digest_of(b''.join(content))}").status == 201


def test_what_was_sent_before_the_connection_was_cut_is_not_sent_again(client: Client, eventually: Any) -> None:
    content = b"0123456789" * 100_000
    where = client.begin()
    host, port = client.host.split(":")
    with socket.create_connection((host, int(port)), timeout=5) as cut:
        head = f"PATCH {where} HTTP/1.1\r\nHost: {client.host}\r\nContent-Length: {len(content)}\r\n\r\n"
        cut.sendall(head.encode() + content[:123_457])
    arrived = eventually(lambda: int(client.ask("GET", where).headers["Range"].partition("-")[2]) + 1 == 123_457)
    assert arrived
    rest = client.ask("PATCH", where, content[123_457:], Content_Range=f"123457-{len(content) - 1}")
    assert rest.status == 202
    digest = oci.digest_of(content)
    assert client.ask("PUT", f"{where}?digest={digest}").status == 201
    assert client.ask("GET", f"blobs/{digest}").data == content


def test_a_cut_last_piece_leaves_the_upload_open(client: Client, eventually: Any) -> None:
    content = b"x" * 50_000
    digest = oci.digest_of(content)
    where = client.begin()
    host, port = client.host.split(":")
    with socket.create_connection((host, int(port)), timeout=5) as cut:
        head = f"PUT {where}?digest={digest} HTTP/1.1\r\nHost: {client.host}\r\nContent-Length: 50000\r\n\r\n"
        cut.sendall(head.encode() + content[:100])
    assert eventually(lambda: client.ask("GET", where).headers["Range"] == "0-99")
    assert code(client.ask("GET", f"blobs/{digest}")) == (404, "BLOB_UNKNOWN")
    assert client.ask("PUT", f"{where}?digest={digest}", content[100:], Content_Range="100-49999").status == 201


def test_a_wrong_digest_is_refused_and_keeps_nothing(client: Client) -> None:
    digest, where = oci.digest_of(b"this"), client.begin()
    assert code(client.ask("PUT", f"{where}?digest={digest}", b"that")) == (400, "DIGEST_INVALID")
    assert code(client.ask("GET", f"blobs/{digest}")) == (404, "BLOB_UNKNOWN")
    assert code(client.ask("GET", where)) == (404, "BLOB_UPLOAD_UNKNOWN")
    for wrong in ("", "sha256:12", "md5:1", "sha256:" + "G" * 64, "../../etc/passwd"):
        assert code(client.ask("PUT", f"{client.begin()}?digest={wrong}", b"x")) == (400, "DIGEST_INVALID")


def test_a_blob_in_one_request(client: Client) -> None:
    digest = oci.digest_of(b"at once")
    assert client.ask("POST", f"blobs/uploads/?digest={digest}", b"at once").status == 201
    assert client.ask("GET", f"blobs/{digest}").data == b"at once"


def test_an_upload_is_cancelled(client: Client) -> None:
    where = client.begin()
    assert client.ask("DELETE", where).status == 204
    assert code(client.ask("PATCH", where, b"x")) == (404, "BLOB_UPLOAD_UNKNOWN")


def test_many_uploads_at_once(client: Client) -> None:
    contents = [hashlib.sha256(bytes([number])).digest() * 20_000 for number in range(8)]
    failed: list[BaseException] = []

    def send(content: bytes) -> None:
        try:
            client.blob(content)
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=send, args=(content,)) for content in contents * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert failed == []
    assert all(client.ask("GET", f"blobs/{oci.digest_of(content)}").data == content for content in contents)


def test_a_blob_is_mounted_from_a_repository_that_has_it(client: Client, local_aws: Any) -> None:
    other = Client(local_aws)
    digest = other.blob(b"shared")
    assert code(client.ask("GET", f"blobs/{digest}")) == (404, "BLOB_UNKNOWN")
    for source in ("nowhere", client.name, ""):
        assert client.ask("POST", f"blobs/uploads/?mount={digest}&from={source}").status == 202
    mounted = client.ask("POST", f"blobs/uploads/?mount={digest}&from={other.name}")
    assert (mounted.status, mounted.headers["Location"]) == (201, f"/v2/{client.name}/blobs/{digest}")
    client.ecr.delete_repository(repositoryName=other.name, force=True)
    assert client.ask("GET", f"blobs/{digest}").data == b"shared"  # only what the other alone had is gone


def test_an_image_by_digest_and_by_tag_and_what_ecr_shows_of_it(client: Client) -> None:
    manifest = client.manifest(b"layer one", b"layer two")
    digest = oci.digest_of(manifest)
    pushed = client.put(manifest, digest)
    assert (pushed.status, pushed.headers["Docker-Content-Digest"]) == (201, digest)
    assert client.ecr.list_images(repositoryName=client.name)["imageIds"] == [{"imageDigest": digest}]
    assert client.put(manifest, "v1").status == client.put(manifest, "latest").status == 201
    for reference in (digest, "v1", "latest"):
        answer = client.ask("GET", f"manifests/{reference}", Accept=oci.OCI_MANIFEST)
        assert (answer.status, answer.data, answer.headers["Content-Type"]) == (200, manifest, oci.OCI_MANIFEST)
    head = client.ask("HEAD", "manifests/v1")
    assert (head.status, head.headers["Docker-Content-Digest"]) == (200, digest)
    assert head.headers["Content-Length"] == str(len(manifest))
    (detail,) = client.ecr.describe_images(repositoryName=client.name)["imageDetails"]
    assert (detail["imageDigest"], sorted(detail["imageTags"])) == (digest, ["latest", "v1"])
    sizes = json.loads(manifest)
    assert detail["imageSizeInBytes"] == sizes["config"]["size"] + 18
    (image,) = client.ecr.batch_get_image(repositoryName=client.name, imageIds=[{"imageTag": "v1"}])["images"]
    assert (image["imageManifest"].encode(), image["imageId"]["imageDigest"]) == (manifest, digest)
    assert client.ask("GET", "tags/list").json() == {"name": client.name, "tags": ["latest", "v1"]}
    page = client.ask("GET", "tags/list?n=1")
    assert (page.json()["tags"], "last=latest" in page.headers["Link"]) == (["latest"], True)
    assert client.ask("GET", "tags/list?n=1&last=latest").json()["tags"] == ["v1"]


def test_a_tag_moves_unless_tags_are_immutable(client: Client) -> None:
    first, second = client.manifest(b"1"), client.manifest(b"2")
    client.put(first, "live")
    assert client.put(second, "live").status == 201
    assert client.ask("GET", "manifests/live").data == second
    ids = client.ecr.list_images(repositoryName=client.name)["imageIds"]
    assert {(each["imageDigest"], each.get("imageTag")) for each in ids} == {
        (oci.digest_of(first), None),
        (oci.digest_of(second), "live"),
    }
    client.ecr.put_image_tag_mutability(repositoryName=client.name, imageTagMutability="IMMUTABLE")
    assert code(client.put(first, "live")) == (400, "TAG_INVALID")
    assert client.put(second, "live").status == 201  # it is that image already
    assert client.ask("GET", "manifests/live").data == second


def test_images_put_through_ecr_are_there_too(client: Client) -> None:
    layer = oci.digest_of(b"by api")
    upload = client.ecr.initiate_layer_upload(repositoryName=client.name)["uploadId"]
    client.ecr.upload_layer_part(
        repositoryName=client.name, uploadId=upload, partFirstByte=0, partLastByte=5, layerPartBlob=b"by api"
    )
    client.ecr.complete_layer_upload(repositoryName=client.name, uploadId=upload, layerDigests=[layer])
    assert client.ask("GET", f"blobs/{layer}").data == b"by api"
    manifest = client.manifest(b"by push")
    client.ecr.put_image(repositoryName=client.name, imageManifest=manifest.decode(), imageTag="api")
    assert client.ask("GET", "manifests/api").data == manifest
    with pytest.raises(client.ecr.exceptions.ImageDigestDoesNotMatchException):
        client.ecr.put_image(
            repositoryName=client.name, imageManifest=manifest.decode(), imageDigest=f"sha256:{'0' * 64}"
        )


@pytest.mark.parametrize(
    ("changes", "reference", "refused"),
    [
        ({"schemaVersion": 1}, "v1", (400, "MANIFEST_INVALID")),
        ({"mediaType": oci.DOCKER_MANIFEST}, "v1", (400, "MANIFEST_INVALID")),
        ({"layers": None}, "v1", (400, "MANIFEST_INVALID")),
        ({"config": {}}, "v1", (400, "MANIFEST_INVALID")),
        ({"layers": [{"digest": f"sha256:{'0' * 64}", "size": 1}]}, "v1", (404, "MANIFEST_BLOB_UNKNOWN")),
        ({"layers": [{"digest": "sha256:1", "size": 1}]}, "v1", (404, "MANIFEST_BLOB_UNKNOWN")),
        ({}, f"sha256:{'0' * 64}", (400, "DIGEST_INVALID")),
    ],
)
def test_a_manifest_that_is_wrong_is_refused(
    client: Client, changes: Mapping[str, Any], reference: str, refused: tuple[int, str]
) -> None:
    assert code(client.put(client.manifest(b"layer", **changes), reference)) == refused
    assert client.ecr.list_images(repositoryName=client.name)["imageIds"] == []


def test_what_is_no_manifest_is_refused(client: Client) -> None:
    manifest = client.manifest(b"layer")
    said = json.loads(manifest)
    said["layers"][0]["size"] += 1
    assert code(client.put(json.dumps(said).encode(), "v1")) == (400, "MANIFEST_INVALID")
    assert code(client.put(b"{", "v1")) == (400, "MANIFEST_INVALID")
    assert code(client.put(b"[]", "v1")) == (400, "MANIFEST_INVALID")
    assert code(client.put(manifest, "v1", "text/plain")) == (400, "MANIFEST_INVALID")
    assert code(client.put(b" " * (4 * 1024 * 1024 + 1), "v1")) == (413, "SIZE_INVALID")
    assert code(client.ask("GET", "manifests/v1")) == (404, "MANIFEST_UNKNOWN")


def test_an_index_names_images_that_are_there(client: Client) -> None:
    manifest = client.manifest(b"layer")
    entry = oci.Descriptor(oci.OCI_MANIFEST, oci.digest_of(manifest), len(manifest)).document()
    index = json.dumps({"schemaVersion": 2, "mediaType": oci.OCI_INDEX, "manifests": [entry]}).encode()
    assert code(client.put(index, "all", oci.OCI_INDEX)) == (404, "MANIFEST_BLOB_UNKNOWN")
    client.put(manifest, oci.digest_of(manifest))
    assert client.put(index, "all", oci.OCI_INDEX).status == 201
    assert client.ask("GET", "manifests/all").headers["Content-Type"] == oci.OCI_INDEX


def test_there_is_no_repository_but_those_that_were_made(client: Client) -> None:
    for method, path in (
        ("POST", "blobs/uploads/"),
        ("GET", "tags/list"),
        ("PUT", "manifests/v1"),
        ("GET", "blobs/x:1"),
    ):
        assert code(client.ask(method, f"/v2/team/unknown/{path}", b"{}")) == (404, "NAME_UNKNOWN")
    assert code(client.ask("GET", "/v2/UPPER/tags/list")) == (404, "NAME_INVALID")
    assert code(client.ask("DELETE", f"blobs/{client.blob(b'x')}")) == (405, "UNSUPPORTED")


def test_deleting_an_image_or_the_repository_deletes_what_only_they_had(client: Client) -> None:
    first, second = client.manifest(b"shared", b"first"), client.manifest(b"shared", b"second")
    client.put(first, "1")
    client.put(second, "2")
    assert client.ask("DELETE", f"manifests/{oci.digest_of(first)}").status == 202
    assert client.ask("GET", f"blobs/{oci.digest_of(b'first')}").status == 404
    assert client.ask("GET", f"blobs/{oci.digest_of(b'shared')}").status == 200
    with pytest.raises(client.ecr.exceptions.RepositoryNotEmptyException):
        client.ecr.delete_repository(repositoryName=client.name)
    client.ecr.delete_repository(repositoryName=client.name, force=True)
    assert code(client.ask("GET", "tags/list")) == (404, "NAME_UNKNOWN")
    client.ecr.create_repository(repositoryName=client.name)
    assert client.ask("GET", f"blobs/{oci.digest_of(b'shared')}").status == 404
    assert code(client.put(second, "2")) == (404, "MANIFEST_BLOB_UNKNOWN")


def test_repositories_are_here_and_so_is_who_gives_tokens(client: Client) -> None:
    (found,) = client.ecr.describe_repositories(repositoryNames=[client.name])["repositories"]
    assert found["repositoryUri"] == f"{client.host}/{client.name}"
    (given,) = client.ecr.get_authorization_token()["authorizationData"]
    assert given["proxyEndpoint"] == client.aws.endpoint
    token = given["authorizationToken"]
    assert client.ask("GET", "tags/list", Authorization=f"Basic {token}").status == 200


@pytest.mark.skipif(not shutil.which("skopeo"), reason="there is no skopeo here")
def test_a_client_that_is_not_ours_copies_and_inspects(client: Client) -> None:
    def skopeo(*words: str) -> str:
        done = subprocess.run(["skopeo", *words], capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    layer = gzip.compress(tar_of("var/task/app.py", b"code"))
    config = {"architecture": "amd64", "os": "linux", "config": {}}
    config["rootfs"] = {"type": "layers", "diff_ids": [oci.digest_of(gzip.decompress(layer))]}
    manifest = client.manifest(layer, configuration=config)
    client.put(manifest, "v1")
    here = f"docker://{client.host}/{client.name}"
    plain = ("--src-tls-verify=false", "--dest-tls-verify=false")
    skopeo("copy", *plain, f"{here}:v1", f"{here}:copied")
    skopeo("copy", *plain, "--format", "v2s2", f"{here}:v1", f"{here}:docker")
    assert json.loads(skopeo("inspect", "--tls-verify=false", f"{here}:copied"))["Digest"] == oci.digest_of(manifest)
    tags = json.loads(skopeo("list-tags", "--tls-verify=false", here))["Tags"]
    assert tags == ["copied", "docker", "v1"]


def tar_of(name: str, content: bytes) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        member = tarfile.TarInfo(name)
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))
    return stream.getvalue()


def test_web_pages_and_other_hosts_are_kept_out(client: Client) -> None:
    assert client.ask("POST", "blobs/uploads/", Origin="https://example.com").status == 403
    assert client.ask("GET", "tags/list", Sec_Fetch_Site="cross-site").status == 403
    assert client.ask("GET", "tags/list", Host="registry.example.com").status == 403
    asked_first = client.ask("OPTIONS", "manifests/v1", Origin="https://example.com")
    assert (asked_first.status, "Access-Control-Allow-Origin" in asked_first.headers) == (403, False)


def test_paths_below_v2_of_other_services_stay_theirs(local_aws: Any) -> None:
    apis = local_aws.client("apigatewayv2")
    made = apis.create_api(Name="api", ProtocolType="HTTP")["ApiId"]
    assert made in [each["ApiId"] for each in apis.get_apis()["Items"]]
