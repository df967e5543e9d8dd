"""report.py RESULTS: makes docs/performance.md and its plots of what the benches kept in
that directory (frame.Table)."""
import json
import os
import pathlib
import subprocess
import sys

import frame
import plot

ORDER = ("startup", "repl", "events", "maps", "attach", "memory", "scale")
TEXT = """# Performance

`./dev bench --write` made this page: nothing of it is written by hand. {machine}

Rates and costs are those of processor time, so that whatever else runs does not count, and
the best of several rounds; start-up and attaching are elapsed time. Both sides take turns
in one run, on the same records or the same map. The C tools and their programs are in
`bench/`. A peer that is not installed is a row `absent`: `apt-get install bpftrace
python3-bpfcc linux-headers-cloud-amd64` makes those of bpftrace and BCC appear (any Debian
kernel's headers do; `BCC_KERNEL_SOURCE` names others).
"""


def machine():
    """The processor, the kernel and the tools, without any name of the machine."""
    model = "an unknown processor"
    with open("/proc/cpuinfo") as file:
        for line in file:
            if line.startswith("model name"):
                model = line.partition(":")[2].strip()
                break
    with open("/proc/meminfo") as file:
        memory = int(file.readline().split()[1]) / (1 << 20)
    release = ".".join(os.uname().release.split("-")[0].split(".")[:2])
    virtual = subprocess.run(["systemd-detect-virt"], stdout=subprocess.PIPE, text=True,
                             check=False).stdout.strip() if frame.shutil.which(
                                 "systemd-detect-virt") else ""
    where = ", a virtual machine" if virtual not in ("", "none") else ""
    load = os.getloadavg()[1]
    return (f"The machine: {model}, {os.cpu_count()} CPUs, {memory:.0f} GB{where}; "
            f"Linux {release}, {os.uname().machine}. Its load was {load:.1f} over the last "
            "five minutes of the run, the bench's own included.")


def table(rows):
    out = ["| work | ebpf-lua | peer | ratio | bar | |", "|---|---|---|---|---|---|"]
    out += ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows]
    return "\n".join(out)


def main():
    results = pathlib.Path(sys.argv[1])
    pictures = frame.ROOT / "docs" / "performance"
    pictures.mkdir(exist_ok=True)
    parts = [TEXT.format(machine=machine())]
    for name in ORDER:
        path = results / f"{name}.json"
        if not path.exists():
            continue
        content = json.loads(path.read_text())
        parts.append(f"## {name.capitalize()}\n\n{table(content['rows'])}\n")
        for curve in content["curves"]:
            file = curve["title"].replace(" ", "-") + ".svg"
            title = f"What {curve['title']} costs"
            (pictures / file).write_text(plot.log_log(title, curve["across"], curve["unit"],
                                                      curve["lines"]))
            parts.append(f"![{title}, by the number of {curve['across']}]"
                         f"(performance/{file})\n")
    (frame.ROOT / "docs" / "performance.md").write_text("\n".join(parts))


main()
