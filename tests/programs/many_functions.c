/*
 * A program with 2,500 functions for the tests of user probes, many_0000 to many_2499.
 * Usage: many_functions [COUNT [wait]] calls each of them COUNT times; "wait" has that
 * begin with a line of standard input.
 */
#include <stdio.h>
#include <stdlib.h>

/* The empty statement keeps each function, and each of its calls. */
#define ONE(n)                                        \
  __attribute__((noinline)) int many_##n(int value) { \
    __asm__ volatile("" ::: "memory");                \
    return value + 1;                                 \
  }
#define CALL(n) sum = many_##n(sum);
#define TEN(m, n) \
  m(n##0) m(n##1) m(n##2) m(n##3) m(n##4) m(n##5) m(n##6) m(n##7) m(n##8) m(n##9)
#define HUNDRED(m, n)                                                           \
  TEN(m, n##0)                                                                  \
  TEN(m, n##1) TEN(m, n##2) TEN(m, n##3) TEN(m, n##4) TEN(m, n##5) TEN(m, n##6) \
      TEN(m, n##7) TEN(m, n##8) TEN(m, n##9)
#define THOUSAND(m, n)                                                                 \
  HUNDRED(m, n##0)                                                                     \
  HUNDRED(m, n##1) HUNDRED(m, n##2) HUNDRED(m, n##3) HUNDRED(m, n##4) HUNDRED(m, n##5) \
      HUNDRED(m, n##6) HUNDRED(m, n##7) HUNDRED(m, n##8) HUNDRED(m, n##9)
#define ALL(m)                                                               \
  THOUSAND(m, 0)                                                             \
  THOUSAND(m, 1) HUNDRED(m, 20) HUNDRED(m, 21) HUNDRED(m, 22) HUNDRED(m, 23) \
      HUNDRED(m, 24)

ALL(ONE)

int main(int argc, char** argv) {
  const int count = argc > 1 ? atoi(argv[1]) : 1;
  int sum = 0;
  if (argc > 2) {
    printf("ready\n");
    fflush(stdout);
    if (getchar() == EOF) return 1;
  }
  for (int i = 0; i < count; i++) {
    ALL(CALL)
  }
  printf("%d\n", sum);
  return 0;
}
