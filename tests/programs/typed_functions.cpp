// Functions whose arguments have many types, for the specs of probes that know them from
// debug information: typed_functions GATE N calls each N times once the file GATE is
// gone.
#include <unistd.h>

#include <cstdlib>

namespace {

enum class Color : unsigned char { red = 1, green = 200 };
enum Level { low = -1, high = 7 };

struct Big {
  long numbers[4];
};
struct Small {
  int first, second;
};

volatile long sum;

}  // namespace

extern "C" {

__attribute__((noinline)) void integers(signed char tiny, unsigned short port, int number,
                                        long large, bool yes, unsigned char byte,
                                        long seventh, unsigned int eighth) {
  sum = sum + tiny + port + number + large + yes + byte + seventh + eighth;
}

__attribute__((noinline)) void pointers(const char* text, char** words, const int* number,
                                        Big* big, int& by_reference) {
  sum = sum + text[0] + words[0][0] + *number + big->numbers[0] + by_reference;
}

__attribute__((noinline)) void mixed(double real, int first, float other, Color color,
                                     Level level, Big big, int last) {
  sum = sum + static_cast<long>(real + other) + first + static_cast<int>(color) + level +
        big.numbers[1] + last;
}

__attribute__((noinline)) void by_value(int before, Small small, int after) {
  sum = sum + before + small.first + after;
}

__attribute__((noinline)) Big big_result(int number) {
  return Big{{number, 2, 3, 4}};
}

__attribute__((noinline)) signed char minus_five(int number) {
  return static_cast<signed char>(number - 5);
}

__attribute__((noinline)) const char* text_result() {
  static char text[] = "good";
  return text;
}

__attribute__((noinline)) bool is_even(unsigned int number) {
  return number % 2 == 0;
}

__attribute__((noinline, cold)) void seldom() {
  sum = -1;
}

// What calls it lies elsewhere, as compilers do it for speed.
__attribute__((noinline, noclone, optimize("O2", "reorder-blocks-and-partition"))) void
in_two_parts(int number) {
  if (number < 0) {
    seldom();
    seldom();
  }
  sum = sum + number;
}

}  // extern "C"

struct Counter {
  long base;
  // Names that C cannot have, and none at all.
  __attribute__((noinline)) int add(int restrict, int, int ctx) {
    sum = sum + base;
    return restrict + ctx;
  }
};

int main(int count, char** arguments) {
  if (count < 3) return 2;
  while (::access(arguments[1], F_OK) == 0) ::usleep(1000);
  // Not literals: what a program has not touched yet is not in memory for a probe.
  char text[] = "text", first[] = "one", second[] = "two";
  char* words[] = {first, second, nullptr};
  Counter counter{7};
  for (int i = std::atoi(arguments[2]); i > 0; i--) {
    int number = -77, other = 88;
    Big big{{5, 6, 7, 8}};
    integers(-3, 65000, -70000, -5000000000, true, 250, -123456789012, 4000000000);
    pointers(text, words, &number, &big, other);
    mixed(1.5, 11, 2.5F, Color::green, low, big, 12);
    by_value(21, Small{22, 23}, 24);
    sum =
        sum + big_result(31).numbers[0] + minus_five(0) + text_result()[0] + is_even(42);
    sum = sum + counter.add(41, 42, 43);
    in_two_parts(51);
  }
  return 0;
}
