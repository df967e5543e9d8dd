// The peer of bench/events, on libbpf: events OBJECT MODE KIND CALLS BYTES ROUNDS
//   MODE   add (a u64 field), count (also by the string field), print (a line an event)
//   KIND   ring, perf or quiet (a ring without wake-ups);  BYTES  of the ring, or of each
//   CPU's perf buffer
// Each round makes CALLS getppid calls and then times the drain of the full buffer; print
// with 0 rounds lets a child make the calls meanwhile, which tells what one cost it, in
// ns of processor time. Prints on standard error, for each round: records, seconds, lost.
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct event {
  unsigned pid, seq;
  unsigned long long ts;
  char comm[16], pad[32];
};

static unsigned long long sum;
static long seen;

static int on_add(void* ctx, void* data, size_t size) {
  sum += ((struct event*)data)->ts;
  seen++;
  return 0;
}

static struct {
  char comm[16];
  long count;
} table[1024];

static int on_count(void* ctx, void* data, size_t size) {
  const struct event* e = data;
  unsigned hash = 2166136261u;

  sum += e->ts;
  seen++;
  for (int i = 0; i < 16 && e->comm[i]; i++)
    hash = (hash ^ (unsigned char)e->comm[i]) * 16777619u;
  for (;; hash++) {
    if (!table[hash % 1024].count)
      strncpy(table[hash % 1024].comm, e->comm, sizeof(e->comm));
    if (!strncmp(table[hash % 1024].comm, e->comm, sizeof(e->comm))) {
      table[hash % 1024].count++;
      return 0;
    }
  }
}

static int on_print(void* ctx, void* data, size_t size) {
  const struct event* e = data;

  fprintf(stdout, "%u\t%llu\t%s\n", e->pid, e->ts, e->comm);
  seen++;
  return 0;
}

static int (*handler)(void*, void*, size_t);

static void on_sample(void* ctx, int cpu, void* data, unsigned size) {
  handler(ctx, data, size);
}

/// What this thread has used of its processor, in seconds: others that run meanwhile do
/// not count.
static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return t.tv_sec + t.tv_nsec * 1e-9;
}

int main(int argc, char** argv) {
  if (argc != 7) return 2;
  const char* mode = argv[2];
  int perf = !strcmp(argv[3], "perf"), quiet = !strcmp(argv[3], "quiet");
  int rounds = atoi(argv[6]);
  long calls = atol(argv[4]), bytes = atol(argv[5]);
  struct {
    unsigned long long lost;
    unsigned pid;
  }* bss;
  struct bpf_object* obj = bpf_object__open(argv[1]);

  handler = !strcmp(mode, "add") ? on_add : !strcmp(mode, "count") ? on_count : on_print;
  if (!obj) return 1;
  struct bpf_map* events = bpf_object__find_map_by_name(obj, "events");
  if (!perf) bpf_map__set_max_entries(events, bytes);
  if (bpf_object__load(obj) ||
      !bpf_program__attach(bpf_object__find_program_by_name(obj, "on_enter")))
    return 1;
  struct bpf_map *map, *globals = NULL;
  bpf_object__for_each_map(map, obj) if (strstr(bpf_map__name(map), ".bss")) globals =
      map;
  bss = mmap(NULL, bpf_map__value_size(globals), PROT_READ | PROT_WRITE, MAP_SHARED,
             bpf_map__fd(globals), 0);
  if (bss == MAP_FAILED) return 1;

  struct ring_buffer* ring = NULL;
  struct perf_buffer* buffer = NULL;
  if (perf)
    buffer =
        perf_buffer__new(bpf_map__fd(events), bytes / 4096, on_sample, NULL, NULL, NULL);
  else
    ring = ring_buffer__new(bpf_map__fd(events), handler, NULL, NULL);

  for (int round = 0; round < rounds; round++) {
    double taken = 0;
    long done = 0, part = perf ? bytes / 128 : bytes / 80;
    seen = bss->lost = 0;
    while (done < calls) {
      if (part > calls - done) part = calls - done;
      bss->pid = getpid();
      for (long i = 0; i < part; i++) getppid();
      bss->pid = 0;
      done += part;
      double t = now();
      if (perf)
        perf_buffer__consume(buffer);
      else
        ring_buffer__consume(ring);
      fflush(stdout);
      taken += now() - t;
    }
    fprintf(stderr, "%ld %.6f %llu\n", seen, taken, bss->lost);
  }
  if (rounds == 0) {
    int ready[2];
    if (pipe(ready)) return 1;
    double t = now();
    int child = fork();
    if (child == 0) {
      char byte;
      if (read(ready[0], &byte, 1) != 1) _exit(1);
      double start = now();
      for (long i = 0; i < calls; i++) getppid();
      fprintf(stderr, "cost %.1f\n", (now() - start) * 1e9 / calls);
      _exit(0);
    }
    bss->pid = child;
    if (write(ready[1], "x", 1) != 1) return 1;
    while (seen + (long)bss->lost < calls) {
      if (quiet) {
        usleep(1000);
        ring_buffer__consume(ring);
      } else if (perf) {
        perf_buffer__poll(buffer, 100);
      } else {
        ring_buffer__poll(ring, 100);
      }
    }
    fflush(stdout);
    fprintf(stderr, "%ld %.6f %llu\n", seen, now() - t, bss->lost);
    waitpid(child, NULL, 0);
  }
  return 0;
}
