"""What holds for every implementation of `tools.Registry`: the real one, before a registry on loopback, and the double."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from slsdeploy import oci
from slsdeploy.effects.registry import OciRegistry
from slsdeploy.errors import NoRepository, ToolError
from slsdeploy.tools import Registry
from tests.fakes import FakeRegistry, FakeShell, FakeTask
from tests.images import CONFIG, elsewhere, image
from tests.oci_registry import registry


@dataclass
class Side:
    """A registry client, and a host where it finds repositories `a` and `b`, but none else."""

    client: Registry
    host: str

    def at(self, repository: str, tag: str = "", digest: str = "") -> oci.Reference:
        return oci.Reference(self.host, repository, tag, digest)


@pytest.fixture(params=["double", "real"])
def side(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Side]:
    monkeypatch.setenv("SLSDEPLOY_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    if request.param == "double":
        yield Side(FakeRegistry(only={"127.0.0.1:5000/a", "127.0.0.1:5000/b"}), "127.0.0.1:5000")
        return
    with registry() as server:
        server.only = {"a", "b"}
        yield Side(OciRegistry(FakeShell()), server.host)


def test_what_was_pushed_can_be_read(side: Side, tmp_path: Path) -> None:
    (tmp_path / "layer").write_bytes(b"a file")
    made, task = image(b"some bytes", tmp_path / "layer"), FakeTask()
    pushed = side.client.push(made, side.at("a", "v1"), task)
    assert pushed == oci.Pushed(side.at("a", "v1", made.digest), frozenset(), pushed.uploaded_bytes)
    assert pushed.uploaded_bytes >= task.amount == sum(each.descriptor.size for each in made.blobs)
    for reference in (side.at("a", "v1"), side.at("a", digest=made.digest), side.at("a", "v1", made.digest)):
        assert side.client.manifest(reference) == made.manifest
    for blob, content in zip(made.blobs, (CONFIG, b"some bytes", b"a file"), strict=True):
        assert side.client.blob(side.at("a"), blob.descriptor.digest) == content


def test_a_blob_of_any_size_can_be_written_to_a_file(side: Side, tmp_path: Path) -> None:
    content = bytes(range(256)) * 20_000
    made, task = image(content), FakeTask()
    side.client.push(made, side.at("a", "v1"), FakeTask())
    side.client.blob_to(side.at("a"), made.blobs[1].descriptor, tmp_path / "blob", task)
    assert (tmp_path / "blob").read_bytes() == content
    assert task.amount == len(content)
    with pytest.raises(ToolError):
        side.client.blob_to(side.at("a"), oci.Descriptor("", f"sha256:{'0' * 64}", 3), tmp_path / "none", task)


def test_nothing_is_sent_twice(side: Side) -> None:
    made = image(b"one", b"two")
    side.client.push(made, side.at("a", "v1"), FakeTask())
    task = FakeTask()
    pushed = side.client.push(made, side.at("a", "v1"), task)
    assert pushed.uploaded_bytes == 0 and pushed.reused == {each.descriptor.digest for each in made.blobs}
    assert task.amount == sum(each.descriptor.size for each in made.blobs)


def test_a_change_sends_only_what_changed(side: Side) -> None:
    side.client.push(image(b"one" * 1000, b"two"), side.at("a", "v1"), FakeTask())
    made = image(b"one" * 1000, b"2")
    pushed = side.client.push(made, side.at("a", "v1"), FakeTask())
    assert pushed.reused == {made.blobs[0].descriptor.digest, made.blobs[1].descriptor.digest}
    assert 1 <= pushed.uploaded_bytes < 3000
    assert side.client.manifest(side.at("a", "v1")) == made.manifest


def test_a_neighbours_blob_is_not_sent(side: Side) -> None:
    side.client.push(image(b"base" * 100), side.at("a", "base"), FakeTask())
    made = image(elsewhere(b"base" * 100, side.at("a", "base")), b"own")
    pushed = side.client.push(made, side.at("b", "v1"), FakeTask())
    assert made.blobs[1].descriptor.digest in pushed.reused and pushed.uploaded_bytes < 2000
    assert side.client.blob(side.at("b"), made.blobs[1].descriptor.digest) == b"base" * 100


def test_without_a_tag_it_is_there_by_its_digest_alone(side: Side) -> None:
    made = image(b"x")
    assert side.client.push(made, side.at("a"), FakeTask()).reference == side.at("a", digest=made.digest)
    assert side.client.manifest(side.at("a", digest=made.digest)) == made.manifest
    with pytest.raises(ToolError, match="does not have it"):
        side.client.manifest(side.at("a"))


def test_a_layer_may_be_in_it_twice(side: Side) -> None:
    made, task = image(b"same", b"same"), FakeTask()
    side.client.push(made, side.at("a", "v1"), task)
    assert side.client.manifest(side.at("a", "v1")) == made.manifest
    assert task.amount == sum(each.descriptor.size for each in made.blobs)


def test_there_is_no_repository(side: Side) -> None:
    with pytest.raises(NoRepository, match="there is no repository c at 127"):
        side.client.push(image(b"x"), side.at("c", "v1"), FakeTask())


def test_there_is_no_such_image_and_no_such_blob(side: Side) -> None:
    with pytest.raises(ToolError, match=r"cannot read .*a:nothing: 127.* does not have it"):
        side.client.manifest(side.at("a", "nothing"))
    with pytest.raises(ToolError, match=r"cannot read the blob sha256:0.*: 127.* does not have it"):
        side.client.blob(side.at("a"), "sha256:" + "0" * 64)


def test_a_referrer_is_beside_the_image_and_sent_once(side: Side) -> None:
    made = image(b"x")
    side.client.push(made, side.at("a", "v1"), FakeTask())
    about = oci.referrer(made, b'{"a": 1}', "application/vnd.cyclonedx+json", "sbom.cdx.json")
    first = side.client.attach(about, side.at("a", "v1"), FakeTask())
    assert first.reference == side.at("a", digest=about.digest)
    assert first.uploaded_bytes > 0
    assert side.client.attach(about, side.at("a", "v1"), FakeTask()).uploaded_bytes == 0
    assert side.client.manifest(side.at("a", "v1")) == made.manifest, "the tag stays the image's"
    document = side.client.manifest(side.at("a", digest=about.digest)).document
    assert document["subject"]["digest"] == made.digest
    assert document["artifactType"] == "application/vnd.cyclonedx+json"
    assert side.client.blob(side.at("a"), document["layers"][0]["digest"]) == b'{"a": 1}'
