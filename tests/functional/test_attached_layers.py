"""`layers = [...]`: whose size is asked once and pinned, where they stand in the template, and what is said of those that cannot be."""

from __future__ import annotations

import io
import tomllib
import traceback
import zipfile
from pathlib import Path

import pytest

from slsdeploy import app
from slsdeploy.effects import remote_zip
from slsdeploy.effects.client import reader
from slsdeploy.errors import AwsError, BuildError, ConfigError, ProjectError
from tests.desk import TOML, Desk

FONTS = "arn:aws:lambda:us-east-1:210987654321:layer:fonts:7"
AGENT = "arn:aws:lambda:us-east-1:580247275435:layer:LambdaInsightsExtension-Arm64:20"


def attach(desk: Desk, *arns: str, more: str = "") -> None:
    (desk.root / "slsdeploy.toml").write_text(f"{more}layers = [{', '.join(map(repr, arns))}]\n{TOML}")


def test_sizes_are_asked_once_and_pinned(desk: Desk) -> None:
    attach(desk, FONTS, AGENT)
    desk.cloud.sizes = {FONTS: 1_000_000, AGENT: 2_000_000}
    app.plan(desk.where, desk.tools)
    assert desk.cloud.reads == [f"size {FONTS}", f"size {AGENT}"]
    pinned = tomllib.loads((desk.root / "slsdeploy.lock").read_text())["layer"]
    assert {each["arn"]: each["unzipped_bytes"] for each in pinned} == desk.cloud.sizes
    app.up(desk.where, desk.tools)
    locked = app.lock(desk.where, desk.tools, set())
    assert len(desk.cloud.reads) == 2
    assert list(locked.layers) == [{"arn": arn, "unzipped_bytes": desk.cloud.sizes[arn]} for arn in (FONTS, AGENT)]
    function = (desk.cloud.stacks["iris-dev"].template or {})["Resources"]["Function"]["Properties"]
    assert (function["Layers"][:2], len(function["Layers"])) == ([FONTS, AGENT], 5)


def test_lock_asks_for_what_is_not_known(desk: Desk) -> None:
    attach(desk, FONTS)
    desk.cloud.sizes = {FONTS: 1_000_000}
    assert app.lock(desk.where, desk.tools, set()).layers[0]["unzipped_bytes"] == 1_000_000
    assert desk.cloud.reads == [f"size {FONTS}"]


def test_check_and_build_ask_nobody_and_say_what_is_not_known(desk: Desk) -> None:
    attach(desk, FONTS)
    desk.cloud.sizes = {FONTS: 262_000_000}
    (problem,) = app.check(desk.where, desk.tools).problems
    assert (problem["rule"], problem["severity"]) == ("layer-size", "note")
    assert any("without 1 of `layers`" in note for note in app.build(desk.where, desk.tools).notes)
    assert desk.cloud.reads == []
    app.lock(desk.where, desk.tools, set())
    (problem,) = app.check(desk.where, desk.tools).problems
    assert (problem["rule"], problem["severity"]) == ("unzipped-size", "error")
    assert desk.cloud.reads == [f"size {FONTS}"]
    with pytest.raises(BuildError, match="Lambda takes less than 262,144,000") as raised:
        app.build(desk.where, desk.tools)
    assert f"the layer {FONTS}: 262,000,000 bytes" in raised.value.message


def test_with_many_layers_ours_are_one_zip(desk: Desk) -> None:
    arns = [f"{FONTS}{number}" for number in range(3)]
    attach(desk, *arns)
    desk.cloud.sizes = dict.fromkeys(arns, 1000)
    result = app.up(desk.where, desk.tools)
    assert result.package == "zip"
    function = (desk.cloud.stacks["iris-dev"].template or {})["Resources"]["Function"]["Properties"]
    assert function["Layers"] == arns
    steps = list(desk.reporter.steps)
    again = app.up(desk.where, desk.tools)
    assert not again.changed
    assert [step for step in desk.reporter.steps[len(steps) :] if step.startswith(("make", "pack"))] == []
    assert app.check(desk.where, desk.tools).problems == []


def test_a_layer_that_is_not_there_is_said(desk: Desk) -> None:
    attach(desk, FONTS)
    with pytest.raises(ProjectError, match="there is no layer arn:aws:lambda:us-east-1:210987654321:layer:fonts:7"):
        app.plan(desk.where, desk.tools)


def test_a_layer_of_another_region_is_said(desk: Desk) -> None:
    attach(desk, FONTS.replace("us-east-1", "eu-west-1"))
    with pytest.raises(ProjectError, match="is in eu-west-1, the function in us-east-1"):
        app.plan(desk.where, desk.tools)
    assert desk.cloud.reads == []


@pytest.mark.parametrize(
    ("arns", "more", "message"),
    [
        ([FONTS.removesuffix(":7")], "", "its number stands at the end of the ARN"),
        (["fonts:7"], "", "expected the ARN of a layer's version, as in arn:aws:lambda"),
        ([FONTS, FONTS], "", "is there already; expected each layer once"),
        ([FONTS], 'region = "eu-west-1"\n', "is in us-east-1; expected a layer of the function's region, eu-west-1"),
        ([FONTS], 'package = "image"\n', "an image takes no layers"),
    ],
)
def test_what_cannot_be_is_said_with_its_line(desk: Desk, arns: list[str], more: str, message: str) -> None:
    attach(desk, *arns, more=more)
    with pytest.raises(ConfigError) as raised:
        app.plan(desk.where, desk.tools)
    (problem,) = raised.value.problems
    assert message in problem.message
    assert problem.line


def test_only_the_directory_of_a_layer_is_read(tmp_path: Path) -> None:
    path = tmp_path / "layer.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(3000):
            archive.writestr(f"python/package/{number}.py", b"x" * 1000)
        archive.writestr("python/large.bin", b"\x00" * 30_000_000)
    content = path.read_bytes()
    read: list[int] = []

    def fetch(place: int, wanted: int) -> bytes:
        read.append(wanted)
        return content[place : place + wanted]

    assert remote_zip.unzipped_size(fetch, len(content)) == 33_000_000
    assert (len(read) <= 6, sum(read) < len(content)) == (True, True)
    with pytest.raises(AwsError, match="cannot be read"):
        remote_zip.unzipped_size(lambda place, wanted: b"x" * wanted, 5000)
    with pytest.raises(AwsError, match="cannot be read"):
        remote_zip.unzipped_size(lambda place, wanted: b"", 10)


def test_a_zip_of_a_version_that_is_not_known_is_said() -> None:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("a.py", b"")
    content = bytearray(made.getvalue())
    content[content.index(b"PK\x01\x02") + 6] = 99  # what it takes to extract it: 9.9
    with pytest.raises(AwsError, match=r"cannot be read: zip file version 9\.9"):
        remote_zip.unzipped_size(lambda place, wanted: bytes(content[place : place + wanted]), len(content))


def test_a_url_that_cannot_be_reached_is_told_without_its_signature() -> None:
    url = "http://127.0.0.1:1/layer.zip?X-Amz-Security-Token=token&X-Amz-Signature=signature"
    with pytest.raises(AwsError) as raised:
        reader(url)(0, 10)
    assert "127.0.0.1" in raised.value.message
    said = "".join(traceback.format_exception(raised.value))
    assert "X-Amz" not in said
    assert "signature" not in said.replace("test_a_url_that_cannot_be_reached_is_told_without_its_signature", "")
