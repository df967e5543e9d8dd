// What bpftrace traces in bench/events: calls COUNT makes as many getppid calls.
#include <stdlib.h>
#include <unistd.h>

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  for (long left = atol(argv[1]); left > 0; left--) getppid();
  return 0;
}
