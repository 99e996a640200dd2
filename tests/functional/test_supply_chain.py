"""Projects to what is told about their bundles: which packages, from which files, under which licences."""

from __future__ import annotations

from slsdeploy.bundle import distributions, facts, record
from tests import wheelhouse
from tests.building import House


def test_what_is_installed_is_told_beside_the_bundle_though_the_records_are_gone(house: House) -> None:
    wheel = wheelhouse.digest(house.index / "numpy-2.4.6-py3-none-any.whl")
    bundle = house.build()
    found = {each.key: each for each in distributions.of_facts(facts.of(bundle, "dependencies"))}
    assert set(found) == set(wheelhouse.RUNTIME)
    numpy = found["numpy"]
    assert (numpy.version, numpy.tags, numpy.modules) == ("2.4.6", ("py3-none-any",), ("numpy",))
    assert numpy.hashes == (f"sha256:{wheel}",)
    assert not list(bundle.path.rglob("*.dist-info/WHEEL"))
    assert facts.of(bundle, "code") == {}


def test_facts_are_not_found_again_when_nothing_changed(house: House) -> None:
    first = house.build()
    path = facts.place(first.path, "dependencies")
    before = path.stat()
    second = house.build()
    assert record.describe(second) == record.describe(first)
    assert path.stat().st_mtime_ns == before.st_mtime_ns
