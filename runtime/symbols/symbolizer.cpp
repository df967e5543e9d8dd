// symbolizer.so: addresses of a process to symbols and source lines, by libdwfl; what
// functions are called with (dwarf_prototype.h).
#include <elfutils/libdwfl.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <iterator>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "symbols/dwarf_prototype.h"
#include "symbols/symbolizer_abi.h"

namespace {

struct EndDwfl {
  void operator()(Dwfl* dwfl) const { dwfl_end(dwfl); }
};

struct Symbol {
  std::uint64_t address, size;
  const char* name;  // the module's
  int rank;          // of several at one address, the lowest is shown
};

struct Process {
  int pid = 0;
  std::string root;  // "/proc/PID/root"
  std::unique_ptr<Dwfl, EndDwfl> dwfl;
  // dwfl_module_addrinfo() walks all symbols at each call: 0.2 ms for libc.
  std::unordered_map<Dwfl_Module*, std::vector<Symbol>> symbols;  // by address
};

// dwfl hands its callbacks no argument of ours at first, so the process is found here
// while a call into it is under way.
thread_local const Process* current = nullptr;

class Enter {
 public:
  explicit Enter(const Process* process) { current = process; }
  ~Enter() { current = nullptr; }
};

/// Opens a module as the process sees it: in a container its paths are not ours.
int find_elf(Dwfl_Module* module, void** user, const char* name, Dwarf_Addr base,
             char** file_name, Elf** elf) {
  if (current && name[0] == '/') {
    const std::string path = current->root + name;
    const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd >= 0) {
      *file_name = ::strdup(path.c_str());
      return fd;
    }
  }
  return dwfl_linux_proc_find_elf(module, user, name, base, file_name, elf);
}

const Dwfl_Callbacks callbacks = {.find_elf = find_elf,
                                  .find_debuginfo = dwfl_standard_find_debuginfo,
                                  .section_address = nullptr,
                                  .debuginfo_path = nullptr};

/// The name that users know first: getpid rather than its alias __getpid; then public
/// names.
int rank_of(const GElf_Sym& symbol, const char* name) {
  const int binding = GELF_ST_BIND(symbol.st_info);
  const int place = binding == STB_GLOBAL ? 0 : binding == STB_WEAK ? 1 : 2;
  return static_cast<int>(::strspn(name, "_")) * 3 + place;
}

const std::vector<Symbol>& symbols_of(Process* process, Dwfl_Module* module) {
  const auto [place, created] = process->symbols.try_emplace(module);
  std::vector<Symbol>& symbols = place->second;
  if (!created) return symbols;
  const int count = dwfl_module_getsymtab(module);
  for (int i = 1; i < count; i++) {
    GElf_Sym symbol;
    GElf_Addr address = 0;
    GElf_Word section = 0;
    const char* name =
        dwfl_module_getsym_info(module, i, &symbol, &address, &section, nullptr, nullptr);
    const int type = GELF_ST_TYPE(symbol.st_info);
    const bool code = type == STT_FUNC || type == STT_GNU_IFUNC || type == STT_NOTYPE;
    if (!name || !*name || !code || section == SHN_UNDEF || address == 0) continue;
    if (type == STT_NOTYPE && symbol.st_size == 0) continue;  // labels
    symbols.push_back({address, symbol.st_size, name, rank_of(symbol, name)});
  }
  std::ranges::sort(symbols, [](const Symbol& a, const Symbol& b) {
    return a.address != b.address ? a.address < b.address : a.rank > b.rank;
  });
  symbols.shrink_to_fit();
  return symbols;
}

int report(Process* process) {
  process->symbols.clear();
  dwfl_report_begin(process->dwfl.get());
  const int error = dwfl_linux_proc_report(process->dwfl.get(), process->pid);
  dwfl_report_end(process->dwfl.get(), nullptr, nullptr);
  return error < 0 ? EIO : error;
}

void* open_process(int pid, int* error) {
  auto process = std::make_unique<Process>();
  process->pid = pid;
  process->root = "/proc/" + std::to_string(pid) + "/root";
  process->dwfl.reset(dwfl_begin(&callbacks));
  if (!process->dwfl) {
    *error = ENOMEM;
    return nullptr;
  }
  const Enter enter(process.get());
  *error = report(process.get());
  return *error == 0 ? process.release() : nullptr;
}

int refresh(void* process) {
  const Enter enter(static_cast<Process*>(process));
  return report(static_cast<Process*>(process));
}

int find(void* handle, std::uint64_t address, int lines, ebl_frame* frame) {
  auto* process = static_cast<Process*>(handle);
  const Enter enter(process);
  Dwfl_Module* module = dwfl_addrmodule(process->dwfl.get(), address);
  if (!module) return 0;
  *frame = {};
  Dwarf_Addr start = 0, end = 0;
  frame->module =
      dwfl_module_info(module, nullptr, &start, &end, nullptr, nullptr, nullptr, nullptr);
  if (address < start || address >= end) return 0;  // dwfl gives gaps to a neighbour
  frame->offset = address - start;
  const std::vector<Symbol>& symbols = symbols_of(process, module);
  const auto after = std::ranges::upper_bound(symbols, address, {}, &Symbol::address);
  if (after != symbols.begin()) {
    const Symbol& symbol = *std::prev(after);
    // Functions in assembly often have no size: they reach to the next one.
    if (symbol.size == 0 || address - symbol.address < symbol.size) {
      frame->symbol = symbol.name;
      frame->offset = address - symbol.address;
    }
  }
  if (!lines) return 1;
  if (Dwfl_Line* line = dwfl_module_getsrc(module, address))
    frame->file = dwfl_lineinfo(line, nullptr, &frame->line, nullptr, nullptr, nullptr);
  return 1;
}

void close_process(void* process) {
  delete static_cast<Process*>(process);
}

void* open_file(const char* path, int fd) {
  return ebl::symbols::DwarfFile::open(path, fd).release();
}

int prototype(void* file, std::uint64_t address, ebl_prototype* prototype) {
  return static_cast<ebl::symbols::DwarfFile*>(file)->prototype(address, prototype);
}

void close_file(void* file) {
  delete static_cast<ebl::symbols::DwarfFile*>(file);
}

}  // namespace

extern "C" __attribute__((visibility("default"))) const ebl_symbolizer_api*
ebl_symbolizer() {
  static const ebl_symbolizer_api api = {.version = EBL_SYMBOLIZER_VERSION,
                                         .open = open_process,
                                         .refresh = refresh,
                                         .find = find,
                                         .close = close_process,
                                         .open_file = open_file,
                                         .prototype = prototype,
                                         .close_file = close_file};
  return &api;
}
