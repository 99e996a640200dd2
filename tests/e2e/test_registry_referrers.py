"""What is attached to an image: listed by registries that know referrers, under a tag of its own by those that do not, refused by some."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from slsdeploy import oci
from slsdeploy.errors import ToolError
from tests.docker_registry import DockerRegistry, needs_registry
from tests.e2e.registries import at, client
from tests.e2e.test_local_registry import Client
from tests.fakes import FakeTask
from tests.images import image
from tests.oci_registry import Fault, OciServer, registry

pytestmark = pytest.mark.e2e
KIND = "application/vnd.cyclonedx+json"


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[OciServer]:
    monkeypatch.setenv("SLSDEPLOY_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    with registry() as made:
        yield made


def about(subject: oci.Image, content: bytes = b"{}") -> oci.Image:
    return oci.referrer(subject, content, KIND, "sbom.cdx.json")


def listed(server: OciServer, subject: oci.Image) -> Any:
    _, content = server.manifests["a/b"][subject.digest.replace(":", "-")]
    return json.loads(content)


def attach(server: OciServer, referrer: oci.Image) -> oci.Pushed:
    return client().attach(referrer, at(server), FakeTask())


@pytest.fixture
def subject(server: OciServer) -> oci.Image:
    made = image(b"x")
    client().push(made, at(server), FakeTask())
    return made


def test_who_knows_referrers_gets_no_list_from_us(server: OciServer, subject: oci.Image) -> None:
    attach(server, about(subject))
    assert set(server.manifests["a/b"]) == {"v1", subject.digest, about(subject).digest}


def test_the_others_get_a_list_under_a_tag_of_its_own(server: OciServer, subject: oci.Image) -> None:
    server.referrers = False
    referrer = about(subject)
    attach(server, referrer)
    assert listed(server, subject) == {
        "schemaVersion": 2,
        "mediaType": oci.OCI_INDEX,
        "manifests": [
            {
                "mediaType": oci.OCI_MANIFEST,
                "digest": referrer.digest,
                "size": len(referrer.manifest.content),
                "artifactType": KIND,
            }
        ],
    }
    assert server.manifests["a/b"]["v1"] == (oci.OCI_MANIFEST, subject.manifest.content)


def test_a_list_is_added_to_and_an_unchanged_one_is_not_sent(server: OciServer, subject: oci.Image) -> None:
    server.referrers = False
    attach(server, about(subject))
    second = attach(server, about(subject, b'{"other": 1}'))
    assert second.uploaded_bytes > 0
    assert [each["digest"] for each in listed(server, subject)["manifests"]] == [
        about(subject).digest,
        about(subject, b'{"other": 1}').digest,
    ]
    server.asked.clear()
    assert attach(server, about(subject)).uploaded_bytes == 0
    assert not server.count("PUT")


def test_what_was_interrupted_is_finished(server: OciServer, subject: oci.Image) -> None:
    server.referrers = False
    server.faults.append(Fault("PUT", "manifests/sha256-", times=1000, status=503))
    with pytest.raises(ToolError):
        attach(server, about(subject))
    server.faults.clear()
    attach(server, about(subject))
    assert len(listed(server, subject)["manifests"]) == 1


@pytest.mark.parametrize("status", [400, 403, 404, 405, 415])
def test_who_takes_none_says_so_and_the_image_stays(server: OciServer, subject: oci.Image, status: int) -> None:
    server.faults.append(Fault("PUT", f"manifests/{about(subject).digest}", times=1000, status=status))
    with pytest.raises(ToolError):
        attach(server, about(subject))
    assert server.manifests["a/b"]["v1"] == (oci.OCI_MANIFEST, subject.manifest.content)


@pytest.mark.parametrize("content", [b"", b"[]", b'{"manifests": 1}', b'{"manifests": [1]}', b"\xff", b"{}"])
def test_something_else_under_that_tag_is_left_alone(server: OciServer, subject: oci.Image, content: bytes) -> None:
    server.referrers = False
    tag = subject.digest.replace(":", "-")
    server.manifests["a/b"][tag] = (oci.OCI_INDEX, content)
    with pytest.raises(ToolError, match="no list of referrers"):
        attach(server, about(subject))
    assert server.manifests["a/b"][tag] == (oci.OCI_INDEX, content)


def test_a_page_instead_of_a_list_is_no_list(server: OciServer, subject: oci.Image) -> None:
    page = {"Content-Type": "text/html"}
    server.faults.append(Fault("GET", "referrers/", times=1, status=200, headers=page, body=b"<html>"))
    attach(server, about(subject))
    assert len(listed(server, subject)["manifests"]) == 1


@needs_registry
def test_docker_s_registry_takes_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLSDEPLOY_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    docker = DockerRegistry(tmp_path)
    docker.start()
    try:
        made, to = image(b"x"), oci.Reference(docker.host, "a/b", "v1")
        client().push(made, to, FakeTask())
        referrer = about(made)
        client().attach(referrer, to, FakeTask())
        assert client().attach(referrer, to, FakeTask()).uploaded_bytes == 0
        assert client().manifest(to) == made.manifest
        found = client().manifest(oci.Reference(docker.host, "a/b", made.digest.replace(":", "-"))).document
        assert _digests(found) == [referrer.digest]
        assert client().manifest(oci.Reference(docker.host, "a/b", digest=referrer.digest)) == referrer.manifest
    finally:
        docker.kill()


def test_the_local_registry_lists_it(local_aws: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLSDEPLOY_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    there = Client(local_aws)
    made, to = image(b"x"), oci.Reference(there.host, there.name, "v1")
    client().push(made, to, FakeTask())
    referrer = about(made)
    client().attach(referrer, to, FakeTask())
    answer = there.ask("GET", f"referrers/{made.digest}")
    assert (answer.status, answer.headers["Content-Type"]) == (200, oci.OCI_INDEX)
    assert _digests(json.loads(answer.data)) == [referrer.digest]
    assert json.loads(answer.data)["manifests"][0]["artifactType"] == KIND
    for kind, count in ((KIND, 1), ("application/else", 0)):
        filtered = there.ask("GET", f"referrers/{made.digest}?artifactType={quote(kind)}")
        assert filtered.headers["OCI-Filters-Applied"] == "artifactType"
        assert len(json.loads(filtered.data)["manifests"]) == count
    nothing = there.ask("GET", f"referrers/sha256:{'0' * 64}")
    assert (nothing.status, json.loads(nothing.data)["manifests"]) == (200, [])
    assert there.ask("GET", "referrers/sha256:nonsense").status == 400
    sent = there.ask("PUT", f"manifests/{referrer.digest}", referrer.manifest.content, Content_Type=oci.OCI_MANIFEST)
    assert sent.headers["OCI-Subject"] == made.digest
    assert there.ask("GET", "tags/list").json()["tags"] == ["v1"], "no list under a tag"


def _digests(index: Mapping[str, Any]) -> list[str]:
    return [each["digest"] for each in index["manifests"]]
