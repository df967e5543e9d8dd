"""The processes that benches of events and maps compare."""
import subprocess

import frame

SCRIPT = str(frame.HERE / "events.lua")


def measure(command, env=None):
    """Runs a side with its output to a pipe that is read: [(records, seconds, lost)]."""
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as reader:
        done = frame.checked(command, stdout=reader.stdin, env=env)
    lines = [line.split() for line in done.stderr.splitlines() if line[0].isdigit()]
    return [(int(records), float(seconds), int(lost)) for records, seconds, lost in lines]


def rates(rounds, request, *sides):
    """The best of each side, in millions of entries a second. All must have seen the same."""
    best = [0.0] * len(sides)
    for _ in range(rounds + 2):
        answers = [side.ask(request) for side in sides]
        if len({(entries, total) for entries, _, total in answers}) != 1:
            raise RuntimeError(f"{request}: the sides disagree: {answers}")
        best = [max(old, entries / seconds / 1e6)
                for old, (entries, seconds, _) in zip(best, answers)]
    return best


def pair(kind, entries):
    """Our side and the C tool, on one map."""
    peer = frame.Side([frame.peer_program("maps"), frame.peer_object("maps"), kind,
                       str(entries)])
    ours = frame.Side([frame.PROGRAM, str(frame.HERE / "maps.lua"), peer.line(), kind,
                       str(entries)])
    return ours, peer
