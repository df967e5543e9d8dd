// Bytes between the client and the server of a compile.
//
// One exchange: the client sends a Ticket with two memfds, the request's bytes and an
// empty one for the reply; the server answers with a Verdict when the child that did the
// compile has ended. Requests and replies are sequences of length-prefixed fields, read
// in the order in which they were written; both ends come from one build, so there is no
// version in them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/fields.h"
#include "base/file.h"
#include "base/result.h"
#include "base/unique_fd.h"

namespace ebl::compile {

/// How the child that compiled has ended.
enum class Outcome : std::int32_t {
  replied,  ///< the reply is in the memfd
  crashed,  ///< `signal` ended it
  gave_up,  ///< LLVM's fatal error handler; its reason is the reply's only field
  out_of_memory,
  out_of_time,
  no_library,  ///< compiler.so cannot be opened; the reason is the reply's only field
  no_process,  ///< fork failed with `signal` as errno
};

struct Verdict {
  Outcome outcome = Outcome::replied;
  std::int32_t signal = 0;
};

struct Ticket {
  UniqueFd request;
  UniqueFd reply;
};

/// An anonymous file with `bytes` in it.
Result<UniqueFd> memory_file(const char* name, std::string_view bytes = {});
/// The whole file from its start, or an error.
Result<std::string> read_all(int fd);

/// Both false with errno set on failure; a closed peer is EPIPE or ECONNRESET.
bool send_ticket(int socket, const Ticket& ticket);
bool receive_ticket(int socket, Ticket& ticket);

}  // namespace ebl::compile
