// bench/events.bpf.c without wake-ups: its consumer looks every millisecond.
#define WAKE_UP BPF_RB_NO_WAKEUP
#include "events.bpf.c"
