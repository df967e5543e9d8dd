// KindInfo: everything that sets one kind of probe apart. Each kind's file defines one (a
// kind and its return form share a file) and kinds.def lists them all. Internal to
// attach/.
#pragma once

#include <bpf/libbpf.h>

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "attach/link.h"
#include "attach/spec.h"
#include "base/result.h"
#include "base/unique_fd.h"
#include "load/program.h"

namespace ebl::attach {

using Holding = Result<std::unique_ptr<Link::Holder>>;

/// Which fields of Options a kind takes.
struct OptionSet {
  bool pid = false;
  bool cpu = false;
  bool cookie = false;
  bool cookies = false;  ///< by function
  bool maxactive = false;
  bool replace = false;
  bool position = false;
  bool defrag = false;
  bool priority = false;
  bool socket = false;
  bool route = false;  ///< device and via
  bool map = false;
};

/// What a program must be to sit at one hook.
struct HookType {
  unsigned type;  ///< bpf_prog_type; its own headers may not know it
  bpf_attach_type attach_type;
  std::string_view section;  ///< the SEC() name that says so
};

struct KindInfo {
  Kind kind;
  std::string_view word;                       ///< in the grammar
  std::string_view form;                       ///< what a spec looks like, for messages
  std::span<const std::string_view> sections;  ///< SEC() prefixes, without the slash
  OptionSet options;
  unsigned type;  ///< bpf_prog_type
  bpf_attach_type attach_type;
  /// Reads what follows "word:" into a spec whose kind is set. The Error is completed
  /// with the whole text and the form by the caller: only `message` counts.
  Result<ProbeSpec> (*parse)(std::string_view rest, ProbeSpec spec);
  /// The opposite of parse: what follows "word:".
  std::string (*text)(const ProbeSpec& spec);
  /// What follows "section/" in the grammar's words; null where it is the same.
  std::string (*section_text)(std::string_view rest);
  /// What the kernel must know before load besides the type; null for most.
  Result<void> (*prepare)(load::Program program, const ProbeSpec& spec);
  Holding (*attach)(load::Program program, const ProbeSpec& spec, const Options& options);
  /// For a kind with hooks of several types: that of this spec; null: `type` and
  /// `attach_type` are those of all.
  HookType (*hook_type)(const ProbeSpec& spec) = nullptr;
  bool bare = false;  ///< the word alone is a spec: parse() gets ""
  /// prepare() of a kind whose target is another program.
  Result<UniqueFd> (*prepare_with_target)(load::Program program,
                                          const ProbeSpec& spec) = nullptr;
  unsigned other_type = BPF_PROG_TYPE_UNSPEC;  ///< programs of this type fit as well
  /// Which attachments of the kind a keeper owns on this kernel, in words; empty: none.
  std::string_view (*kept)() = [] { return std::string_view(); };
};

/// The type of a program for that spec.
HookType hook_type_of(const ProbeSpec& spec);

#define EBL_KIND(name) extern const KindInfo name##_kind;
#include "attach/kinds.def"
#undef EBL_KIND

/// All kinds, in the order in which they are listed to the user.
std::span<const KindInfo* const> all_kinds();
const KindInfo& info_of(Kind kind);

/// An Error of a parse function: the message alone.
Error malformed(std::string message);

/// The names that the kernel and object files use: letters, digits, '_', '.', '$', '@'
/// and what `more` adds.
bool is_name(std::string_view text, std::string_view more = "");

/// A decimal or 0x number that is the whole text.
Result<std::uint64_t> parse_number(std::string_view text);

/// SYMBOL[+OFFSET] into target and offset.
Result<ProbeSpec> parse_symbol(std::string_view text, ProbeSpec spec);
/// The opposite.
std::string symbol_text(const ProbeSpec& spec);

/// A section's "a/b" as the grammar's "a:b".
std::string slashes_to_colons(std::string_view rest);

}  // namespace ebl::attach
