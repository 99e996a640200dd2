"""Models that live in S3 -> pinned in the lock file, and copied into this user's cache, from where everything else reads them.

A pin says which object (its version where the bucket keeps versions, its ETag, its sha256): a model does not change behind a deployment's
back, and a build on another machine is made with the same one. With pin and copy, nothing is asked. What AWS gets is pinned in
slsdeploy.lock; the local AWS has objects of its own, so their pins are in the stage's work folder.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path, PurePosixPath

from slsdeploy import assets
from slsdeploy.bundle import lock, model, parts, tree
from slsdeploy.commands import command
from slsdeploy.errors import ProjectError
from slsdeploy.tools import Cloud, Tools
from slsdeploy.types import Model, ModelInfo, PinnedFile, Project, S3Object, S3Origin
from slsdeploy_runtime import digests

Connect = Callable[[], Cloud]


def find(project: Project) -> Project:
    """Return the project with what is pinned, its models' paths those of the copies (which may not be there). Asks nobody.

    Raises ProjectError when the lock file is damaged.
    """
    if not any(isinstance(each.origin, S3Origin) for each in project.models):
        return project
    pins = {pin.uri: pin for pin in lock.read_pins(folder(project))}
    return replace(project, models=tuple(_placed(each, pins) for each in project.models))


def known(project: Project) -> Project:
    """Return what `find` does; a copy that is not whole is none: `settle` fetches it anew."""
    pairs = zip(project.models, find(project).models, strict=True)
    return replace(project, models=tuple(was if _is_damaged(found) else found for was, found in pairs))


def _is_damaged(model: Model) -> bool:
    return isinstance(model.origin, S3Origin) and not _is_here(model.origin)


def settle(project: Project, tools: Tools, cloud: Cloud | None = None) -> Project:
    """Return the project with every model that lives in S3 pinned and copied; `cloud` is asked whether what was pinned is still there.

    Without it, AWS is asked only for what is missing. Raises ProjectError when an object is not there, or not the pinned one any more.
    """
    found = find(project)
    if found is project:
        return project

    @cache
    def connect() -> Cloud:
        return cloud or tools.connect(project)

    pins = {}
    for origin in _origins(found):
        pin = origin if origin.files else _pin(origin, tools, connect, project)
        if cloud is not None and origin.files:
            pin = _still_there(pin, project, tools, cloud)
        if not _is_here(pin):
            pin = _fetch(pin, project, tools, connect())
        pins[pin.uri] = pin
    before = {pin.uri: pin for pin in lock.read_pins(folder(project))}
    if before | pins != before:  # what else is pinned, other stages have
        moved = ", ".join(uri for uri, pin in pins.items() if before.get(uri) != pin)
        _insist(project, f"{moved} is the same in another version than is pinned")
        with lock.changing(folder(project)):
            now = {pin.uri: pin for pin in lock.read_pins(folder(project))}
            lock.write_pins(folder(project), (now | pins).values())
    return replace(found, models=tuple(_placed(each, pins) for each in found.models))


def _insist(project: Project, missing: str) -> None:
    """Refuse to pin with --locked; what the local AWS has is no business of slsdeploy.lock."""
    if not project.local:
        lock.insist(project, missing)


def check(of: Model, info: ModelInfo) -> None:
    """Make sure that a copy is what was pinned. Raises ProjectError when it was damaged since; then it is gone."""
    if isinstance(of.origin, S3Origin) and info.digest != of.origin.digest:
        tree.remove(of.path.parent)
        message = f"the copy of {of.origin.uri} in the cache was damaged; it is removed"
        raise ProjectError(message, "run the command again: it is fetched anew", str(of.path))


def folder(project: Project) -> Path:
    """Return the folder of the lock file that says what the project's models are."""
    return project.work if project.local else project.root


def _origins(project: Project) -> list[S3Origin]:
    return list({each.origin.uri: each.origin for each in project.models if isinstance(each.origin, S3Origin)}.values())


def _placed(of: Model, pins: dict[str, S3Origin]) -> Model:
    """Return the model at its copy, if it lives in S3 and is pinned."""
    pin = pins.get(of.origin.uri) if isinstance(of.origin, S3Origin) else None
    return of if pin is None else replace(of, origin=pin, path=_copy(pin) / pin.files[0].name)


def _copy(pin: S3Origin) -> Path:
    return _shelf() / digests.of_folder(pin.digest, [file.name for file in pin.files])


def _shelf() -> Path:
    return assets.cache_dir() / "objects"


def _is_here(pin: S3Origin) -> bool:
    try:
        return all((_copy(pin) / file.name).stat().st_size == file.object.bytes for file in pin.files)
    except OSError:
        return False


def _pin(origin: S3Origin, tools: Tools, connect: Connect, project: Project) -> S3Origin:
    """Fetch what is there now, the model and the files that hold its weights, and say what it was."""
    _insist(project, f"{origin.uri} is not pinned")
    cloud, files = connect(), []
    beside, slash, main = origin.key.rpartition("/")
    with _draft() as draft:
        wanted = [main]
        for name in wanted:  # grows once the model itself is here
            key = f"{beside}{slash}{name}"
            there = cloud.find_object(origin.bucket, key)
            if there is None:
                raise _absent(origin, key, cloud, project)
            _download(there, draft / name, tools, cloud)
            files.append(PinnedFile(name, there, digests.of_file(draft / name)))
            if len(files) == 1:
                wanted += _beside(model.external_files(draft / name))
        pin = replace(origin, region=cloud.bucket_region(origin.bucket), files=tuple(files))
        _keep(draft, pin)
    return pin


def _beside(names: Iterable[str]) -> list[str]:
    """Return the names of files in the model's folder; what is not there is refused when the model is inspected."""
    paths = (PurePosixPath(name) for name in names if name)
    return [path.as_posix() for path in paths if not path.is_absolute() and ".." not in path.parts]


def _fetch(pin: S3Origin, project: Project, tools: Tools, cloud: Cloud) -> S3Origin:
    """Fetch what is pinned."""
    pin = _still_there(pin, project, tools, cloud)
    with _draft() as draft:
        for file in pin.files:
            _download(file.object, draft / file.name, tools, cloud)
            found = digests.of_file(draft / file.name)
            if found != file.digest:
                raise _changed(file, f"its content has the sha256 {found}, pinned is {file.digest}", project)
        _keep(draft, pin)
    return pin


def _download(wanted: S3Object, path: Path, tools: Tools, cloud: Cloud) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tools.reporter.step(f"fetch s3://{wanted.bucket}/{wanted.key}", wanted.bytes) as task:
        cloud.download(wanted, path, task)


@contextmanager
def _draft() -> Iterator[Path]:
    """Give a folder to fetch into; what was fetched gets its place only when it is whole."""
    _shelf().mkdir(parents=True, exist_ok=True)
    parts.sweep(_shelf())
    made = Path(tempfile.mkdtemp(prefix=".draft-", dir=_shelf()))
    try:
        yield made
    finally:
        tree.remove(made)


def _keep(draft: Path, pin: S3Origin) -> None:
    if _is_here(pin):
        return
    tree.remove(_copy(pin))
    draft.rename(_copy(pin))


def _still_there(pin: S3Origin, project: Project, tools: Tools, cloud: Cloud) -> S3Origin:
    """Return the pin; with another version in it where the same content was put there again. Raises ProjectError when it is gone."""
    files = []
    for file in pin.files:
        wanted = file.object
        there = cloud.find_object(wanted.bucket, wanted.key, wanted.version)
        if there is None and wanted.version:
            there = cloud.find_object(wanted.bucket, wanted.key)
        if there is None:
            raise _changed(file, "it was deleted", project)
        if (there.etag, there.bytes) != (wanted.etag, wanted.bytes):
            raise _changed(file, "another has taken its place", project)
        if there.version != wanted.version:
            tools.reporter.note(f"s3://{wanted.bucket}/{wanted.key} is the same in version {there.version}: pinned")
        files.append(replace(file, object=there))
    return replace(pin, files=tuple(files))


def _changed(file: PinnedFile, why: str, project: Project) -> ProjectError:
    where = file.object
    version = f" (version {where.version})" if where.version else ""
    message = f"s3://{where.bucket}/{where.key}{version} is not what {lock.FILE} pins any more: {why}"
    anew = f"`{command(project, 'lock', '--models')}` pins what is there now"
    return ProjectError(message, f"{anew}; or put the former object back")


def _absent(origin: S3Origin, key: str, cloud: Cloud, project: Project) -> ProjectError:
    uri = f"s3://{origin.bucket}/{key}"
    what = f"there is no {uri}"
    if key != origin.key:
        what = f"{origin.uri} keeps its weights in {uri}, which is not there"
    if not project.local:
        return ProjectError(what, f"put it there: `aws s3 cp {PurePosixPath(key).name} {uri}`", origin.uri)
    aws = f"AWS_ACCESS_KEY_ID=local AWS_SECRET_ACCESS_KEY=local aws --endpoint-url {cloud.endpoint} --region {cloud.region}"
    put = f"`{aws} s3 cp {PurePosixPath(key).name} {uri}`, after `{aws} s3 mb s3://{origin.bucket}` if there is no such bucket"
    return ProjectError(
        f"the local AWS has no {uri}" if key == origin.key else what, f"put it there: {put}", origin.uri
    )
