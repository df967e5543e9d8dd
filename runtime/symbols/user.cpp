#include "symbols/user.h"

#include <cxxabi.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <optional>
#include <span>
#include <tuple>

#include "base/permissions.h"
#include "base/unique_fd.h"
#include "symbols/elf_file.h"
#include "symbols/perf_map.h"
#include "symbols/symbolizer_abi.h"

namespace ebl::symbols {
namespace {

// A profile of a whole machine sees thousands of short-lived processes.
constexpr std::size_t most_processes = 256;
constexpr std::size_t most_addresses = 65'536;  // of one process

Error failed(Code code, std::string message, std::string hint = "") {
  return Error{.stage = Stage::symbols,
               .code = code,
               .message = std::move(message),
               .hint = std::move(hint)};
}

Error process_error(int pid, int error) {
  if (error == ESRCH || error == ENOENT)
    return failed(Code::not_found, fmt::format("process {} has ended", pid),
                  "names of short-lived processes must be looked up while they run");
  if (error == EPERM || error == EACCES)
    return explain_permission(Stage::symbols,
                              fmt::format("read the maps of process {}", pid), error,
                              std::to_array({Capability::sys_ptrace}));
  return failed(Code::io, fmt::format("cannot read the maps of process {}: {}", pid,
                                      errno_text(error)));
}

}  // namespace

class UserSymbols::Library {
 public:
  static Result<std::unique_ptr<Library>> open(const std::string& path) {
    auto library = std::make_unique<Library>();
    library->handle_ = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (!library->handle_)
      return failed(
          Code::not_supported, fmt::format("cannot open the symbolizer: {}", ::dlerror()),
          "the installation is incomplete: libdw1 and symbolizer.so belong to it");
    using Entry = const ebl_symbolizer_api* (*)();
    const auto entry =
        reinterpret_cast<Entry>(::dlsym(library->handle_, "ebl_symbolizer"));
    library->api_ = entry ? entry() : nullptr;
    if (!library->api_ || library->api_->version != EBL_SYMBOLIZER_VERSION)
      return failed(Code::internal, fmt::format("{} is of another version", path),
                    "install the program and its libraries together");
    return library;
  }
  // Never unloaded: elfutils keeps state of its own for the process.
  ~Library() = default;

  const ebl_symbolizer_api& api() const { return *api_; }

 private:
  void* handle_ = nullptr;
  const ebl_symbolizer_api* api_ = nullptr;
};

class UserSymbols::Process {
 public:
  static Result<std::unique_ptr<Process>> open(const ebl_symbolizer_api& api, int pid) {
    auto process = std::make_unique<Process>(api, pid);
    process->pidfd_ = UniqueFd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
    int error = 0;
    process->handle_ = api.open(pid, &error);
    if (!process->handle_) return process_error(pid, error);
    process->program_ = process->program();
    return process;
  }
  Process(const ebl_symbolizer_api& api, int pid) : api_(api), pid_(pid) {}
  Process(const Process&) = delete;
  ~Process() {
    if (handle_) api_.close(handle_);
  }

  /// Whether the id has gone to another process, or the process to another program
  /// (exec). Looked at now and then only: it takes longer than a look-up.
  bool stale() {
    const auto now = Clock::now();
    if (now < look_again_) return false;
    look_again_ = now + std::chrono::milliseconds(10);
    const auto running =
        program();  // empty: nothing has that id now, what is kept is good
    return running && (ended() || (program_ && running->first != program_->first));
  }

  Result<UserSymbol> resolve(std::uint64_t address, bool lines) {
    auto& known = lines ? known_lines_ : known_;
    if (const auto at = known.find(address); at != known.end()) return at->second;
    std::optional<UserSymbol> found = find(address, lines);
    if (!found && !ended() && api_.refresh(handle_) == 0) {  // mapped since
      perf_map_.reset();
      found = find(address, lines);
    }
    if (!found)
      return failed(Code::not_found,
                    fmt::format("process {} has no code at {:#x}", pid_, address));
    if (known.size() >= most_addresses) known.clear();
    return known.emplace(address, std::move(*found)).first->second;
  }

 private:
  using Program = std::pair<ino_t, dev_t>;
  using Clock = std::chrono::steady_clock;

  bool ended() const {
    return pidfd_ && ::syscall(SYS_pidfd_send_signal, pidfd_.get(), 0, nullptr, 0) != 0 &&
           errno == ESRCH;
  }

  std::optional<Program> program() const {
    struct stat status;
    if (::stat(fmt::format("/proc/{}/exe", pid_).c_str(), &status) != 0)
      return std::nullopt;
    return Program(status.st_ino, status.st_dev);
  }

  std::optional<UserSymbol> find(std::uint64_t address, bool lines) {
    ebl_frame frame = {};
    if (api_.find(handle_, address, lines, &frame)) {
      UserSymbol symbol{.offset = frame.offset, .line = frame.line};
      if (frame.symbol) symbol.name = demangle(frame.symbol);
      if (frame.module) symbol.module = frame.module;
      if (frame.file) symbol.file = frame.file;
      return symbol;
    }
    if (!perf_map_) perf_map_ = PerfMap::of_process(pid_);
    if (const auto entry = perf_map_->at(address))
      return UserSymbol{
          .name = entry->name, .offset = address - entry->start, .module = "[perf map]"};
    return std::nullopt;
  }

  const ebl_symbolizer_api& api_;
  int pid_;
  UniqueFd pidfd_;
  void* handle_ = nullptr;
  std::optional<Program> program_;
  Clock::time_point look_again_ = Clock::now();
  std::optional<PerfMap> perf_map_;
  std::unordered_map<std::uint64_t, UserSymbol> known_, known_lines_;
};

class UserSymbols::File {
 public:
  static Result<std::unique_ptr<File>> open(const ebl_symbolizer_api& api,
                                            const std::string& path) {
    Result<ElfFile> symbols = ElfFile::open(path);
    if (!symbols) return symbols.take_error();
    const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    auto file = std::make_unique<File>(api, path, std::move(*symbols));
    file->state_ = state_of(path);
    file->handle_ = fd ? api.open_file(path.c_str(), fd.get()) : nullptr;
    if (!file->handle_)
      return failed(Code::io, fmt::format("cannot read {}: {}", path, errno_text(errno)));
    return file;
  }
  File(const ebl_symbolizer_api& api, std::string path, ElfFile symbols)
      : api_(api), path_(std::move(path)), symbols_(std::move(symbols)) {}
  File(const File&) = delete;
  ~File() {
    if (handle_) api_.close_file(handle_);
  }

  /// Whether it is what the path still leads to: programs are built again.
  bool is(const std::string& path) const {
    return path == path_ && state_of(path) == state_;
  }

  Result<UserPrototype> prototype(const std::string& function) {
    for (const char* mark : {".constprop.", ".isra.", ".part.", ".cold"})
      if (function.find(mark) != std::string::npos)
        return failed(Code::not_supported,
                      fmt::format("{} is not called as its source says: the compiler has "
                                  "changed it for some calls",
                                  function));
    const Result<std::uint64_t> address = symbols_.address_of(function);
    if (!address) return address.error();
    ebl_prototype found = {};
    const int known = api_.prototype(handle_, *address, &found);
    if (known != 1)
      return failed(Code::not_found,
                    known < 0 ? fmt::format("{} has no debug information", path_)
                              : fmt::format("{} has no debug information about {}", path_,
                                            function),
                    "without it the arguments are arg0, arg1 …");
    UserPrototype prototype{.parameters = {}, .result = found.result};
    for (const ebl_parameter& each : std::span(found.parameters, found.count))
      prototype.parameters.push_back(
          {.name = each.name, .type = each.type, .place = each.place});
    return prototype;
  }

 private:
  using State = std::tuple<dev_t, ino_t, time_t, long>;

  static State state_of(const std::string& path) {
    struct stat status = {};
    if (::stat(path.c_str(), &status) != 0) return {};
    return {status.st_dev, status.st_ino, status.st_mtim.tv_sec, status.st_mtim.tv_nsec};
  }

  const ebl_symbolizer_api& api_;
  std::string path_;
  State state_;
  ElfFile symbols_;
  void* handle_ = nullptr;
};

UserSymbols::UserSymbols(std::string library) : path_(std::move(library)) {}
UserSymbols::UserSymbols(UserSymbols&&) noexcept = default;
UserSymbols& UserSymbols::operator=(UserSymbols&&) noexcept = default;
UserSymbols::~UserSymbols() = default;

Result<const UserSymbols::Library*> UserSymbols::library() {
  if (!library_) {
    Result<std::unique_ptr<Library>> library = Library::open(path_);
    if (!library) return library.take_error();
    library_ = std::move(*library);
  }
  return library_.get();
}

Result<UserSymbols::Process*> UserSymbols::process(int pid) {
  const Result<const Library*> library = this->library();
  if (!library) return library.error();
  const auto known = processes_.find(pid);
  if (known != processes_.end()) {
    if (!known->second->stale()) return known->second.get();
    processes_.erase(known);
  }
  Result<std::unique_ptr<Process>> process = Process::open((*library)->api(), pid);
  if (!process) return process.take_error();
  if (processes_.size() >= most_processes) processes_.clear();
  return processes_.emplace(pid, std::move(*process)).first->second.get();
}

Result<UserSymbol> UserSymbols::resolve(int pid, std::uint64_t address, bool lines) {
  const Result<Process*> found = process(pid);
  if (!found) return found.error();
  return (*found)->resolve(address, lines);
}

Result<UserSymbols::File*> UserSymbols::file(const std::string& path) {
  if (file_ && file_->is(path)) return file_.get();
  const Result<const Library*> library = this->library();
  if (!library) return library.error();
  Result<std::unique_ptr<File>> opened = File::open((*library)->api(), path);
  if (!opened) return opened.take_error();
  file_ = std::move(*opened);
  return file_.get();
}

Result<UserPrototype> UserSymbols::prototype(const std::string& path,
                                             const std::string& function) {
  const Result<File*> found = file(path);
  if (!found) return found.error();
  return (*found)->prototype(function);
}

void UserSymbols::forget(int pid) {
  processes_.erase(pid);
}

std::string demangle(const char* name) {
  if (name[0] != '_' || name[1] != 'Z') return name;
  int status = 0;
  const std::unique_ptr<char, void (*)(void*)> text(
      abi::__cxa_demangle(name, nullptr, nullptr, &status), std::free);
  return status == 0 ? text.get() : name;
}

}  // namespace ebl::symbols
