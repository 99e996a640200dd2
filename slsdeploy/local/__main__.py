"""The local AWS's process: `python -m slsdeploy.local [--port N]`. `daemon.py` starts it, detached."""

from __future__ import annotations

import argparse
import logging
import os
import shutil
import signal
import socket
import threading

from slsdeploy import assets
from slsdeploy.local import ports, state

# Where users expect it after the first time; any free port when it is taken.
USUAL_PORT = 4580

_log = logging.getLogger("slsdeploy.local")


def main() -> None:
    """Serve until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(prog="python -m slsdeploy.local", description=__doc__)
    parser.add_argument("--port", type=int, help=f"loopback port (default: {USUAL_PORT}, or any free one)")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    for noisy in ("botocore", "boto3", "werkzeug", "urllib3"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    done = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: done.set())
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    serve(_listening(arguments.port), done)


def serve(sock: socket.socket, done: threading.Event) -> None:
    """Run the local AWS on a listening socket until it is told to end; its functions end with it."""
    endpoint = f"http://{ports.HOST}:{sock.getsockname()[1]}"
    _configure_moto(endpoint)
    # moto takes half a second to import: after the socket, so that a taken port is told at once.
    from slsdeploy.local import mends
    from slsdeploy.local.functions import Functions
    from slsdeploy.local.images.api import Registry
    from slsdeploy.local.images.contents import Contents
    from slsdeploy.local.images.repositories import Repositories
    from slsdeploy.local.server import Front, listen

    run = state.folder() / f"run-{os.getpid()}"
    run.mkdir(mode=0o700)
    images = Repositories(Contents(run / "images"))
    mends.mend(endpoint, images)
    functions = Functions(endpoint=endpoint, state=run, cache=assets.cache_dir() / "local")
    functions.start()
    try:
        front = Front(functions, endpoint, Registry(images))
        server = listen(front, ports.HOST, sock.fileno())
        threading.Thread(target=server.serve_forever, name="server", daemon=True).start()
        alive = state.announce(endpoint)
        front.preload()
        _log.info("ready on %s", endpoint)
        done.wait()
        _log.info("ending")
        state.withdraw(alive)
    finally:
        functions.stop()
        shutil.rmtree(run, ignore_errors=True)


def _listening(port: int | None) -> socket.socket:
    for candidate in (USUAL_PORT, 0) if port is None else (port,):
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind((ports.HOST, candidate))
        except OSError:
            sock.close()
            continue
        sock.listen(128)
        return sock
    raise SystemExit(f"port {port} is taken by {ports.owner(port or 0)}")


def _configure_moto(endpoint: str) -> None:
    """Set moto's switches, which it reads from the environment: no CORS headers, any region, AWS's own managed policies."""
    os.environ.update(
        MOTO_DISABLE_GLOBAL_CORS="true",
        MOTO_ALLOW_NONEXISTENT_REGION="true",
        MOTO_ENABLE_ISO_REGIONS="true",
        MOTO_IAM_LOAD_MANAGED_POLICIES="true",
        MOTO_PORT=endpoint.rpartition(":")[2],
    )


if __name__ == "__main__":
    main()
