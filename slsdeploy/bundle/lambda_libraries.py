"""Which libraries Lambda's Python runtimes on Amazon Linux 2023 have, and where the loader there looks for others; with the sources.

Zip functions and AWS's base images are of one kind: both are Amazon Linux 2023's minimal container image, with Python in /var/lang
(https://docs.aws.amazon.com/lambda/latest/dg/python-image.html). Some of its packages are quoted in
https://github.com/amazonlinux/amazon-linux-2023/issues/585 (`rpm -qa` in public.ecr.aws/lambda/python:3.12); the rest of `THERE` is what
Amazon Linux 2023's minimal image is known to have, and was not compared with the image itself: hence only warnings follow from it.
"""

from __future__ import annotations

import re

# https://docs.aws.amazon.com/linux/al2023/ug/glibc-gcc-and-binutils.html: glibc 2.34, GCC 11; and what GCC 11's libstdc++ has:
# https://gcc.gnu.org/onlinedocs/libstdc++/manual/abi.html
HIGHEST = {"GLIBC": (2, 34), "GLIBCXX": (3, 4, 29), "CXXABI": (1, 3, 13)}

# https://sourceware.org/glibc/manual/2.34/html_node/: glibc's own, the loader's names of both architectures; GCC's
SURE = frozenset(
    {
        *("libc.so.6", "libm.so.6", "libpthread.so.0", "libdl.so.2", "librt.so.1", "libutil.so.1", "libresolv.so.2"),
        *(
            "libanl.so.1",
            "libBrokenLocale.so.1",
            "libmvec.so.1",
            "libthread_db.so.1",
            "libnss_files.so.2",
            "libnss_dns.so.2",
        ),
        *("ld-linux-x86-64.so.2", "ld-linux-aarch64.so.1", "libgcc_s.so.1", "libstdc++.so.6"),
    }
)
# Packages of the minimal image. AWS promises none of them; they have been there since Python 3.12 came out.
THERE = frozenset(
    {
        *("libz.so.1", "libssl.so.3", "libcrypto.so.3", "libbz2.so.1", "liblzma.so.5", "libzstd.so.1", "liblz4.so.1"),
        *(
            "libcurl.so.4",
            "libnghttp2.so.14",
            "libxml2.so.2",
            "libsqlite3.so.0",
            "libffi.so.8",
            "libcrypt.so.2",
            "libyaml-0.so.2",
        ),
        *("libreadline.so.8", "libncurses.so.6", "libncursesw.so.6", "libtinfo.so.6", "libgmp.so.10", "libmpfr.so.6"),
        *("libglib-2.0.so.0", "libgobject-2.0.so.0", "libgio-2.0.so.0", "libgmodule-2.0.so.0", "libgthread-2.0.so.0"),
        *(
            "libgssapi_krb5.so.2",
            "libkrb5.so.3",
            "libk5crypto.so.3",
            "libcom_err.so.2",
            "libkeyutils.so.1",
            "libuuid.so.1",
        ),
        *(
            "libblkid.so.1",
            "libmount.so.1",
            "libcap.so.2",
            "libacl.so.1",
            "libattr.so.1",
            "libselinux.so.1",
            "libpcre2-8.so.0",
        ),
        *(
            "libidn2.so.0",
            "libunistring.so.2",
            "libpsl.so.5",
            "libgcrypt.so.20",
            "libgpg-error.so.0",
            "libarchive.so.13",
        ),
    }
)
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
