"""What every bench shares: the table of results, and the peers, compiled when first needed.

A bench is an executable beside this file. It measures ebpf-lua and its peers by turns, so
that both meet the same noise, adds one row for each comparison and ends with
sys.exit(table.finish()). bench/run starts the benches.
"""
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent
BUILD = ROOT / "build" / "bench"
PROGRAM = os.environ.get("EBPF_LUA", str(ROOT / "build" / "release" / "bin" / "ebpf-lua"))
KERNEL_BTF = "/sys/kernel/btf/vmlinux"

COLUMNS = (("work", 46), ("ours", 13), ("peer", 27), ("ratio", 7), ("bar", 9), ("", 0))


class Absent(Exception):
    """A peer that this machine does not have."""


def tool(name, package=None):
    """The path of a program; Absent where it is not installed."""
    path = shutil.which(name)
    if not path:
        raise Absent(f"{name} (package {package or name})")
    return path


def _made(target, sources, command):
    """target, made by command where it is missing or older than its sources."""
    BUILD.mkdir(parents=True, exist_ok=True)
    if not target.exists() or any(target.stat().st_mtime < s.stat().st_mtime for s in sources):
        subprocess.run(command, check=True)
    return str(target)


def vmlinux_header():
    """A header with all types of the running kernel, as bpftool writes it."""
    BUILD.mkdir(parents=True, exist_ok=True)
    header = BUILD / f"vmlinux-{os.uname().release}.d" / "vmlinux.h"
    if not header.exists():
        bpftool = tool("bpftool")
        header.parent.mkdir(exist_ok=True)
        text = subprocess.run([bpftool, "btf", "dump", "file", KERNEL_BTF, "format", "c"],
                              check=True, stdout=subprocess.PIPE).stdout
        header.write_bytes(text)
    return header


def clang_command(source, output):
    """Compiles BPF C with a full vmlinux.h, as a libbpf tool does ahead of time."""
    return [tool("clang-19"), "-target", "bpf", "-D__TARGET_ARCH_x86", "-O2", "-g",
            "-I", str(vmlinux_header().parent), "-c", str(source), "-o", str(output)]


def peer_object(name):
    """bench/NAME.bpf.c as a BPF object file."""
    source = HERE / f"{name}.bpf.c"
    target = BUILD / f"{name}.bpf.o"
    return _made(target, [source], clang_command(source, target))


def peer_program(name):
    """bench/NAME.c as a program that uses libbpf."""
    source = HERE / f"{name}.c"
    target = BUILD / name
    return _made(target, [source],
                 [tool("cc", "gcc"), "-O2", str(source), "-o", str(target), "-lbpf"])


def checked(command, **options):
    """Runs a command; what it says on standard error is told where it fails."""
    done = subprocess.run(command, stderr=subprocess.PIPE, text=True, **options)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: exit code {done.returncode}\n{done.stderr}")
    return done


def milliseconds(command, **options):
    """One run of a whole process, in ms."""
    start = time.monotonic()
    checked(command, stdout=subprocess.DEVNULL, **options)
    return (time.monotonic() - start) * 1e3


def by_turns(rounds, *measures, pick=statistics.median):
    """The median (or best) of each measure (a function without arguments), run one after
    the other in every round; a first round warms the caches and does not count."""
    results = [[measure() for measure in measures] for _ in range(rounds + 1)]
    return [pick(column) for column in zip(*results[1:])]


class Side:
    """A process that measures on request: it answers a line of standard input with
    entries, seconds of processor time, a sum."""

    def __init__(self, command, env=None):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, env=env,
                                        stdout=subprocess.PIPE, text=True)

    def __enter__(self):
        return self

    def __exit__(self, *ignored):
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait()

    def line(self):
        """The next line that it writes."""
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.process.args[0]} ended")
        return line.strip()

    def ask(self, request):
        self.process.stdin.write(request + "\n")
        self.process.stdin.flush()
        entries, seconds, total = self.line().split()
        return int(entries), float(seconds), int(total)


def bcc():
    """The Python that has BCC, and the environment that it compiles in: with the kernel's
    headers, of the running kernel or of any that Debian has (BCC_KERNEL_SOURCE)."""
    python = "/usr/bin/python3"
    if subprocess.run([python, "-c", "import bcc"], stderr=subprocess.DEVNULL).returncode:
        raise Absent("BCC (package python3-bpfcc)")
    env = dict(os.environ)
    if "BCC_KERNEL_SOURCE" in env or (pathlib.Path("/lib/modules") / os.uname().release).exists():
        return python, env
    for version in sorted(pathlib.Path("/usr/src").glob("linux-headers-*-common"), reverse=True):
        base = version.name.removesuffix("-common")
        for own in sorted(version.parent.glob(base + "-*")):
            if own != version:
                env["BCC_KERNEL_SOURCE"] = _merged_headers(version, own)
                return python, env
    raise Absent("kernel headers for BCC (package linux-headers-cloud-amd64)")


def _merged_headers(common, own):
    """Debian keeps headers in two trees; BCC looks in one."""
    target = BUILD / f"headers-{own.name}"
    if not target.exists():
        BUILD.mkdir(parents=True, exist_ok=True)
        for tree in (common, own):
            subprocess.run(["cp", "-rsf", f"{tree}/.", f"{target}/"], check=True) \
                if target.exists() else subprocess.run(["cp", "-rs", tree, target], check=True)
    return str(target)


class Table:
    """The results of one bench. With EBPF_LUA_BENCH_RESULTS, a directory, they are kept
    there as JSON too: bench/report.py makes docs/performance.md of them."""

    def __init__(self, title):
        self.missed = 0
        self.title = title
        self.rows = []
        self.curves = []
        print(f"== {title}")
        self._line([name for name, _ in COLUMNS])

    def _line(self, cells):
        fixed = [f"{cell:<{width}}" for cell, (_, width) in zip(cells, COLUMNS)]
        print(" | ".join(fixed).rstrip(), flush=True)

    def _put(self, *cells):
        self.rows.append(cells)
        self._line(cells)

    def row(self, work, ours, unit, bar, peer=None, peer_name="", at_most=True):
        """One comparison. With a peer the bar is for ours / peer, without one for ours;
        at_most tells on which side of the bar the good values lie."""
        value = ours if peer is None else ours / peer
        good = value <= bar if at_most else value >= bar
        self.missed += not good
        limit = ("<= " if at_most else ">= ") + f"{bar:g}" + (" x" if peer is not None else "")
        self._put(work, number(ours, unit),
                  "" if peer is None else f"{number(peer, unit)} {peer_name}",
                  "" if peer is None else f"{value:.2f}", limit, "ok" if good else "MISSED")

    def note(self, work, ours, unit, peer=None, peer_name=""):
        """A comparison without a bar."""
        self._put(work, "" if ours is None else number(ours, unit),
                  "" if peer is None else f"{number(peer, unit)} {peer_name}",
                  "" if peer is None or ours is None else f"{ours / peer:.2f}", "", "")

    def absent(self, work, why, ours=None, unit=""):
        """A comparison that cannot be made, because the peer is not there."""
        self._put(work, "" if ours is None else number(ours, unit), f"no {why}", "", "",
                  "absent")

    def curve(self, title, across, unit, lines):
        """How a cost grows: lines is {name: [(x, y), ...]}."""
        self.curves.append({"title": title, "across": across, "unit": unit, "lines": lines})

    def finish(self):
        """The exit code of the bench."""
        results = os.environ.get("EBPF_LUA_BENCH_RESULTS")
        if results:
            content = {"title": self.title, "rows": self.rows, "curves": self.curves}
            (pathlib.Path(results) / f"{self.title}.json").write_text(json.dumps(content))
        return 1 if self.missed else 0


def number(value, unit):
    """Three digits that matter, and the unit."""
    digits = 0 if value == int(value) or value >= 100 else 1 if value >= 10 else 2
    return f"{value:.{digits}f} {unit}"


def need_root():
    if os.geteuid() != 0:
        sys.exit("bench: this needs root (./dev bench)")
