// bench/events.bpf.c with a perf buffer.
#define PERF
#include "events.bpf.c"
