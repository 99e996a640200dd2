"""Pushing to a registry that misbehaves: what is there in the end is whole, and sent once; only then there is a tag."""

from __future__ import annotations

import random
import re
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from slsdeploy import oci
from slsdeploy.effects.registry import unfinished
from slsdeploy.errors import BuildError, SlsdeployError, ToolError
from tests.e2e.registries import at, client, is_tagged, is_whole, noise, push
from tests.fakes import FakeTask
from tests.images import CONFIG, elsewhere, image
from tests.oci_registry import Fault, OciServer, registry

pytestmark = pytest.mark.e2e
SMALL = len(CONFIG)


@pytest.fixture(autouse=True)
def _own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLSDEPLOY_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))


@pytest.fixture
def server() -> Iterator[OciServer]:
    with registry() as made:
        yield made


def remembered(tmp_path: Path) -> list[Path]:
    return list((tmp_path / "cache").glob("uploads/*"))


def test_a_large_blob_goes_in_chunks_and_a_small_one_whole(server: OciServer) -> None:
    made = image(noise(100), noise(40))
    sent = push(server, made, chunk=40).uploaded_bytes
    assert is_whole(server, made)
    ranges = [each.headers["Content-Range"] for each in server.asked if each.method == "PATCH"]
    assert [each for each in ranges if each.startswith(("0-39", "40-79"))] and "80-99" in ranges
    assert server.count("PUT", "blobs/uploads") == 3
    assert sent == SMALL + 140 + 2 * len(made.manifest.content)


def test_the_tag_is_the_last_thing_written(server: OciServer) -> None:
    made = image(noise(100), noise(50))
    push(server, made)
    writes = [each.path for each in server.asked if each.method in ("POST", "PUT", "PATCH")]
    assert writes[-2:] == [f"/v2/a/b/manifests/{made.digest}", "/v2/a/b/manifests/v1"]
    assert not any("manifests" in each for each in writes[:-2])


@pytest.mark.parametrize("forgets", [False, True], ids=["keeps uploads", "forgets them as Docker's"])
def test_a_connection_cut_at_any_byte(server: OciServer, forgets: bool, tmp_path: Path) -> None:
    server.forgets = forgets
    for chunk in range(3):
        for byte in range(41 if chunk < 2 else 21):
            made = image(noise(100), config=b"{}")
            server.faults = [Fault("PATCH", "uploads", skip=chunk, cut=byte)]
            server.received = 0
            push(server, made, chunk=40, uploads=1)
            assert is_whole(server, made), (chunk, byte)
            assert not any(fault.times for fault in server.faults)
            if not forgets and chunk * 40 + byte > 1:
                layer = server.received - 2 * len(made.manifest.content)
                assert layer <= 100 + len(b"{}"), f"byte {byte} of chunk {chunk}: bytes were sent twice"
    assert remembered(tmp_path) == []


@pytest.mark.parametrize("byte", [0, 1, 20, 39, 40])
def test_a_small_blob_cut_at_any_byte(server: OciServer, byte: int) -> None:
    made = image(noise(40))
    server.faults = [Fault("PUT", "uploads", skip=1, cut=byte)]
    push(server, made, uploads=1)
    assert is_whole(server, made)


ANY = [
    ("HEAD", "blobs/sha"),
    ("POST", "uploads"),
    ("PATCH", "uploads"),
    ("PUT", "uploads"),
    ("HEAD", "manifests/sha"),
    ("PUT", "manifests/sha"),
    ("HEAD", "manifests/v1"),
    ("PUT", "manifests/v1"),
]


@pytest.mark.parametrize(("method", "path"), ANY)
@pytest.mark.parametrize(
    "fault",
    [
        Fault("", "", lost=True),
        Fault("", "", cut=0),
        Fault("", "", sleep=0.5),
        *(Fault("", "", status=status) for status in (408, 429, 500, 502, 503, 504)),
        Fault("", "", status=503, reads=False),
    ],
    ids=lambda fault: (
        f"{fault.status or ''}{(fault.sleep and 'slow') or ''}{(fault.lost and 'lost') or ''}{'' if fault.reads else ' early'}"
        or "cut"
    ),
)
def test_once_is_no_reason_to_give_up(server: OciServer, method: str, path: str, fault: Fault) -> None:
    made = image(noise(100), noise(10))
    if fault.cut is not None and method in ("HEAD", "POST"):
        fault = Fault("", "", status=500)
    server.faults = [Fault(**{**vars(fault), "method": method, "path": path, "times": 1 if fault.lost else 2})]
    push(server, made, **({"read": 0.2, "finish": 0.2} if fault.sleep else {}))
    assert is_whole(server, made)
    assert not any(each.times for each in server.faults)


@pytest.mark.parametrize(("method", "path"), ANY)
@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (Fault("", "", status=500), r"answered 500 \(Internal Server Error\)"),
        (Fault("", "", status=503, headers={"Retry-After": "3600"}), r"answered 503 \(Service Unavailable\)"),
        (Fault("", "", status=429), r"answered 429 \(Too Many Requests\)"),
        (
            Fault("", "", status=403, body=b'{"errors":[{"code":"DENIED","message":"not you"}]}'),
            "403 DENIED.*: not you",
        ),
        (Fault("", "", status=401), "wants a login"),
        (Fault("", "", status=418), r"refuses to push .* \(418\)"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_when_it_stays_so_it_is_said_and_nothing_is_tagged(
    server: OciServer, method: str, path: str, fault: Fault, told: str
) -> None:
    server.faults = [Fault(**{**vars(fault), "method": method, "path": path, "times": 1000})]
    if "manifests" in path:  # who may look only says so when it is put
        server.faults.append(Fault(**{**vars(fault), "method": "PUT", "path": path, "times": 1000}))
    began = time.monotonic()
    if method == "HEAD":
        told = told.partition(" DENIED")[0]  # HEAD has no body
    with pytest.raises(ToolError, match=told) as raised:
        push(server, image(noise(100)))
    assert raised.value.hint and server.host in raised.value.where
    assert time.monotonic() - began < 10
    assert "v1" not in server.manifests.get("a/b", {})


def test_retry_after_is_waited_for(server: OciServer) -> None:
    server.faults = [Fault("POST", "uploads", status=429, headers={"Retry-After": "1"})]
    began = time.monotonic()
    push(server, image(b"x"), uploads=1)
    assert 1 <= time.monotonic() - began < 10


def test_a_registry_that_is_always_silent(server: OciServer) -> None:
    server.faults = [Fault("PATCH", "uploads", times=1000, sleep=0.4)]
    with pytest.raises(ToolError, match="too slow: it fell silent"):
        push(server, image(noise(100)), read=0.1, attempts=3)


def test_a_request_that_is_too_large(server: OciServer) -> None:
    server.largest = 30
    with pytest.raises(ToolError, match=r"refuses to push the layer .* \(413\)") as raised:
        push(server, image(noise(100)))
    assert "client_max_body_size" in raised.value.hint and not is_tagged(server)


@pytest.mark.parametrize("chunks", ["no", "first"])
def test_a_registry_without_chunks_gets_the_blob_whole(server: OciServer, chunks: str) -> None:
    server.chunks = chunks
    made = image(noise(100))
    push(server, made)
    assert is_whole(server, made)


@pytest.mark.parametrize(("smallest", "patches"), [(60, 2), (1000, 0)])
def test_a_registry_that_wants_larger_chunks(server: OciServer, smallest: int, patches: int) -> None:
    server.smallest = smallest
    made = image(noise(100))
    push(server, made, largest_chunk=100, uploads=1)
    layer = [each for each in server.asked if each.method == "PATCH" and int(each.headers["Content-Length"]) <= 60]
    assert is_whole(server, made) and (len(layer) >= patches if patches else not layer)


def test_a_blob_that_arrives_damaged_is_sent_once_more(server: OciServer) -> None:
    server.damages = 1
    made = image(noise(100))
    push(server, made, uploads=1)
    assert is_whole(server, made)
    server.damages = 1000
    with pytest.raises(ToolError, match=r"arrives damaged at 127.*: its digest does not match there"):
        push(server, image(noise(100)))


def test_a_registry_that_loses_every_upload(server: OciServer) -> None:
    server.faults = [Fault("PATCH", "", times=1000, skip=1, status=404)]
    with pytest.raises(ToolError, match="loses uploads"):
        push(server, image(noise(100)), uploads=1)


def test_a_file_that_has_changed_since(server: OciServer, tmp_path: Path) -> None:
    layer = tmp_path / "layer"
    for size, after in ((100, b"x" * 100), (100, b"x" * 99), (100, b"x" * 101), (20, b"y" * 20), (20, b"")):
        layer.write_bytes(noise(size))
        made = image(layer)
        layer.write_bytes(after)
        with pytest.raises(BuildError, match="layer 0 has changed since it was built") as raised:
            push(server, made)
        assert raised.value.where == str(layer) and not is_tagged(server)
    layer.unlink()
    with pytest.raises(BuildError, match="cannot read the layer layer 0: No such file"):
        push(server, made)


def test_it_goes_on_where_another_run_stopped(server: OciServer, tmp_path: Path) -> None:
    made = image(noise(400))
    server.faults = [Fault("PATCH", "uploads", times=1000, skip=SMALL // 40 + 1 + 5, status=403)]
    with pytest.raises(ToolError, match="403"):
        push(server, made, uploads=1)
    assert not is_tagged(server) and len(remembered(tmp_path)) == 1
    assert (tmp_path / "cache/uploads").stat().st_mode & 0o077 == 0
    server.faults, server.received = [], 0
    sent = push(server, made).uploaded_bytes
    assert is_whole(server, made) and remembered(tmp_path) == []
    assert sent == server.received < 400 + SMALL + 2 * len(made.manifest.content) - 80


@pytest.mark.parametrize("became", ["gone", "another's", "nonsense", "refused", "complete"])
def test_an_upload_of_another_run_that_is_stale_begins_again(server: OciServer, became: str) -> None:
    content = noise(100)
    made = image(content)
    digest, to = oci.digest_of(content), at(server)
    url = f"http://{server.host}/v2/a/b/blobs/uploads/old"
    if became == "another's":
        server.uploads["old"] = bytearray(b"z" * 60)
    elif became == "complete":
        server.uploads["old"] = bytearray(content)
    elif became == "refused":
        server.faults = [Fault("GET", "old", status=403, times=1000)]
    unfinished.remember(to, digest, "ftp://nowhere" if became == "nonsense" else url)
    push(server, made)
    assert is_whole(server, made)


def test_ctrl_c_ends_soon_and_the_next_run_goes_on(server: OciServer, tmp_path: Path) -> None:
    made = image(noise(4000))

    class Impatient(FakeTask):
        def advance(self, amount: int) -> None:
            super().advance(amount)
            if self.amount > 1000:
                raise KeyboardInterrupt

    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        client().push(made, at(server), Impatient())
    assert time.monotonic() - began < 10 and not is_tagged(server)
    assert [each for each in threading.enumerate() if each.name == "registry"] == []
    server.received = 0
    assert push(server, made).uploaded_bytes == server.received
    assert server.received < 3000 + SMALL + 2 * len(made.manifest.content)
    assert is_whole(server, made)


def test_one_layer_that_is_refused_ends_the_others(server: OciServer) -> None:
    server.faults = [Fault("PATCH", "uploads", status=403)]
    with pytest.raises(ToolError, match="403"):
        push(server, image(*(noise(800) for _ in range(20))), uploads=2)
    assert server.count("POST") < 10 and not is_tagged(server)


def test_a_cache_that_cannot_be_written_is_not_needed(server: OciServer, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file")
    made = image(noise(100))
    push(server, made)
    assert is_whole(server, made)


def test_immutable_tags_say_so(server: OciServer) -> None:
    body = (
        b'{"errors":[{"code":"TAG_INVALID","message":"The image tag \'v1\' already exists and cannot be overwritten"}]}'
    )
    server.faults = [Fault("PUT", "manifests/v1", times=9, status=400, body=body)]
    with pytest.raises(
        ToolError, match=r"refuses to push the manifest v1 \(400 TAG_INVALID\): The image tag 'v1' already"
    ):
        push(server, image(b"x"))


def test_a_tag_that_moves_and_one_that_stays(server: OciServer) -> None:
    first, second = image(b"1"), image(b"2")
    push(server, first)
    push(server, second)
    assert is_whole(server, second)
    puts = server.count("PUT")
    push(server, second)
    assert server.count("PUT") == puts


def test_a_terminal_sees_no_control_characters_of_a_registry(server: OciServer) -> None:
    body = b'{"errors":[{"code":"DENIED","message":"\\u001b[31mred\\nand more"}]}'
    server.faults = [Fault("POST", "", times=9, status=403, body=body)]
    with pytest.raises(SlsdeployError) as raised:
        push(server, image(b"x"))
    assert re.search(r": \[31mred and more$", raised.value.message)


@pytest.mark.parametrize("status", [401, 413, 503])
def test_an_answer_before_the_chunk_was_read(server: OciServer, status: int) -> None:
    """The connection is reset while we still send: the answer may be lost by that."""
    made = image(noise(9_000_000))
    server.faults = [Fault("PATCH", "", status=status, reads=False, headers={"WWW-Authenticate": "Basic"})]
    refused = attempted(server, made, chunk=4_000_000, uploads=1)
    if refused:
        assert status != 503 and re.search("wants a login|413", refused.message)
        assert not is_tagged(server)
    else:
        assert is_whole(server, made)


@pytest.mark.parametrize("location", ["http://[", "http://a:b/c", "http://evil.example/x", "https://", "::"])
def test_uploads_to_nowhere(server: OciServer, location: str) -> None:
    server.faults = [Fault("POST", "uploads", status=202, times=9, headers={"Location": location})]
    with pytest.raises(ToolError):
        push(server, image(noise(10)), attempts=2)
    assert not is_tagged(server)


def attempted(server: OciServer, made: oci.Image, **changes: float) -> SlsdeployError | None:
    """Push; return the error that there was."""
    try:
        push(server, made, **changes)
    except SlsdeployError as error:
        return error
    return None


def anything(luck: random.Random) -> Fault:
    """Return some misfortune."""
    method, path = luck.choice(ANY)
    fault = Fault(method, path, times=luck.randrange(1, 4), skip=luck.randrange(4))
    kind = luck.randrange(4)
    if kind == 0:
        fault.lost = True
    elif kind == 1 and method in ("PUT", "PATCH"):
        fault.cut = luck.randrange(41)
    elif kind == 2:
        fault.status, fault.reads = luck.choice([408, 429, 500, 502, 503, 504]), luck.random() < 0.8
    else:
        fault.status = luck.choice([400, 403, 404, 405, 413, 416, 418])
    return fault


@pytest.mark.parametrize("seed", range(60))
def test_any_row_of_misfortunes(server: OciServer, seed: int) -> None:
    """Whatever happens: it is whole and tagged, or an error of ours and no tag; and when the sun shines again, it is whole."""
    luck = random.Random(seed)
    made = image(*(noise(luck.randrange(200)) for _ in range(luck.randrange(1, 6))))
    server.forgets, server.chunks = luck.random() < 0.3, luck.choice(["yes", "yes", "no", "first"])
    server.damages = luck.choice([0, 0, 1])
    for _ in range(3):
        server.faults = [anything(luck) for _ in range(luck.randrange(1, 5))]
        error = attempted(server, made)
        if error:
            assert error.hint and error.exit_code != 1
            tagged = server.manifests.get("a/b", {})
            assert not tagged or all(each.descriptor.digest in server.blobs["a/b"] for each in made.blobs)
        else:
            assert is_whole(server, made)
    server.faults, server.damages = [], 0
    push(server, made)
    assert is_whole(server, made) and push(server, made).uploaded_bytes == 0


def test_two_at_once(server: OciServer) -> None:
    made = image(noise(2000), noise(500))
    errors: list[BaseException] = []

    def run() -> None:
        try:
            push(server, made)
        except BaseException as error:
            errors.append(error)

    both = [threading.Thread(target=run) for _ in range(2)]
    for each in both:
        each.start()
    for each in both:
        each.join(20)
    assert errors == [] and is_whole(server, made)


class TestFromRegistryToRegistry:
    @pytest.fixture
    def source(self) -> Iterator[OciServer]:
        with registry() as made:
            yield made

    def test_every_byte_once(self, server: OciServer, source: OciServer) -> None:
        content = noise(1000)
        source.add_blob("lambda/python", content)
        made = image(elsewhere(content, oci.Reference(source.host, "lambda/python", "3.13")), b"own")
        push(server, made)
        assert is_whole(server, made)
        assert source.count("GET") == 1 and server.count("POST", "mount=") == 0

    @pytest.mark.parametrize("ranges", [True, False])
    @pytest.mark.parametrize("whole", [True, False])
    @pytest.mark.parametrize("byte", [0, 1, 39, 40, 41, 99])
    def test_the_source_cuts_at_any_byte(
        self, server: OciServer, source: OciServer, byte: int, ranges: bool, whole: bool
    ) -> None:
        content = noise(100)
        source.add_blob("base", content)
        source.ranges = ranges
        source.faults = [Fault("GET", "blobs", cut_answer=byte)]
        made = image(elsewhere(content, oci.Reference(source.host, "base")))
        push(server, made, chunk=1000 if whole else 40)
        assert is_whole(server, made) and source.count("GET") == 2

    @pytest.mark.parametrize("chunk", [0, 1, 2])
    def test_the_target_cuts_and_the_source_is_asked_once(
        self, server: OciServer, source: OciServer, chunk: int
    ) -> None:
        content = noise(100)
        source.add_blob("base", content)
        server.faults = [Fault("PATCH", "", skip=chunk, cut=15)]
        made = image(elsewhere(content, oci.Reference(source.host, "base")), config=b"{}")
        push(server, made)
        assert is_whole(server, made) and source.count("GET") == 1

    @pytest.mark.parametrize(
        ("given", "told"),
        [(b"y" * 100, "digest does not match"), (b"y" * 50, "has not 100"), (b"y" * 200, "")],
    )
    @pytest.mark.parametrize("whole", [True, False])
    def test_a_blob_that_does_not_match_is_never_completed(
        self, server: OciServer, source: OciServer, given: bytes, told: str, whole: bool
    ) -> None:
        content = noise(100)
        source.blobs["base"] = {oci.digest_of(content): given}
        made = image(elsewhere(content, oci.Reference(source.host, "base")))
        with pytest.raises(ToolError, match=f"what 127.* gave for sha256:.* is damaged: .*{told}"):
            push(server, made, chunk=1000 if whole else 40)
        assert not is_tagged(server) and oci.digest_of(content) not in server.blobs.get("a/b", {})

    def test_the_source_does_not_have_it(self, server: OciServer, source: OciServer) -> None:
        made = image(elsewhere(noise(100), oci.Reference(source.host, "base")))
        with pytest.raises(ToolError, match=r"cannot read base .*: 127.* does not have it"):
            push(server, made)

    def test_from_where_the_source_sends_us(self, server: OciServer, source: OciServer) -> None:
        content = noise(100)
        with registry() as storage:
            storage.add_blob("base", content)
            source.add_blob("base", content)
            source.elsewhere = f"http://{storage.host}"
            made = image(elsewhere(content, oci.Reference(source.host, "base")))
            push(server, made)
            assert is_whole(server, made) and storage.count("GET", "signed=1") == 1

    @pytest.mark.parametrize("mounts", [True, False])
    def test_a_neighbour_is_mounted_or_else_streamed(self, server: OciServer, mounts: bool) -> None:
        content = noise(100)
        digest = server.add_blob("base", content)
        server.mounts = mounts
        made = image(elsewhere(content, at(server, "base")))
        done = push(server, made)
        assert is_whole(server, made) and (digest in done.reused) == mounts
        assert server.count("POST", f"mount={digest.replace(':', '%3A')}&from=base") == 1
        assert server.count("GET", "base/blobs") == (0 if mounts else 1)
