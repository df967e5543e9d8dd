"""What every bench shares: the table of results, and the peers, compiled when first needed.

A bench is an executable beside this file. It measures ebpf-lua and its peers by turns, so
that both meet the same noise, adds one row for each comparison and ends with
sys.exit(table.finish()). bench/run starts the benches.
"""
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

COLUMNS = (("work", 44), ("ours", 12), ("peer", 26), ("ratio", 7), ("bar", 9), ("", 0))


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


def milliseconds(command, **options):
    """One run of a whole process, in ms."""
    start = time.monotonic()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, **options)
    return (time.monotonic() - start) * 1e3


def by_turns(rounds, *measures):
    """The median of each measure (a function without arguments), run one after the other
    in every round; a first round warms the caches and does not count."""
    results = [[measure() for measure in measures] for _ in range(rounds + 1)]
    return [statistics.median(column) for column in zip(*results[1:])]


class Table:
    """The results of one bench."""

    def __init__(self, title):
        self.missed = 0
        print(f"== {title}")
        self._line([name for name, _ in COLUMNS])

    def _line(self, cells):
        fixed = [f"{cell:<{width}}" for cell, (_, width) in zip(cells, COLUMNS)]
        print(" | ".join(fixed).rstrip(), flush=True)

    def row(self, work, ours, unit, bar, peer=None, peer_name="", at_most=True):
        """One comparison. With a peer the bar is for ours / peer, without one for ours;
        at_most tells on which side of the bar the good values lie."""
        value = ours if peer is None else ours / peer
        good = value <= bar if at_most else value >= bar
        self.missed += not good
        limit = ("<= " if at_most else ">= ") + f"{bar:g}" + (" x" if peer is not None else "")
        self._line([work, f"{ours:.1f} {unit}",
                    "" if peer is None else f"{peer:.1f} {unit} {peer_name}",
                    "" if peer is None else f"{value:.2f}", limit,
                    "ok" if good else "MISSED"])

    def absent(self, work, why, ours=None, unit=""):
        """A comparison that cannot be made, because the peer is not there."""
        self._line([work, "" if ours is None else f"{ours:.1f} {unit}", f"no {why}", "", "",
                    "absent"])

    def finish(self):
        """The exit code of the bench."""
        return 1 if self.missed else 0


def need_root():
    if os.geteuid() != 0:
        sys.exit("bench: this needs root (./dev bench)")
