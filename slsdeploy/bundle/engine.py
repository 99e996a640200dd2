"""A build context -> the archive of an image, by a Docker-compatible engine: for those whose image needs what only a Dockerfile can do.

The engine builds and saves; it pushes nothing. So the image is one manifest of one architecture, and the way out of here is the same as
for images of ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from slsdeploy import assets
from slsdeploy.config import FILE
from slsdeploy.errors import BuildError, ProjectError, ToolError
from slsdeploy.project import inside
from slsdeploy.tools import Completed, Tools
from slsdeploy.types import Project

_ENGINES = ("docker", "podman")
_PLATFORMS = {"arm64": "linux/arm64", "x86_64": "linux/amd64"}
_LINES = 20  # of what a failed build said
TEMPLATE = "image.Dockerfile"
_NO_ENGINE = (
    "install Docker or Podman; or leave out `builder` in [image]: without system packages, no engine is needed at all"
)


@dataclass(frozen=True, slots=True)
class Engine:
    """A program that takes Docker's commands; `has_buildx` says that `build` is BuildKit's."""

    program: str
    has_buildx: bool


def is_wanted(project: Project) -> bool:
    """Say whether an engine is to build the project's image. The local AWS takes the parts as they are, unless it runs containers."""
    return project.config.image.builder == "docker" and (not project.local or bool(project.engine))


def dockerfile(project: Project) -> Path:
    """Return the Dockerfile: the project's own, or ours.

    Raises ProjectError when there is no such file.
    """
    named = project.config.image.dockerfile
    if named is None:
        return assets.templates() / TEMPLATE
    path = inside(project.root, named)
    if not path.is_file():
        raise ProjectError(
            f"there is no {named}, which the image is to be built from", "mend `dockerfile` in [image]", FILE
        )
    return path


def find(project: Project, tools: Tools) -> Engine:
    """Return the engine that the project names, or the first that answers.

    Raises ToolError when none does.
    """
    named = project.config.image.engine
    refused = ""
    for program in (named,) if named else _ENGINES:
        done = _try([program, "version"], tools)
        if done is None:
            continue
        if done.code == 0:
            has_buildx = program == "docker" and _answers([program, "buildx", "version"], tools)
            return Engine(program, has_buildx)
        refused = refused or f"{program} does not answer: {_last(done, 1)}"
    if refused:
        raise ToolError(
            refused, "start it (on Linux: `systemctl start docker`), and see that you may use it", "[image]"
        )
    raise ToolError(
        f"there is no {' and no '.join((named,) if named else _ENGINES)} on this machine", _NO_ENGINE, "[image]"
    )


def build(engine: Engine, project: Project, context: Path, archive: Path, tools: Tools) -> None:
    """Build the context's image and save it to an archive.

    Raises BuildError when the Dockerfile fails, ToolError when the engine does.
    """
    from slsdeploy import oci  # not needed to say whether an engine is wanted

    identity = context.with_name("image.id")
    words = ["buildx", "build", "--load", "--provenance=false"] if engine.has_buildx else ["build"]
    options = ["--platform", _PLATFORMS[project.target.architecture], "--iidfile", str(identity)]
    options += ["--tag", f"slsdeploy/{project.stack}:latest", "--file", str(dockerfile(project))]
    options += [word for name, value in arguments(project).items() for word in ("--build-arg", f"{name}={value}")]
    if engine.program == "podman" and project.base and oci.is_loopback(oci.reference(project.base.reference).host):
        options.append("--tls-verify=false")  # as Docker does it by itself
    done = tools.shell.run([engine.program, *words, *options, str(context)], cwd=context)
    if done.code != 0:
        named = project.config.image.dockerfile or f"templates/{TEMPLATE}"
        raise BuildError(f"{engine.program} could not build {named}:\n{_last(done, _LINES)}", "mend it", str(named))
    saved = tools.shell.run([engine.program, "save", "--output", str(archive), identity.read_text().strip()])
    if saved.code != 0:
        raise ToolError(f"{engine.program} could not save the image: {_last(saved, 1)}", where=engine.program)


def arguments(project: Project) -> Mapping[str, str]:
    """Return what the Dockerfile is told (ARG): the base by its digest alone, as Podman wants it."""
    if project.base is None:
        return {}
    name, _, digest = project.base.reference.partition("@")
    host, slash, repository = name.rpartition("/")
    return {"BASE": f"{host}{slash}{repository.partition(':')[0]}@{digest}"}


def _try(argv: list[str], tools: Tools) -> Completed | None:
    try:
        return tools.shell.run(argv)
    except ToolError:
        return None


def _answers(argv: list[str], tools: Tools) -> bool:
    done = _try(argv, tools)
    return done is not None and done.code == 0


def _last(done: Completed, count: int) -> str:
    lines = [line.rstrip() for line in f"{done.stdout}\n{done.stderr}".splitlines() if line.strip()]
    indent = "" if count == 1 else "  "
    return "\n".join(f"{indent}{line}" for line in lines[-count:]) or f"{indent}exit code {done.code}"
