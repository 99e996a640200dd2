"""What `benchmarks/build.py` measures: images beside engines (`images.py`), zips beside `sam build` (`zips.py`)."""
