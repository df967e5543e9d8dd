"""Time from the start of a tracer of openat to its first line about a marker file."""
import contextlib
import glob
import os
import select
import signal
import subprocess
import tempfile
import threading
import time

MARKER = "ttfe_marker"


def _session(leader):
    """The processes of a session."""
    for path in glob.glob("/proc/[0-9]*/stat"):
        try:
            with open(path) as file:
                fields = file.read().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[3]) == leader:
            yield path.split("/")[2]


def _children(process):
    """Its children, theirs, and so on: a compile server has a session of its own."""
    try:
        with open(f"/proc/{process}/task/{process}/children") as file:
            children = file.read().split()
    except OSError:
        children = []
    for child in children:
        yield child
        yield from _children(child)


def _resident(process):
    try:
        with open(f"/proc/{process}/status") as file:
            return next((int(l.split()[1]) for l in file if l.startswith("VmRSS")), 0)
    except OSError:
        return 0


@contextlib.contextmanager
def marker_opened():
    """Opens the marker file every 0.5 ms."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, MARKER)
        with open(path, "w"):
            pass
        done = threading.Event()

        def trigger():
            while not done.wait(0.0005):
                os.close(os.open(path, os.O_RDONLY))

        thread = threading.Thread(target=trigger)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()


def measure(command, **options):
    """Starts command, which must trace openat and print file names. Returns ms to the first
    line that names the marker, and the resident MB of all its processes 0.3 s later."""
    with marker_opened():
        start = time.monotonic()
        process = subprocess.Popen(command, stdout=subprocess.PIPE, bufsize=0,
                                   start_new_session=True, **options)
        try:
            elapsed = wait_for_marker(process.stdout.fileno(), start)
        except BaseException:
            _end(process)
            raise
    try:
        time.sleep(0.3)
        members = set(_session(process.pid))
        for member in list(members):
            members.update(_children(member))
        return elapsed, sum(_resident(member) for member in members) / 1024
    finally:
        _end(process)


def wait_for_marker(output, start):
    """ms from start until the output names the marker."""
    seen = b""
    while time.monotonic() - start < 20:
        ready, _, _ = select.select([output], [], [], 0.5)
        if not ready:
            continue
        data = os.read(output, 65536)
        if not data:
            raise RuntimeError("the tracer ended before its first event")
        seen = (seen + data)[-200_000:]
        if MARKER.encode() in seen:
            return (time.monotonic() - start) * 1e3
    raise RuntimeError("no event within 20 s")


def _end(process):
    os.killpg(process.pid, signal.SIGTERM)  # SIGINT is ignored below a shell's `&`
    try:
        while process.stdout.read(65536):
            pass
        process.wait(10)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
