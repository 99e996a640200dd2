"""The doubles, all of them: small real implementations of the seams in `slsdeploy.tools`, held to the real ones' contract."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from hashlib import md5
from pathlib import Path
from typing import Any

from slsdeploy import oci
from slsdeploy.artifacts import Object, Observed, StackState, Template
from slsdeploy.effects.shell import SystemShell
from slsdeploy.errors import AwsError, DeployError, NoRepository, ToolError
from slsdeploy.layers import Published, SharedLayer, key_of
from slsdeploy.oci import Descriptor, Image, Manifest, Pushed, Reference
from slsdeploy.tools import Completed, Invocation, LogLine, StackEvent, Task
from slsdeploy.types import S3Object

ACCOUNT = "123456789012"
REGISTRY = f"{ACCOUNT}.dkr.ecr.us-east-1.amazonaws.com"


class FakeRegistry:
    """Registries of every host, in memory; `calls` are the writes, `asked` what was read.

    `only` are the repositories ("HOST/NAME") that there are, if not any.
    """

    def __init__(self, only: set[str] | None = None) -> None:
        self.only = only
        self.calls: list[str] = []
        self.asked: list[str] = []
        self.blobs: dict[tuple[str, str], dict[str, bytes]] = {}
        self.manifests: dict[tuple[str, str], dict[str, Manifest]] = {}

    def add(self, reference: str, manifest: Manifest, *blobs: bytes) -> None:
        """Put an image there."""
        to = oci.reference(reference)
        place = (to.host, to.repository)
        self.manifests.setdefault(place, {}).update({to.name: manifest, manifest.digest: manifest})
        self.blobs.setdefault(place, {}).update({oci.digest_of(blob): blob for blob in blobs})

    def digests(self, repository: str) -> frozenset[str]:
        """Return those of the images in a repository, whatever its host."""
        named = (names for (_, name), names in self.manifests.items() if name == repository)
        return frozenset(manifest.digest for names in named for manifest in names.values())

    def manifest(self, reference: Reference) -> Manifest:
        self.asked.append(str(reference))
        found = self.manifests.get((reference.host, reference.repository), {}).get(reference.name)
        if found is None:
            raise ToolError(f"cannot read {reference}: {reference.host} does not have it", where=str(reference))
        return found

    def blob(self, reference: Reference, digest: str) -> bytes:
        self.asked.append(digest)
        found = self.blobs.get((reference.host, reference.repository), {}).get(digest)
        if found is None:
            raise ToolError(f"cannot read the blob {digest}: {reference.host} does not have it", where=str(reference))
        return found

    def blob_to(self, reference: Reference, descriptor: Descriptor, path: Path, task: Task) -> None:
        path.write_bytes(self.blob(reference, descriptor.digest))
        task.advance(descriptor.size)

    def push(self, image: Image, to: Reference, task: Task) -> Pushed:
        if self.only is not None and f"{to.host}/{to.repository}" not in self.only:
            raise NoRepository(f"there is no repository {to.repository} at {to.host}", where=str(to))
        there = self.blobs.setdefault((to.host, to.repository), {})
        reused: set[str] = set()
        sent = 0
        for blob in image.blobs:
            digest, source = blob.descriptor.digest, blob.source
            task.advance(blob.descriptor.size)
            if digest in there or (isinstance(source, Reference) and source.host == to.host):
                reused.add(digest)
            else:
                sent += blob.descriptor.size
            there[digest] = there.get(digest) or self._content(source, digest)
            assert oci.digest_of(there[digest]) == digest
        names = self.manifests.setdefault((to.host, to.repository), {})
        for name in filter(None, (image.digest, to.tag)):
            sent += len(image.manifest.content) if names.get(name) != image.manifest else 0
            names[name] = image.manifest
        self.calls.append(f"push {to}")
        return Pushed(replace(to, digest=image.digest), frozenset(reused), sent)

    def attach(self, referrer: Image, to: Reference, task: Task) -> Pushed:
        pushed = self.push(referrer, replace(to, tag="", digest=""), task)
        self.calls[-1] = f"attach {pushed.reference}"
        return pushed

    def _content(self, source: Path | bytes | Reference, digest: str) -> bytes:
        if isinstance(source, bytes):
            return source
        return source.read_bytes() if isinstance(source, Path) else self.blob(source, digest)


class FakeCloud:
    """An account in memory. `calls` are the writes, in order; `failing` is the logical id whose creation fails."""

    region = "us-east-1"
    endpoint = ""

    def __init__(self, failing: str = "", answer: bytes = b'{"ready": true}') -> None:
        self.failing = failing
        self.answer = answer
        self.calls: list[str] = []
        self.objects: dict[str, bytes] = {}
        self.buckets: set[str] = set()
        self.stacks: dict[str, StackState] = {}
        self.data: dict[str, bool] = {}
        self.reads: list[str] = []
        self.kept: dict[tuple[str, str], list[tuple[S3Object, bytes]]] = {}
        self.repositories: set[str] = set()
        self.registry = FakeRegistry()
        self.layers: dict[tuple[str, int], str] = {}  # name and number -> the stack that it was published for
        self.contents: dict[tuple[str, int], bytes] = {}  # of those whose content may be another than their name says
        self.published: dict[str, int] = {}
        self.sizes: dict[str, int] = {}  # of layers of others: ARN -> bytes, unzipped
        self.used: dict[str, frozenset[str]] = {}

    def observe(self, stack: str, images: bool = False, layers: Sequence[SharedLayer] = ()) -> Observed:
        bucket = f"slsdeploy-{ACCOUNT}-{self.region}"
        keys = frozenset(key for key in self.objects if key.startswith(f"{stack}/"))
        found = Observed(self.region, bucket, bucket in self.buckets, keys, self.stacks.get(stack))
        there = self.registry.digests(f"slsdeploy/{stack}") if f"slsdeploy/{stack}" in self.repositories else None
        published = {
            layer.name: Published(self._same(layer), layer.key in self.objects and not self._numbers(layer.name))
            for layer in layers
        }
        return replace(found, registry=REGISTRY, images=there if images else None, layers=published)

    def _numbers(self, name: str) -> tuple[int, ...]:
        return tuple(number for held, number in sorted(self.layers, reverse=True) if held == name)

    def _same(self, layer: SharedLayer) -> tuple[int, ...]:
        content = layer.path.read_bytes()
        found = self._numbers(layer.name)
        return tuple(number for number in found if self.contents.get((layer.name, number), content) == content)

    def publish_layer(self, layer: SharedLayer, bucket: str, stack: str, task: Task) -> int:
        self.calls.append(f"publish {layer.name}")
        if bucket:
            assert self.objects[layer.key] == layer.path.read_bytes()
        number = self.published.get(layer.name, 0) + 1
        self.published[layer.name] = number
        self.layers[layer.name, number] = stack
        self.contents[layer.name, number] = layer.path.read_bytes()
        task.advance(layer.bytes)
        return number

    def layer_size(self, arn: str) -> int:
        self.reads.append(f"size {arn}")
        if arn not in self.sizes:
            raise AwsError(f"no layer {arn}", code="ResourceNotFoundException")
        return self.sizes[arn]

    def layers_of(self, stack: str) -> frozenset[str]:
        held = {each for each, publisher in self.layers.items() if publisher == stack}
        return frozenset(self.layer_arn(*each) for each in held) | self.used.get(stack, frozenset())

    def remove_layers(self, arns: frozenset[str], bucket: str) -> Mapping[str, str]:
        users = {arn: stack for stack, used in self.used.items() for arn in used if arn in arns}
        for name, number in [each for each in self.layers if self.layer_arn(*each) in arns - users.keys()]:
            self.calls.append(f"delete_layer {name}:{number}")
            del self.layers[name, number]
            if not self._numbers(name):
                self.objects.pop(key_of(name), None)
        return users

    def layer_arn(self, name: str, number: int) -> str:
        return f"arn:aws:lambda:{self.region}:{ACCOUNT}:layer:{name}:{number}"

    def _use(self, template: Template, numbers: Mapping[str, int]) -> None:
        """Let the stack's function have the layers that its template says, now and in its former versions."""
        function = template.cloudformation["Resources"].get("Function", {}).get("Properties", {})
        arns = [arn["Fn::Sub"].partition(":layer:")[2] for arn in function.get("Layers", ()) if isinstance(arn, dict)]
        for name, parameter in (arn.split(":") for arn in arns):
            number = numbers[parameter[2:-1]]
            assert (name, number) in self.layers, f"Layer version {name}:{number} does not exist."
            former = self.used.get(template.stack, frozenset())
            self.used[template.stack] = former | {self.layer_arn(name, number)}

    def create_repository(self, repository: str) -> None:
        self.calls.append(f"create_repository {repository}")
        self.repositories.add(repository)

    def delete_repository(self, repository: str) -> None:
        self.repositories.discard(repository)

    def create_bucket(self, bucket: str) -> None:
        self.calls.append("create_bucket")
        self.buckets.add(bucket)

    def upload(self, item: Object, task: Task) -> None:
        self.calls.append(f"upload {item.key}")
        assert item.bucket in self.buckets
        self.objects[item.key] = item.path.read_bytes()
        task.advance(item.bytes)

    def deploy_stack(self, template: Template, is_new: bool, numbers: Mapping[str, int]) -> Iterator[StackEvent]:
        self.calls.append(f"deploy_stack {template.stack}")
        assert is_new == (template.stack not in self.stacks)
        assert set(numbers) == set(template.cloudformation.get("Parameters", ()))
        resources = json.loads(json.dumps(template.cloudformation))["Resources"]
        for logical_id, resource in resources.items():
            if logical_id == self.failing:
                yield StackEvent(logical_id, resource["Type"], "CREATE_FAILED", "no luck", "")
                raise DeployError(f"{logical_id} ({resource['Type']}) failed: no luck", where=logical_id)
            yield StackEvent(logical_id, resource["Type"], "CREATE_COMPLETE", "", logical_id.lower())
        self._use(template, numbers)
        self.stacks[template.stack] = StackState(
            id=f"arn:aws:cloudformation:{self.region}:{ACCOUNT}:stack/{template.stack}/1",
            name=template.stack,
            status="CREATE_COMPLETE" if is_new else "UPDATE_COMPLETE",
            template=json.loads(json.dumps(template.cloudformation)),
            tags=dict(template.tags),
            outputs={name: f"<{name}>" for name in template.cloudformation["Outputs"]},
            parameters={name: str(number) for name, number in numbers.items()},
        )

    def delete_stack(self, stack: str) -> Iterator[StackEvent]:
        self.calls.append(f"delete_stack {stack}")
        state = self.stacks.pop(stack)
        self.used.pop(stack, None)
        yield StackEvent(stack, "AWS::CloudFormation::Stack", "DELETE_COMPLETE", "", state.id)

    def stack_state(self, stack: str) -> StackState | None:
        return self.stacks.get(stack)

    def data_resources(self, stack: StackState) -> Mapping[str, tuple[str, str]]:
        resources = (stack.template or {})["Resources"]
        return {
            name: (resource["Type"], name.lower())
            for name, resource in resources.items()
            if resource.get("Metadata", {}).get("slsdeploy", {}).get("data")
        }

    def release(self, type: str, physical_id: str, delete_data: bool) -> bool:
        self.calls.append(f"release {physical_id}")
        return delete_data or not self.data.get(physical_id)

    def delete_objects(self, bucket: str, keys: frozenset[str]) -> None:
        self.calls.append("delete_objects")
        for key in keys:
            del self.objects[key]

    def find_object(self, bucket: str, key: str, version: str = "") -> S3Object | None:
        self.reads.append(f"find s3://{bucket}/{key}")
        kept = self.kept.get((bucket, key), [])
        found = [each for each in kept if each[0].version == version] if version else kept
        return found[-1][0] if found else None

    def download(self, wanted: S3Object, path: Path, task: Task) -> None:
        self.reads.append(f"download s3://{wanted.bucket}/{wanted.key}")
        (content,) = [content for each, content in self.kept[wanted.bucket, wanted.key] if each == wanted]
        path.write_bytes(content)
        task.advance(len(content))

    def put_object(self, bucket: str, key: str, content: bytes) -> None:
        self.put(bucket, key, content)

    def bucket_region(self, bucket: str) -> str:
        return self.region

    def put(self, bucket: str, key: str, content: bytes, version: str = "") -> None:
        """Put an object into a bucket of the user's; without a version it takes the place of the former one."""
        made = S3Object(bucket, key, version, f'"{md5(content).hexdigest()}"', len(content))
        kept = self.kept.get((bucket, key), []) if version else []
        self.kept[bucket, key] = [*kept, (made, content)]

    def invoke(self, function: str, qualifier: str, payload: bytes) -> Invocation:
        return Invocation(200, self.answer, "", 1.5, 120.0, "1")

    def sign(self, url: str, body: bytes, headers: dict[str, str], service: str) -> dict[str, str]:
        return {**headers, "authorization": "AWS4-HMAC-SHA256 fake"}

    def logs(self, function: str, since_ms: int, follow: bool) -> Iterator[LogLine]:
        yield LogLine(since_ms, "2026/01/01/[1]abc", "START")


class FakeShell:
    """Answers programs by their name; every call is kept. A program that is not known is missing."""

    def __init__(self, programs: Mapping[str, Callable[[Sequence[str]], Completed]] | None = None) -> None:
        self.programs = dict(programs or {})
        self.calls: list[Sequence[str]] = []
        self.given: list[str] = []

    def run(self, argv: Sequence[str], **how: Any) -> Completed:
        self.calls.append(argv)
        self.given.append(how.get("given", ""))
        program = self.programs.get(Path(argv[0]).name)
        if program is None:
            raise ToolError(f"there is no program {argv[0]}")
        return program(argv)


class MeddlingShell(SystemShell):
    """The real shell; `meddle` may replace what a program answered that has `script` among its arguments. `ran` are all scripts."""

    def __init__(self, script: str = "", meddle: Callable[[Sequence[str], Completed], Completed] | None = None) -> None:
        self.script = script
        self.meddle = meddle
        self.ran: list[str] = []

    def run(self, argv: Sequence[str], **how: Any) -> Completed:
        done = super().run(argv, **how)
        names = [Path(word).name for word in argv if word.endswith(".py")]
        self.ran += names
        return self.meddle(argv, done) if self.meddle and self.script in names else done


class FakeTask:
    """A line of progress that only counts."""

    def __init__(self) -> None:
        self.amount = 0

    def advance(self, amount: int) -> None:
        self.amount += amount

    def describe(self, text: str) -> None:
        """Nobody looks."""


class FakeReporter:
    """Keeps what would have been shown."""

    def __init__(self) -> None:
        self.steps: list[str] = []
        self.notes: list[str] = []
        self.warnings: list[str] = []
        self.events: list[StackEvent] = []

    @contextmanager
    def step(self, title: str, total: int | None = None) -> Iterator[Any]:
        self.steps.append(title)
        yield FakeTask()

    @contextmanager
    def waiting(self, title: str) -> Iterator[None]:
        yield

    def note(self, text: str) -> None:
        self.notes.append(text)

    def warning(self, text: str, rule: str) -> None:
        self.warnings.append(f"{text} [{rule}]")

    def resource(self, event: StackEvent) -> None:
        self.events.append(event)
