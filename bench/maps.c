// The peer of bench/maps, on libbpf: maps OBJECT KIND ENTRIES
// Makes the map, fills it and prints its id, so that the other side works on the same
// one. Then answers each line of standard input, read or write, with: entries, seconds, a
// sum.
//   KIND   hash, lru_hash, percpu_hash, array or stack_trace, as bench/maps.bpf.c names
//   them
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum { BATCH = 4096, FRAMES = 127 };

struct hit {
  unsigned long long count, bytes;
  unsigned pid, errors;
};

static int fd, cpus;
static long entries;
static unsigned key_size, value_size;
static char *keys, *values;

static unsigned long long key_at(long i) {
  unsigned long long key = 0;
  memcpy(&key, keys + i * key_size, key_size);
  return key;
}

static void fill(int per_cpu) {
  for (long i = 0; i < entries; i++) {
    unsigned long long key = key_size == 8 ? i * 7919 : i;
    memcpy(keys + i * key_size, &key, key_size);
    if (per_cpu) {
      for (int cpu = 0; cpu < cpus; cpu++)
        ((unsigned long long*)values)[i * cpus + cpu] = i + cpu;
    } else {
      ((struct hit*)values)[i] = (struct hit){i, i * 2, i & 0xffff, 1};
    }
  }
}

/// What this thread has used of its processor, in seconds: others that run meanwhile do
/// not count.
static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return t.tv_sec + t.tv_nsec * 1e-9;
}

/// Clears a hash map; then, timed, writes the entries.
static double write_all(int per_cpu, int array) {
  unsigned n = entries;

  fill(per_cpu);
  if (!array) bpf_map_delete_batch(fd, keys, &n, NULL);
  double t = now();
  n = entries;
  if (bpf_map_update_batch(fd, keys, values, &n, NULL)) exit(1);
  return now() - t;
}

static double read_all(int per_cpu, long* seen, unsigned long long* sum) {
  unsigned long long token = 0, next = 0;
  void* from = NULL;
  int result = 0;
  double t = now();

  *seen = *sum = 0;
  while (result == 0) {
    unsigned n = BATCH;
    result = bpf_map_lookup_batch(fd, from, &next, keys, values, &n, NULL);
    if (result && result != -ENOENT) exit(1);
    for (unsigned i = 0; i < n; i++) {
      *sum += key_at(i);
      if (per_cpu)
        for (int cpu = 0; cpu < cpus; cpu++)
          *sum += ((unsigned long long*)values)[i * cpus + cpu];
      else
        *sum += ((struct hit*)values)[i].count;
    }
    *seen += n;
    token = next;
    from = &token;
  }
  return now() - t;
}

static double read_stacks(long* seen, unsigned long long* sum) {
  unsigned id, *at = NULL;
  unsigned long long frames[FRAMES];
  double t = now();

  *seen = *sum = 0;
  while (bpf_map_get_next_key(fd, at, &id) == 0) {
    at = &id;
    if (bpf_map_lookup_elem(fd, &id, frames)) continue;
    for (int i = 0; i < FRAMES && frames[i]; i++) ++*sum;
    ++*seen;
  }
  return now() - t;
}

/// A stack of its own for each number: a zero bit is a call of one function, a one bit of
/// the other. The kernel follows frame pointers; the barriers keep both calls from
/// becoming jumps.
#define STACK __attribute__((noinline, optimize("no-omit-frame-pointer")))
static void left(int bits, unsigned number);
static void right(int bits, unsigned number);

static inline void deeper(int bits, unsigned number) {
  if (bits == 0)
    getppid();
  else if (number & 1)
    right(bits - 1, number >> 1);
  else
    left(bits - 1, number >> 1);
}
static STACK void left(int bits, unsigned number) {
  deeper(bits, number);
  __asm__ volatile("");
}
static STACK void right(int bits, unsigned number) {
  deeper(bits, number);
  __asm__ volatile("" ::: "memory");
}

static void make_stacks(struct bpf_object* obj) {
  struct bpf_map *map, *globals = NULL;
  bpf_object__for_each_map(map, obj) if (strstr(bpf_map__name(map), ".bss")) globals =
      map;
  unsigned* target = mmap(NULL, bpf_map__value_size(globals), PROT_READ | PROT_WRITE,
                          MAP_SHARED, bpf_map__fd(globals), 0);
  if (target == MAP_FAILED ||
      !bpf_program__attach(bpf_object__find_program_by_name(obj, "on_enter")))
    exit(1);
  *target = getpid();
  for (unsigned i = 0; i < entries / 4; i++) deeper(20, i);
  *target = 0;
}

int main(int argc, char** argv) {
  if (argc != 4) return 2;
  const char* kind = argv[2];
  int per_cpu = !strcmp(kind, "percpu_hash"), stacks = !strcmp(kind, "stack_trace");
  struct bpf_object* obj = bpf_object__open(argv[1]);

  if (!obj) return 1;
  struct bpf_map* map = bpf_object__find_map_by_name(obj, kind);
  entries = atol(argv[3]);
  cpus = libbpf_num_possible_cpus();
  bpf_map__set_max_entries(map, entries);
  if (bpf_object__load(obj)) return 1;
  fd = bpf_map__fd(map);
  key_size = bpf_map__key_size(map);
  value_size = per_cpu ? cpus * 8 : bpf_map__value_size(map);
  keys = calloc(entries + BATCH, key_size);
  values = calloc(entries + BATCH, value_size);
  if (stacks)
    make_stacks(obj);
  else
    write_all(per_cpu, !strcmp(kind, "array"));

  struct bpf_map_info info = {};
  unsigned size = sizeof(info);
  bpf_obj_get_info_by_fd(fd, &info, &size);
  printf("%u\n", info.id);
  fflush(stdout);
  for (char line[16]; fgets(line, sizeof(line), stdin);) {
    long seen = entries;
    unsigned long long sum = 0;
    double taken = line[0] == 'w' ? write_all(per_cpu, !strcmp(kind, "array"))
                   : stacks       ? read_stacks(&seen, &sum)
                                  : read_all(per_cpu, &seen, &sum);
    printf("%ld %.9f %llu\n", seen, taken, sum);
    fflush(stdout);
  }
  return 0;
}
