/*
 * A program with static probes (USDT) for the tests: passes each of them COUNT times with
 * arguments that follow from the round, and says how often it saw a probe's semaphore
 * raised. Usage: static_probes COUNT [wait], where "wait" has each round begin with a line
 * of standard input.
 */
#define _SDT_HAS_SEMAPHORES 1
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sdt.h>

/* <sys/sdt.h> wants these names for the semaphores of the provider ebl_test. */
#define SEMAPHORE(name) \
  __extension__ volatile unsigned short ebl_test_##name##_semaphore \
      __attribute__((unused, section(".probes")))
SEMAPHORE(values);
SEMAPHORE(text);
SEMAPHORE(twice);
SEMAPHORE(shapes);
SEMAPHORE(none);

static int seen;
volatile int32_t counter = -77;

/* Two copies in the code, with the arguments in other places. */
static __attribute__((noinline)) void first_place(long round) {
  DTRACE_PROBE2(ebl_test, twice, round, 1);
}
static __attribute__((noinline)) void second_place(int other, short round) {
  DTRACE_PROBE2(ebl_test, twice, (int)round + other, 2);
}

/* Forms that a compiler seldom chooses, in the assembler's own words. */
static __attribute__((noinline)) void shapes(int64_t *numbers, int64_t index) {
#if defined(__x86_64__)
  register int64_t *base __asm__("rbx") = numbers;
  register int64_t scaled __asm__("rcx") = index;
  register uint64_t mixed __asm__("rdx") = 0x1122334455667788;
  __asm__ volatile(
      "990: nop\n"
      ".pushsection .note.stapsdt,\"\",\"note\"\n"
      ".balign 4\n"
      ".4byte 992f-991f, 994f-993f, 3\n"
      "991: .asciz \"stapsdt\"\n"
      "992: .balign 4\n"
      "993: .8byte 990b, _.stapsdt.base, ebl_test_shapes_semaphore\n"
      ".asciz \"ebl_test\"\n"
      ".asciz \"shapes\"\n"
      ".asciz \"-8@8(%%rbx,%%rcx,8) 8@(%%rbx) -1@%%dl 1@%%dh 2@%%dx 4@%%edx -4@$-9 "
      "-4@counter(%%rip) 8f@%%xmm0 -2@-8(%%rbx)\"\n"
      "994: .balign 4\n"
      ".popsection\n"
      :
      : "r"(base), "r"(scaled), "r"(mixed)
      : "memory");
#else
  DTRACE_PROBE10(ebl_test, shapes, numbers[index + 1], numbers[0], (int8_t)0x88, (uint8_t)0x77,
                 (uint16_t)0x7788, (uint32_t)0x55667788, -9, counter, 0, (int16_t)numbers[-1]);
#endif
}

static void one_round(int round) {
  int64_t numbers[6] = {-300 - round, 1000 + round, 1, 2, 3, 40000000000 + round};
  char text[32];
  if (ebl_test_values_semaphore) seen++;
  DTRACE_PROBE4(ebl_test, values, round, (int8_t)-round, (uint64_t)1 << 63,
                numbers[1]);
  snprintf(text, sizeof text, "round %d", round);
  DTRACE_PROBE2(ebl_test, text, text, strlen(text));
  first_place(round);
  second_place(100, (short)round);
  shapes(numbers + 1, 3);
  DTRACE_PROBE(ebl_test, none);
}

int main(int argc, char **argv) {
  int count = argc > 1 ? atoi(argv[1]) : 1;
  int wait = argc > 2 && strcmp(argv[2], "wait") == 0;
  char line[16];
  for (int round = 1; round <= count; round++) {
    if (wait && !fgets(line, sizeof line, stdin)) break;
    one_round(round);
  }
  printf("%d\n", seen);
  return 0;
}
