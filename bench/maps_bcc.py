"""BCC's Python side of bench/maps: ENTRIES. Answers read and write, as maps.lua does."""
import ctypes
import sys
import time

from bcc import BPF

entries = int(sys.argv[1])
program = BPF(text=f"""
struct hit {{ u64 count; u64 bytes; u32 pid; u32 errors; }};
BPF_HASH(hash, u64, struct hit, {entries});
int unused(void *ctx) {{ return 0; }}
""")
table = program["hash"]
Leaf, Key = table.Leaf, table.Key


def write():
    """Sets every entry, one by one."""
    start = time.thread_time()
    for i in range(entries):
        table[Key(i * 7919)] = Leaf(i, i * 2, i % 0x10000, 1)
    return entries, time.thread_time() - start, 0


def read():
    """All entries by items()."""
    start = time.thread_time()
    seen = total = 0
    for key, value in table.items():
        total += key.value + value.count
        seen += 1
    return seen, time.thread_time() - start, total


write()
print("ready", flush=True)
for line in sys.stdin:
    print(*(write() if line.startswith("write") else read()), flush=True)
