"""Which libraries Lambda's Python runtimes on Amazon Linux 2023 have, and where the loader there looks for others; with the sources.

Zip functions and AWS's base images are of one kind: Amazon Linux 2023's minimal container image, with Python in /var/lang. Lambda's page
on images (https://docs.aws.amazon.com/lambda/latest/dg/images-create.html) names the list of packages: the columns "Minimal Container" of
https://docs.aws.amazon.com/linux/al2023/ug/al2023-container-image-types.html. Two listings of the images themselves agree, as far as they
go: https://github.com/amazonlinux/amazon-linux-2023/issues/585 (`rpm -qa` in lambda/python:3.12) and
https://github.com/aws/aws-lambda-base-images/issues/173 (lambda/nodejs:20). AWS promises none of it, so only warnings follow.
"""

from __future__ import annotations

import re

# glibc stays: https://docs.aws.amazon.com/linux/al2023/ug/core-glibc.html. libstdc++ is GCC 14's, though the compiler is GCC 11:
# https://docs.aws.amazon.com/linux/al2023/release-notes/relnotes-2023.9.20250929.html (Minimal Container), and what that has:
# https://gcc.gnu.org/onlinedocs/libstdc++/manual/abi.html
HIGHEST = {"GLIBC": (2, 34), "GLIBCXX": (3, 4, 33), "CXXABI": (1, 3, 15)}

# Libraries by package. glibc's own (https://sourceware.org/glibc/manual/2.34/html_node/), with the loader's names of both architectures:
_ALWAYS = {
    "glibc": "libc.so.6 libm.so.6 libpthread.so.0 libdl.so.2 librt.so.1 libutil.so.1 libresolv.so.2 libanl.so.1 libmvec.so.1 "
    "libBrokenLocale.so.1 libthread_db.so.1 libnss_files.so.2 libnss_dns.so.2 ld-linux-x86-64.so.2 ld-linux-aarch64.so.1",
    "libgcc, libstdc++": "libgcc_s.so.1 libstdc++.so.6",
}
# Those of the last three lines are required by others (krb5-libs, libselinux, gawk, bash, rpm-libs).
# Not there: libgomp, expat, libxcrypt (`dnf install python` brings it: https://github.com/aws/aws-lambda-base-images/issues/137).
_MINIMAL = {
    "bzip2-libs": "libbz2.so.1",
    "glib2": "libglib-2.0.so.0 libgobject-2.0.so.0 libgio-2.0.so.0 libgmodule-2.0.so.0 libgthread-2.0.so.0",
    "gmp": "libgmp.so.10",
    "json-c": "libjson-c.so.5",
    "keyutils-libs": "libkeyutils.so.1",
    "krb5-libs": "libgssapi_krb5.so.2 libkrb5.so.3 libk5crypto.so.3",
    "libacl, libattr, libcap": "libacl.so.1 libattr.so.1 libcap.so.2",
    "libarchive": "libarchive.so.13",
    "libblkid, libmount, libsmartcols, libuuid": "libblkid.so.1 libmount.so.1 libsmartcols.so.1 libuuid.so.1",
    "libcurl-minimal, libnghttp2, libpsl": "libcurl.so.4 libnghttp2.so.14 libpsl.so.5",
    "libffi": "libffi.so.8",
    "libgcrypt, libgpg-error": "libgcrypt.so.20 libgpg-error.so.0",
    "libidn2, libunistring": "libidn2.so.0 libunistring.so.2",
    "libselinux": "libselinux.so.1",
    "libtasn1, p11-kit": "libtasn1.so.6 libp11-kit.so.0",
    "libxml2": "libxml2.so.2",
    "libyaml": "libyaml-0.so.2",
    "libzstd, lz4-libs, zlib": "libzstd.so.1 liblz4.so.1 libz.so.1",
    "openssl-libs": "libssl.so.3 libcrypto.so.3",
    "libcom_err, pcre2": "libcom_err.so.2 libpcre2-8.so.0",
    "mpfr, ncurses-libs, readline": "libmpfr.so.6 libncurses.so.6 libncursesw.so.6 libtinfo.so.6 libreadline.so.8",
    "sqlite-libs, xz-libs": "libsqlite3.so.0 liblzma.so.5",
}
SURE = frozenset(" ".join(_ALWAYS.values()).split())
THERE = frozenset(" ".join(_MINIMAL.values()).split())
_PYTHON = re.compile(r"libpython3(?:\.\d+t?)?\.so(?:\.1\.0)?")
# What people miss there, each with the remedy that is known to help:
# https://github.com/aws/aws-lambda-python-runtime-interface-client/issues/31, https://github.com/microsoft/LightGBM/issues/1369
_REMEDIES = (
    (
        re.compile(r"lib(?:GL|GLX|EGL|OpenGL|GLdispatch|X\w+|SM|ICE|xcb|wayland)\b"),
        "use the headless build of the package, as opencv-python-headless",
    ),
    (
        re.compile(r"libgomp\.so"),
        "put libgomp.so.1 into the project's folder lib (it is GCC's), where the loader looks",
    ),
    (
        re.compile(r"lib(?:cuda|cudart|cudnn\w*|cublas\w*|cufft|curand|nvinfer\w*|nvrtc|nvidia\w*)\b"),
        "Lambda has no GPU: use the package's build for CPUs",
    ),
    (re.compile(r"lib(?:tk|tcl)[\d.]*\.so"), "there is no display: leave that module out"),
    (
        re.compile(r"lib(?:pq|mysqlclient|mariadb|odbc|odbcinst)\.so"),
        "use the package's binary build, as psycopg2-binary",
    ),
)
_MUSL = re.compile(r"libc\.musl-|ld-musl-")

# LD_LIBRARY_PATH there, as far as it is of the bundle: https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html
FOLDERS = ("/var/task", "/var/task/lib", "/opt/lib")


def has(library: str) -> bool:
    """Say whether the runtime has a library of that name."""
    return library in SURE or library in THERE or bool(_PYTHON.fullmatch(library))


def is_musls(library: str) -> bool:
    """Say whether it is the other C library's, Alpine Linux's: what needs that cannot run beside glibc."""
    return bool(_MUSL.match(library))


def remedy(library: str) -> str:
    """Return what helps where it is missing; "" when that is not known."""
    return next((text for pattern, text in _REMEDIES if pattern.match(library)), "")
