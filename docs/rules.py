"""The preflight's rules -> docs/rules.md, as they explain themselves; written by `python docs/generate.py`."""

from __future__ import annotations

from slsdeploy import explaining
from slsdeploy.results.check import Explained

HEAD = """\
# The preflight

<!-- Written by `python docs/generate.py` from the code; a test compares them. -->

What AWS would say after minutes of uploading is said here, in a moment and without an AWS call. `slsdeploy check` runs every rule;
`build`, `plan` and `up` run the same (so do `template` and `bench`, which build too): the rules about the project before the build, those
about the bundle after it, before anything is published. An *error* stops (exit code 2); a *warning* is a line on standard error; a
*note* is for `check` alone to show. Rules about the bundle wait until there is one: `check` says how many.

What `slsdeploy.toml` may not say at all is no rule, and cannot be ignored: reserved environment variables, names of buckets and queues
that AWS refuses, an S3 trigger whose results would trigger it again, numbers out of bounds (`slsdeploy explain configuration`). Every
command refuses such a file, with all that is wrong and its lines; SARIF has them as results of the rule `configuration`.

```console
$ slsdeploy check                          # all that can be found
$ slsdeploy check --fail-on warning        # exit code 7 when there are warnings, but no error
$ slsdeploy up --ignore model-memory       # leave a rule out; may be repeated
$ slsdeploy explain api-timeout            # one rule: what it means, why, how to mend it
$ slsdeploy check --format sarif > slsdeploy.sarif
```

What holds for every run stands in `slsdeploy.toml`, and a stage may override it. A rule that is ignored is not run, an error no less
than a warning: nothing looks at what it looked at.

```toml
[check]
fail_on = "warning"
ignore = ["model-memory"]

[stages.dev.check]
fail_on = "error"
```

SARIF is what code scanning reads. In a workflow of GitHub (its results are relative to the repository's top folder):

```yaml
- run: slsdeploy check --format sarif > slsdeploy.sarif
  continue-on-error: true
- uses: github/codeql-action/upload-sarif@v3
  with:
    sarif_file: slsdeploy.sarif
```
"""


def rules() -> str:
    """Return the page."""
    explained = explaining.explain_all()
    lines = [HEAD, "## The rules\n", "| rule | severity | looks at | |", "|---|---|---|---|"]
    lines += [
        f"| [{each.rule}](#{each.rule}) | {each.severity} | {each.phase} | {each.summary} |" for each in explained
    ]
    for each in explained:
        lines += _section(each)
    return "\n".join(lines).rstrip() + "\n"


def _section(each: Explained) -> list[str]:
    return [
        f"\n### {each.rule}\n",
        f"*{each.severity}*. {each.meaning}\n",
        f"**Why.** {each.why}\n",
        f"**How to mend it.** {each.mend}\n",
        f"What trips it:\n\n```text\n{each.example}\n```\n",
        f"<{each.link}>",
    ]
