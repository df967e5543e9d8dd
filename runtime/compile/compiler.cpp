#include "compile/compiler.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <optional>

#include "base/unique_fd.h"
#include "compile/compiler_abi.h"
#include "compile/confinement.h"
#include "compile/flags.h"
#include "compile/server.h"
#include "compile/wire.h"

namespace ebl::compile {
namespace {

// What the client waits beyond the time limit of a compile, for a server that starts on a
// busy machine.
constexpr int kGraceMilliseconds = 20'000;

Error failure(Code code, std::string message, std::string hint = {}) {
  return {.stage = Stage::compile,
          .code = code,
          .message = std::move(message),
          .hint = std::move(hint)};
}

std::vector<std::string> lines(std::string_view text) {
  std::vector<std::string> out;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    if (end) out.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return out;
}

/// "digest path" of each line.
std::vector<SourceFile> source_files(std::string_view text) {
  std::vector<SourceFile> out;
  for (const std::string& line : lines(text)) {
    const std::size_t space = std::min(line.find(' '), line.size() - 1);
    out.push_back({.path = line.substr(space + 1), .digest = line.substr(0, space)});
  }
  return out;
}

Result<Output> decode_reply(std::string_view bytes) {
  Reader reader(bytes);
  const auto status = static_cast<ebl_compile_status>(reader.number());
  const std::string_view object = reader.text();
  std::string diagnostics(reader.text());
  Error error{.stage = Stage::compile, .code = Code::compile};
  error.message = reader.text();
  error.hint = reader.text();
  error.location.file = reader.text();
  error.location.line = static_cast<int>(reader.number());
  error.location.column = static_cast<int>(reader.number());
  const std::string_view files = reader.text();
  const std::string_view missing = reader.text();
  std::string listing(reader.text());
  if (!reader.ok()) return failure(Code::internal, "the compiler's reply is cut short");
  if (status != EBL_COMPILE_OK) {
    if (status == EBL_COMPILE_NO_BTF) error.code = Code::not_supported;
    error.detail = std::move(diagnostics);
    return error;
  }
  const auto* data = reinterpret_cast<const std::byte*>(object.data());
  return Output{.object = {data, data + object.size()},
                .warnings = std::move(diagnostics),
                .files = source_files(files),
                .missing = lines(missing),
                .listing = std::move(listing)};
}

}  // namespace

Result<std::string> encode(const Request& request) {
  Result<Flags> flags = parse_flags(request.flags);
  if (!flags) return flags.take_error();
  std::vector<std::string> directories = std::move(flags->directories);
  // Only for texts that ask, so that the others' objects do not depend on it.
  if (request.text.find("bpf_num_cpus") != std::string::npos)
    flags->arguments.push_back("-D__EBL_ONLINE_CPUS=" +
                               std::to_string(::sysconf(_SC_NPROCESSORS_ONLN)));
  if (!request.directory.empty()) {
    std::error_code ignored;
    const auto absolute = std::filesystem::absolute(request.directory, ignored);
    directories.insert(directories.begin(), absolute.lexically_normal());
  }
  Writer writer;
  writer.text(request.text);
  writer.text(request.name);
  writer.text(request.dialect);
  writer.text(request.tracefs);
  writer.texts(flags->arguments);
  writer.texts(directories);
  writer.text(request.listing);
  return std::string(writer.bytes());
}

struct Compiler::Server {
  Options options;
  pid_t process = -1;
  UniqueFd socket;

  Server() = default;
  Server(const Server&) = delete;
  ~Server() { stop(); }

  Result<void> start();
  void stop();
  bool running() const { return process > 0; }

  /// One exchange; nullopt when the server has died or the user has had enough.
  std::optional<Verdict> exchange(const Ticket& ticket);
  bool interrupted() const;
};

Result<void> Compiler::Server::start() {
  if (::access(options.library.c_str(), R_OK) != 0)
    return failure(
        Code::internal,
        "cannot open the compiler " + options.library + ": " + errno_text(errno),
        "it belongs beside the program, in lib/ebpf-lua; install it again");
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
    return failure(Code::io,
                   "cannot start the compiler: socketpair: " + errno_text(errno));
  UniqueFd host_end(ends[0]);
  UniqueFd server_end(ends[1]);
  const ServerSettings settings{
      .library = options.library,
      .btf_path = options.btf_path,
      .limits = {options.time_limit_seconds, options.memory_limit_bytes}};

  // No handler of the host may run in the child before it has its own dispositions.
  sigset_t all, before;
  sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  const pid_t host = ::getpid();
  const pid_t child = ::fork();
  if (child == 0) serve(host, server_end.get(), settings);
  const int reason = errno;
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (child < 0)
    return failure(Code::io, "cannot start the compiler: fork: " + errno_text(reason));
  process = child;
  socket = std::move(host_end);
  return {};
}

void Compiler::Server::stop() {
  if (!running()) return;
  ::kill(process, SIGKILL);  // its child dies with it (PR_SET_PDEATHSIG)
  while (::waitpid(process, nullptr, 0) < 0 && errno == EINTR) {
  }
  process = -1;
  socket.reset();
}

std::optional<Verdict> Compiler::Server::exchange(const Ticket& ticket) {
  if (!send_ticket(socket.get(), ticket)) return std::nullopt;
  const int patience =
      static_cast<int>(options.time_limit_seconds * kWallClockFactor) * 1000 +
      kGraceMilliseconds;
  pollfd ready[] = {{.fd = socket.get(), .events = POLLIN, .revents = 0},
                    {.fd = options.interrupt_fd, .events = POLLIN, .revents = 0}};
  int count;
  do count = ::poll(ready, std::size(ready), patience);
  while (count < 0 && errno == EINTR);
  Verdict verdict;
  if (count < 1 || !ready[0].revents ||
      ::recv(socket.get(), &verdict, sizeof(verdict), 0) != ssize_t{sizeof(verdict)})
    return std::nullopt;
  return verdict;
}

bool Compiler::Server::interrupted() const {
  pollfd ready{.fd = options.interrupt_fd, .events = POLLIN, .revents = 0};
  return ::poll(&ready, 1, 0) > 0;
}

Compiler::Compiler(std::unique_ptr<Server> server) : server_(std::move(server)) {}
Compiler::Compiler(Compiler&&) noexcept = default;
Compiler& Compiler::operator=(Compiler&&) noexcept = default;
Compiler::~Compiler() = default;

Result<Compiler> Compiler::start(const Options& options) {
  auto server = std::make_unique<Server>();
  server->options = options;
  if (Result<void> started = server->start(); !started) return started.take_error();
  return Compiler(std::move(server));
}

namespace {

std::string first_field(std::string_view reply) {
  return std::string(Reader(reply).text());
}

/// What a compile that ended as `verdict` means to the caller.
Result<Output> conclude(const Verdict& verdict, int reply, const Options& options) {
  Result<std::string> bytes = read_all(reply);
  if (!bytes) return bytes.take_error();
  switch (verdict.outcome) {
    case Outcome::replied: return decode_reply(*bytes);
    case Outcome::gave_up:
      return failure(Code::compile, "the compiler gave up: " + first_field(*bytes));
    case Outcome::out_of_memory:
      return failure(Code::compile,
                     "the compile needs more than " +
                         std::to_string(options.memory_limit_bytes >> 20) +
                         " MiB of memory",
                     "look for a macro or an array that grows without bounds");
    case Outcome::out_of_time:
      return failure(Code::compile,
                     "the compile takes more than " +
                         std::to_string(options.time_limit_seconds) +
                         " s of processor time",
                     "look for a macro or a loop that grows without bounds; a slow "
                     "machine needs --compile-limit SECONDS or EBPF_LUA_COMPILE_LIMIT");
    case Outcome::no_library:
      return failure(
          Code::internal,
          "cannot open the compiler " + options.library + ": " + first_field(*bytes),
          "install ebpf-lua again");
    case Outcome::no_process:
      return failure(Code::io, "the compiler cannot fork: " + errno_text(verdict.signal));
    case Outcome::crashed: break;
  }
  const char* name = verdict.signal ? ::sigabbrev_np(verdict.signal) : nullptr;
  return failure(Code::internal,
                 std::string("the compiler crashed") +
                     (name ? std::string(" (SIG") + name + ")" : std::string()),
                 "this is a defect of clang or of ebpf-lua: please report the C text");
}

}  // namespace

Result<Output> Compiler::compile(const Request& request) {
  Result<std::string> encoded = encode(request);
  if (!encoded) return encoded.take_error();
  for (int attempt = 0; attempt < 2; attempt++) {
    if (!server_->running())
      if (Result<void> started = server_->start(); !started) return started.take_error();
    Result<UniqueFd> bytes = memory_file("ebpf-lua request", *encoded);
    if (!bytes) return bytes.take_error();
    Result<UniqueFd> reply = memory_file("ebpf-lua reply");
    if (!reply) return reply.take_error();
    const Ticket ticket{std::move(*bytes), std::move(*reply)};
    if (const std::optional<Verdict> verdict = server_->exchange(ticket))
      return conclude(*verdict, ticket.reply.get(), server_->options);
    server_->stop();
    if (server_->interrupted())
      return failure(Code::interrupted, "the compile was interrupted");
  }
  return failure(Code::internal, "the compile server died twice",
                 "something kills it: look for the out-of-memory killer in dmesg");
}

}  // namespace ebl::compile
