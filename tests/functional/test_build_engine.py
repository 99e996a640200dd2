"""`[image] builder = "docker"`: what an engine builds is shipped as our own images are."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import tarfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from slsdeploy import app, assets, oci
from slsdeploy.bundle import image, making, requirements
from slsdeploy.config import FILE
from slsdeploy.errors import BuildError, ConfigError, ProjectError, SlsdeployError, ToolError
from slsdeploy.results.prepare import Built
from tests import bases
from tests.building import HANDLER, House
from tests.engines import Engine, EngineShell

TOML = 'name = "iris"\nmodel = "iris.onnx"\npackage = "image"\n[image]\nbuilder = "docker"\n'
OURS = ["dependencies", "runtime", "model", "code"]
TO = "localhost:5000/iris:1"
CMD = '\nCMD ["slsdeploy_runtime.app.handler"]\n'


@pytest.fixture
def project(house: House) -> House:
    house.write("handler.py", HANDLER)
    house.write(FILE, TOML)
    bases.add(house.registry)
    return house


def engine(project: House, **options: Any) -> Engine:
    """Return an engine that has the base, and put it on the project's PATH as docker."""
    base = project.registry.manifest(oci.reference(bases.NAME))
    blobs = project.registry.blobs[("public.ecr.aws", "lambda/python")]
    layers = [gzip.decompress(blobs[layer["digest"]]) for layer in base.document["layers"]]
    made = Engine(json.loads(blobs[base.document["config"]["digest"]]), layers, **options)
    project.shell = EngineShell(docker=made)
    return made


def build(project: House, push: str = "", *outputs: str) -> Built:
    return app.build(app.Where(project.root), project.tools(), push, outputs)


def names(built: Built) -> list[str]:
    assert built.image is not None
    return [layer["name"] for layer in built.image["layers"]]


@pytest.mark.parametrize("modern", [False, True])
def test_it_is_pushed_as_our_own_images_are(project: House, modern: bool) -> None:
    engine(project, modern=modern)
    built = build(project, TO)
    assert names(built) == ["base", "base", *OURS]
    manifest = project.registry.manifest(oci.reference(TO))
    base = project.registry.manifest(oci.reference(bases.NAME))
    there = project.registry.blobs["localhost:5000", "iris"]
    assert manifest.media_type == oci.OCI_MANIFEST
    assert manifest.document["layers"][:2] == base.document["layers"]  # the very blobs
    config = json.loads(there[manifest.document["config"]["digest"]])
    unpacked = [gzip.decompress(there[layer["digest"]]) for layer in manifest.document["layers"]]
    assert [oci.digest_of(tar) for tar in unpacked] == config["rootfs"]["diff_ids"]
    with tarfile.open(fileobj=io.BytesIO(unpacked[-1])) as code:
        assert "var/task/handler.py" in code.getnames()
    assert config["config"]["Cmd"] == ["slsdeploy_runtime.app.handler"]
    assert config["config"]["Entrypoint"] == ["/lambda-entrypoint.sh"]
    assert "container" not in config
    assert {each["created"] for each in [config, *config["history"]]} == {image.CREATED}


def test_what_did_not_change_is_not_sent_again(project: House) -> None:
    made = engine(project)
    build(project, TO)
    project.write("handler.py", f"{HANDLER}# changed\n")
    again = build(project, TO).image
    assert again is not None
    assert [layer["name"] for layer in again["layers"] if not layer["reused"]] == ["code"]
    calls = len(made.calls)
    build(project)
    assert len(made.calls) == calls  # nothing changed: the engine is not even asked


def test_the_base_is_told_by_its_digest_alone(project: House) -> None:
    made = engine(project)
    build(project)
    digest = project.registry.manifest(oci.reference(bases.NAME)).digest
    assert made.arguments == {"BASE": f"public.ecr.aws/lambda/python@{digest}"}


@pytest.mark.parametrize("program", ["docker", "podman"])
@pytest.mark.parametrize("host", ["localhost:5000", "registry.test"])
def test_plain_http_is_for_a_base_on_this_machine(project: House, program: str, host: str) -> None:
    bases.add(project.registry, f"{host}/base:1")
    project.write(FILE, f'{TOML}base = "{host}/base:1"\n')
    made = engine(project)
    project.shell = EngineShell(**{program: made})
    build(project)
    wanted = program == "podman" and host.startswith("localhost")  # Docker does it by itself
    assert made.flags == ["--tls-verify=false"] * wanted


def test_our_dockerfile_has_the_layers_of_our_images(project: House) -> None:
    """The same files, by the same names, in the same order."""
    engine(project)
    by_engine = build(project, "", f"docker-archive:{project.root}/engine.tar")
    project.write(FILE, TOML.replace('builder = "docker"', ""))
    by_us = build(project, "", f"docker-archive:{project.root}/ours.tar")
    assert names(by_engine) == names(by_us)
    assert files(project.root / "engine.tar") == files(project.root / "ours.tar")
    text = (assets.templates() / "image.Dockerfile").read_text()
    copied = [line.split()[1].strip("/") for line in text.splitlines() if line.startswith("COPY")]
    assert copied == [*making.ORDER]


def files(archive: Path) -> list[dict[str, str]]:
    """Return the digest of each file, layer by layer."""
    with tarfile.open(archive) as opened:
        (said,) = json.load(opened.extractfile("manifest.json"))  # type: ignore[arg-type]
        layers = []
        for name in said["Layers"]:
            with tarfile.open(fileobj=opened.extractfile(name)) as layer:
                found = [(entry.name, layer.extractfile(entry)) for entry in layer if entry.isreg()]
                layers.append({name: hashlib.sha256(stream.read()).hexdigest() for name, stream in found if stream})
    return layers


def test_a_dockerfile_of_one_s_own(project: House) -> None:
    ours = (assets.templates() / "image.Dockerfile").read_text()
    project.write("Dockerfile", ours.replace("COPY code", "COPY code/task/handler.py /opt/notes.py\nCOPY code"))
    project.write(FILE, f'{TOML}dockerfile = "Dockerfile"\n')
    engine(project)
    assert names(build(project)) == ["base", "base", *(f"dockerfile-{number}" for number in range(1, 6))]
    first = build(project).digest
    project.write("Dockerfile", ours)
    assert build(project).digest != first


@pytest.mark.parametrize(
    ("settings", "dockerfile", "entrypoint"),
    [
        ({"Env": ["PATH=/usr/bin"]}, "", ["python3", "-m", "awslambdaric"]),
        ({"Env": ["PATH=/usr/bin"], "Entrypoint": ["/bin/sh"]}, "", ["python3", "-m", "awslambdaric"]),
        ({"Env": ["PATH=/usr/bin"], "Entrypoint": ["/bin/sh"]}, '\nENTRYPOINT ["/own"]', ["/own"]),
    ],
)
def test_something_of_lambda_s_is_started(
    project: House, settings: Any, dockerfile: str, entrypoint: list[str]
) -> None:
    from tests import wheelhouse

    bases.add(project.registry, settings=settings)
    wheelhouse.add_wheel(project.index, "awslambdaric", "4.2.2")
    wheelhouse.add_wheel(project.index, "boto3", "1.40.1")
    project.write("Dockerfile", f"FROM ${{BASE}}\nCOPY code/ /var/{dockerfile}{CMD}")
    project.write(FILE, f'{TOML}dockerfile = "Dockerfile"\n')
    engine(project)
    build(project, TO)
    manifest = project.registry.manifest(oci.reference(TO))
    config = json.loads(project.registry.blobs["localhost:5000", "iris"][manifest.document["config"]["digest"]])
    assert config["config"]["Entrypoint"] == entrypoint
    assert ("LAMBDA_TASK_ROOT=/var/task" in config["config"]["Env"]) == (entrypoint[0] == "python3")


@pytest.mark.parametrize(
    ("dockerfile", "ships"),
    [
        ("FROM ${BASE}", False),
        ("from --platform=linux/arm64 $BASE as last", False),
        ("FROM public.ecr.aws/lambda/python:3.13", False),
        ("FROM debian AS one\nRUN true\nFROM ${BASE:-x} AS two\nFROM two", False),
        ("FROM python:3.13-slim", True),
        ("FROM ${BASE} AS one\nFROM python:3.13-slim\nCOPY --from=one /x /x", True),
        ("FROM public.ecr.aws/lambda/python-like:1", True),
    ],
)
def test_the_runtime_client_ships_where_the_dockerfile_is_upon_none_of_lambda_s(
    project: House, dockerfile: str, ships: bool
) -> None:
    project.write("Dockerfile", f"{dockerfile}\nCOPY code/ /var/{CMD}")
    project.write(FILE, f'{TOML}dockerfile = "Dockerfile"\n')
    settled = replace(
        project.project(), base=oci.Base("x", oci.Manifest(oci.OCI_MANIFEST, b"{}"), {"config": bases.LAMBDAS})
    )
    assert any(line.startswith("awslambdaric") for line in requirements.read(settled).lines) == ships
    assert not any(line.startswith("awslambdaric") for line in requirements.read(project.project(local=True)).lines)


def test_one_that_is_not_upon_the_base_has_all_its_layers_sent(project: House) -> None:
    made = engine(project)
    made.layers = [b"\0" * 10240]
    assert names(build(project)) == ["dockerfile-1", *OURS]


def test_folders_are_open_to_lambda_s_user_whatever_the_umask(project: House, request: pytest.FixtureRequest) -> None:
    engine(project)  # which looks at the modes
    before = os.umask(0o077)
    request.addfinalizer(lambda: os.umask(before))
    build(project)


def refused(project: House, kind: type[SlsdeployError], message: str) -> SlsdeployError:
    with pytest.raises(kind, match=message) as raised:
        build(project)
    assert raised.value.hint
    assert not list((project.root / ".slsdeploy/dev").glob(".draft-*"))
    assert not (project.root / ".slsdeploy/dev/bundle").exists()
    return raised.value


def test_without_an_engine(project: House) -> None:
    project.shell = EngineShell()
    assert "no engine is needed" in refused(project, ToolError, "there is no docker and no podman on this machine").hint
    project.write(FILE, f'{TOML}engine = "podman"\n')
    engine(project)
    refused(project, ToolError, "^there is no podman on this machine")


def test_an_engine_that_is_down(project: House) -> None:
    down = engine(project, gone="Cannot connect to the Docker daemon")
    refused(project, ToolError, "docker does not answer: Cannot connect to the Docker daemon")
    up = engine(project)
    project.shell = EngineShell(docker=down, podman=up)
    build(project)  # the next one does
    assert [call[1] for call in up.calls] == ["version", "build", "save"]


def test_a_dockerfile_that_fails(project: House) -> None:
    project.write("Dockerfile", f"FROM ${{BASE}}\nRUN dnf install -y nothing{CMD}")
    project.write(FILE, f'{TOML}dockerfile = "Dockerfile"\n')
    engine(project)
    raised = refused(project, BuildError, "docker could not build Dockerfile")
    assert raised.message.splitlines()[1:] == ["  Step : RUN dnf install -y nothing", "  exec: nothing: no such file"]
    assert raised.where == "Dockerfile"


@pytest.mark.parametrize(
    ("toml", "dockerfile", "kind", "message"),
    [
        ('dockerfile = "Dockerfile"\n', "FROM ${BASE}\nCOPY code/ /var/\n", BuildError, r"the image's command is \[\]"),
        (
            'dockerfile = "Dockerfile"\n',
            'FROM ${BASE}\nCMD ["other"]\n',
            BuildError,
            r'the image\'s command is \["other"\]',
        ),
        ('dockerfile = "Nope"\n', "", ProjectError, "there is no Nope"),
    ],
)
def test_what_cannot_be(project: House, toml: str, dockerfile: str, kind: type[SlsdeployError], message: str) -> None:
    project.write("Dockerfile", dockerfile)
    project.write(FILE, f"{TOML}{toml}")
    engine(project)
    refused(project, kind, message)


def test_an_engine_without_a_word_of_who_builds(project: House) -> None:
    project.write(FILE, TOML.replace('builder = "docker"', 'dockerfile = "Dockerfile"'))
    with pytest.raises(ConfigError) as raised:
        build(project)
    (problem,) = raised.value.problems
    assert (problem.key, problem.line) == ("image.dockerfile", 5)


def test_the_local_aws_needs_no_engine(project: House) -> None:
    project.shell = EngineShell()
    assert project.build(local=True).image is not None
