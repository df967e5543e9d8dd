// Uses a CPU in functions whose names and lines are known, for the specs of profilers.
//
//   spinner [SECONDS]       work::inner(unsigned long), called by work::outer(int)
//   spinner compiled [...]  a function that is made at run time, with its perf-PID.map
//   spinner calls GATE N    N calls of called() once the file GATE is gone, 20 ms each
//   spinner nested GATE N [THREADS]  nested(N), which sleeps 20 ms and calls nested(N -
//   1),
//                           in each thread
//   spinner jumps GATE N    N calls of left() that longjmp out of it, then one that ends
//
// Prints its process id first.
#include <sys/mman.h>
#include <unistd.h>

#include <csetjmp>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <string>
#include <thread>
#include <vector>

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

extern "C" __attribute__((noinline)) int nested(int depth) {
  ::usleep(20'000);
  return depth > 1 ? nested(depth - 1) + 1 : 1;
}

extern "C" __attribute__((noinline)) int left(std::jmp_buf* to) {
  if (to) std::longjmp(*to, 1);
  ::usleep(20'000);
  return 1;
}

namespace {

int jump(int times) {
  std::jmp_buf here;
  volatile int done = 0;
  while (done < times) {
    done = done + 1;
    if (setjmp(here) == 0) left(&here);
  }
  return left(nullptr);
}

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
  if (count > 3) {
    while (::access(words[2], F_OK) == 0) ::usleep(1000);
    const std::string mode = words[1];
    const int times = std::atoi(words[3]);
    if (mode == "nested") {
      std::vector<std::thread> threads;
      for (int i = count > 4 ? std::atoi(words[4]) : 1; i > 0; i--)
        threads.emplace_back(nested, times);
      for (std::thread& each : threads) each.join();
    } else if (mode == "jumps") {
      jump(times);
    } else {
      for (int i = 0; i < times; i++) called(i);
    }
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
