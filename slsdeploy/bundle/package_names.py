"""A module that is not there -> the package to ask an index for. Where the names differ, the module's own may be somebody else's package.

Only packages that many handlers use; all others are called as their module is.
"""

from __future__ import annotations

from collections.abc import Iterable

_PACKAGES = {
    "attr": "attrs",
    "bs4": "beautifulsoup4",
    "Crypto": "pycryptodome",
    "cv2": "opencv-python-headless",
    "dateutil": "python-dateutil",
    "docx": "python-docx",
    "dotenv": "python-dotenv",
    "fitz": "pymupdf",
    "jose": "python-jose",
    "jwt": "pyjwt",
    "magic": "python-magic",
    "multipart": "python-multipart",
    "MySQLdb": "mysqlclient",
    "OpenSSL": "pyopenssl",
    "PIL": "pillow",
    "pptx": "python-pptx",
    "psycopg2": "psycopg2-binary",
    "pythonjsonlogger": "python-json-logger",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
    "yaml": "pyyaml",
}


def hint(modules: Iterable[str]) -> str:
    """Say what to do about modules that the bundle does not have."""
    names = ", ".join(dict.fromkeys(_PACKAGES.get(name, name) for name in modules))
    return f"add {names} to the requirements, or the module to the project folder"
