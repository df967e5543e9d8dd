// ELF files of other users: symbols and USDT probes.
#include <sys/mman.h>
#include <unistd.h>

#include <string>

#include "symbols/elf_file.h"
#include "symbols/usdt.h"

using namespace ebl;  // NOLINT: a program of one function

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const int fd = memfd_create("elf", MFD_CLOEXEC);
  if (fd < 0 || write(fd, data, size) != static_cast<ssize_t>(size)) __builtin_trap();
  const std::string path = "/proc/self/fd/" + std::to_string(fd);
  if (const Result<symbols::ElfFile> file = symbols::ElfFile::open(path)) {
    static_cast<void>(file->offset_of("main", 1));
    static_cast<void>(file->offset_of_address(0x1000));
    static_cast<void>(file->function_names());
  }
  static_cast<void>(symbols::usdt_probes(path));
  close(fd);
  return 0;
}
