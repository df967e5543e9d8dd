// Signals that end a run: SIGINT, SIGTERM, SIGHUP.
//
// The handler counts and writes an eventfd; the loop sees the eventfd and ends in good
// order. No signalfd: with it, a script that never returns to the loop would survive any
// number of Ctrl-C. A second SIGINT or SIGTERM that comes, 50 ms or more after the first,
// before that was answered ends the process in the handler with status 128 + its number
// (Ctrl-C: 130) and the terminal as it was. Handlers have no context, so the state is the
// process's.
#pragma once

#include "base/result.h"

namespace ebl::events {

/// Installs the handlers (SIGPIPE does nothing: a closed pipe shows as EPIPE). Once a
/// process; a second call does nothing.
Result<void> install_signal_handlers();

/// Readable while a signal waits for its answer; -1 before install_signal_handlers().
int signal_fd();

/// True when a signal has come that nobody has answered.
bool signal_pending();

/// Answers: takes what has come. Returns the last signal's number, 0 when there was none.
int take_signal();

}  // namespace ebl::events
