#include "compile/server.h"

#include <dlfcn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <optional>

#include "compile/compiler_abi.h"
#include "compile/wire.h"

namespace ebl::compile {
namespace {

// Exit codes of the child, beside 0: the reply is written, and the host knows.
constexpr int kGaveUp = 3;
constexpr int kOutOfMemory = 4;
constexpr int kBroken = 5;

/// compiler.so, opened; `problem` says why not.
struct Library {
  decltype(&ebl_compiler_compile) compile = nullptr;
  ebl_compiler* compiler = nullptr;
  std::string problem;
};

Library open_library(const ServerSettings& settings) {
  Library library;
  void* handle = ::dlopen(settings.library.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!handle) {
    const char* reason = ::dlerror();
    library.problem = reason ? reason : "dlopen failed";
    return library;
  }
  const auto abi =
      reinterpret_cast<decltype(&ebl_compiler_abi)>(::dlsym(handle, "ebl_compiler_abi"));
  const auto init = reinterpret_cast<decltype(&ebl_compiler_init)>(
      ::dlsym(handle, "ebl_compiler_init"));
  const auto compile = reinterpret_cast<decltype(&ebl_compiler_compile)>(
      ::dlsym(handle, "ebl_compiler_compile"));
  if (!abi || !init || !compile || abi() != EBL_COMPILER_ABI) {
    library.problem = "it is not the compiler of this version of ebpf-lua";
    return library;
  }
  library.compiler = init(settings.btf_path.c_str());
  library.compile = compile;
  return library;
}

void write_reply(int fd, const ebl_compile_result& result) {
  Writer writer;
  writer.number(result.status);
  writer.text({reinterpret_cast<const char*>(result.object), result.object_size});
  writer.text(result.diagnostics);
  writer.text(result.message);
  writer.text(result.hint);
  writer.text(result.file);
  writer.number(result.line);
  writer.number(result.column);
  writer.text(result.files_read);
  writer.text(result.files_missing);
  writer.text(result.listing);
  if (!write_all(fd, writer.bytes())) ::_exit(kBroken);
}

std::vector<const char*> pointers(const std::vector<std::string>& texts) {
  std::vector<const char*> out;
  for (const std::string& text : texts) out.push_back(text.c_str());
  return out;
}

bool send_verdict(int socket, const Verdict& verdict) {
  return ::send(socket, &verdict, sizeof(verdict), MSG_NOSIGNAL) ==
         ssize_t{sizeof(verdict)};
}

/// The life of the child that does one compile. It tells the host of success itself: the
/// kernel takes 2 ms to clear up a process of this size.
[[noreturn]] void compile_once(const Library& library, const Ticket& ticket, int socket) {
  Result<std::string> bytes = read_all(ticket.request.get());
  if (!bytes) ::_exit(kBroken);
  Reader reader(*bytes);
  const std::string text(reader.text());
  const std::string name(reader.text());
  const std::string dialect(reader.text());
  const std::string tracefs(reader.text());
  const std::vector<std::string> arguments = reader.texts();
  const std::vector<std::string> directories = reader.texts();
  const std::string listing(reader.text());
  if (!reader.ok()) ::_exit(kBroken);

  const std::vector<const char*> argument_pointers = pointers(arguments);
  const std::vector<const char*> directory_pointers = pointers(directories);
  int reply = ticket.reply.get();
  const ebl_compile_request request{
      .text = text.data(),
      .text_size = text.size(),
      .name = name.c_str(),
      .dialect = dialect.c_str(),
      .tracefs = tracefs.c_str(),
      .arguments = argument_pointers.data(),
      .argument_count = argument_pointers.size(),
      .directories = directory_pointers.data(),
      .directory_count = directory_pointers.size(),
      .listing = listing.c_str(),
      .fatal =
          [](void* context, const char* reason) {
            Writer writer;
            writer.text(reason);
            write_all(*static_cast<int*>(context), writer.bytes());
            ::_exit(kGaveUp);
          },
      .out_of_memory = [](void*) { ::_exit(kOutOfMemory); },
      .context = &reply,
  };
  write_reply(reply, library.compile(library.compiler, &request));
  ::_exit(send_verdict(socket, {Outcome::replied, 0}) ? 0 : kBroken);
}

/// Nothing where the child has told the host itself.
std::optional<Verdict> verdict_of(int status) {
  if (WIFSIGNALED(status)) {
    const int signal = WTERMSIG(status);
    if (signal == SIGALRM || signal == SIGXCPU)
      return Verdict{Outcome::out_of_time, signal};
    return Verdict{Outcome::crashed, signal};
  }
  switch (WEXITSTATUS(status)) {
    case 0: return std::nullopt;
    case kGaveUp: return Verdict{Outcome::gave_up, 0};
    case kOutOfMemory: return Verdict{Outcome::out_of_memory, 0};
    default: return Verdict{Outcome::crashed, 0};
  }
}

std::optional<Verdict> compile_in_child(const Library& library, const Limits& limits,
                                        const Ticket& ticket, int socket) {
  if (!library.compile) {
    Writer writer;
    writer.text(library.problem);
    write_all(ticket.reply.get(), writer.bytes());
    return Verdict{Outcome::no_library, 0};
  }
  const pid_t server = ::getpid();
  const pid_t child = ::fork();
  if (child < 0) return Verdict{Outcome::no_process, errno};
  if (child == 0) {
    if (!confine_child(server, limits)) ::_exit(kBroken);
    forbid_system_calls();
    compile_once(library, ticket, socket);
  }
  int status = 0;
  while (::waitpid(child, &status, 0) < 0)
    if (errno != EINTR) return Verdict{Outcome::no_process, errno};
  return verdict_of(status);
}

}  // namespace

void serve(pid_t host, int socket, const ServerSettings& settings) {
  if (!confine_server(host, socket)) ::_exit(0);
  const Library library = open_library(settings);
  for (;;) {
    Ticket ticket;
    if (!receive_ticket(socket, ticket)) ::_exit(0);
    const std::optional<Verdict> verdict =
        compile_in_child(library, settings.limits, ticket, socket);
    if (verdict && !send_verdict(socket, *verdict)) ::_exit(0);
  }
}

}  // namespace ebl::compile
