// Uses a CPU in functions whose names and lines are known, for the specs of profilers.
//
//   spinner [SECONDS]       work::inner(unsigned long), called by work::outer(int)
//   spinner compiled [...]  a function that is made at run time, with its perf-PID.map
//   spinner calls GATE N    N calls of called() once the file GATE is gone, 20 ms each
//
// Prints its process id first.
#include <sys/mman.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <string>

namespace work {

volatile unsigned long sum;

__attribute__((noinline)) void inner(unsigned long rounds) {
  for (unsigned long i = 0; i < rounds; i++) sum = sum + i;
}

__attribute__((noinline)) int outer(int rounds) {
  inner(static_cast<unsigned long>(rounds) * 1000);
  return sum != 0;  // not a tail call
}

}  // namespace work

extern "C" __attribute__((noinline)) int called(int number) {
  ::usleep(20'000);
  work::sum = work::sum + 1;
  return number;
}

namespace {

#ifdef __x86_64__
// push %rbp; mov %rsp,%rbp; mov $0x1000000,%eax; 1: dec %eax; jnz 1b; pop %rbp; ret
constexpr unsigned char code[] = {0x55, 0x48, 0x89, 0xe5, 0xb8, 0x00, 0x00, 0x00,
                                  0x01, 0xff, 0xc8, 0x75, 0xfc, 0x5d, 0xc3};
#else
constexpr unsigned char code[] = {0};
#endif

/// Makes the function and says where it is, as virtual machines do.
void (*compile())() {
  void* place = ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
                       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  std::memcpy(place, code, sizeof(code));
  const std::string path = "/tmp/perf-" + std::to_string(::getpid()) + ".map";
  if (FILE* file = std::fopen(path.c_str(), "w")) {
    std::fprintf(file, "%lx %zx LazyCompile:~hot; script.js:7\n",
                 reinterpret_cast<unsigned long>(place), sizeof(code));
    std::fclose(file);
  }
  void (*function)() = nullptr;
  std::memcpy(&function, &place, sizeof(function));
  return function;
}

}  // namespace

int main(int count, char** words) {
  std::printf("%d\n", ::getpid());
  std::fflush(stdout);
  if (count > 3 && std::string(words[1]) == "calls") {
    while (::access(words[2], F_OK) == 0) ::usleep(1000);
    int all = 0;
    for (int i = 0; i < std::atoi(words[3]); i++) all += called(i);
    std::printf("%d\n", all);
    return 0;
  }
  const bool compiled = count > 1 && std::string(words[1]) == "compiled";
  void (*const function)() = compiled ? compile() : nullptr;
  const char* seconds = count > (compiled ? 2 : 1) ? words[compiled ? 2 : 1] : "1000";
  const std::clock_t end = std::clock() + std::atof(seconds) * CLOCKS_PER_SEC;
  int all = 0;
  while (std::clock() < end) {
    if (function)
      function();
    else
      all += work::outer(1000);
  }
  return all < 0;
}
