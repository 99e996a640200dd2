"""How long builds take, ours beside today's tools, in turns, in one run: `python benchmarks/build.py [zip|image] [--runs N]`.

    zip      beside `sam build`: a first build, no change, a changed line        goals: 10 times faster, then 50 times
    image    beside docker and buildah: rebuild and push after a changed line    goals: 20 times faster, below 100 kB sent

Ratios are medians of the rounds' own. What each needs and does is said in benchmarks/builds/.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from builds import images, zips


def main() -> None:
    """Measure what is asked for; both without a word."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="?", choices=("zip", "image"))
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--sam", default="", help="the program `sam`; default: it is installed for this run")
    parser.add_argument(
        "--model-mb", default="0,500", help="image: MB of weights, several with commas; 0: the sample's own model"
    )
    options = parser.parse_args()
    if options.what != "image":
        zips.measure(options.runs, options.sam)
    for megabytes in options.model_mb.split(",") if options.what != "zip" else ():
        images.measure(int(megabytes), options.runs)


if __name__ == "__main__":
    main()
