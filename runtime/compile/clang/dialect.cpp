#include "compile/clang/dialect.h"

#include <algorithm>
#include <array>
#include <iterator>

namespace ebl::compile {

using clang::Token;
namespace tok = clang::tok;

namespace {

/// Macros of BCC that declare a map, without their prefix BPF_.
constexpr auto kMapMacros = std::to_array<llvm::StringRef>({
    "TABLE",
    "F_TABLE",
    "TABLE_PINNED",
    "TABLE_PUBLIC",
    "TABLE_SHARED",
    "HASH",
    "PERCPU_HASH",
    "LPM_TRIE",
    "ARRAY",
    "PERCPU_ARRAY",
    "HISTOGRAM",
    "STACK_TRACE",
    "STACK_TRACE_BUILDID",
    "PERF_OUTPUT",
    "RINGBUF_OUTPUT",
    "PERF_ARRAY",
    "CGROUP_ARRAY",
    "PROG_ARRAY",
    "QUEUE",
    "STACK",
    "QUEUESTACK",
    "QUEUESTACK_PINNED",
    "QUEUESTACK_PUBLIC",
    "QUEUESTACK_SHARED",
    "ARRAY_OF_MAPS",
    "HASH_OF_MAPS",
    "DEVMAP",
    "CPUMAP",
    "XSKMAP",
    "SOCKMAP",
    "SOCKHASH",
    "SK_STORAGE",
    "INODE_STORAGE",
    "TASK_STORAGE",
    "CGROUP_STORAGE",
    "PERCPU_CGROUP_STORAGE",
});

constexpr auto kProbeMacros = std::to_array<llvm::StringRef>(
    {"TRACEPOINT_PROBE", "RAW_TRACEPOINT_PROBE", "KFUNC_PROBE", "KRETFUNC_PROBE",
     "MODULE_KFUNC_PROBE", "MODULE_KRETFUNC_PROBE", "KMOD_RET", "LSM_PROBE", "BPF_ITER"});

/// What a function is called that BCC attaches, or gives arguments, by its name.
constexpr auto kNamePrefixes = std::to_array<llvm::StringRef>(
    {"kprobe__", "kretprobe__", "tracepoint__", "raw_tracepoint__", "kfunc__",
     "kretfunc__", "kmod_ret__", "lsm__", "bpf_iter__", "syscall__"});

constexpr auto kMethods = std::to_array<llvm::StringRef>({
    "lookup",
    "lookup_or_try_init",
    "lookup_or_init",
    "update",
    "insert",
    "delete",
    "increment",
    "atomic_increment",
    "perf_submit",
    "perf_submit_skb",
    "ringbuf_output",
    "ringbuf_reserve",
    "ringbuf_submit",
    "ringbuf_discard",
    "ringbuf_query",
    "get_stackid",
    "call",
    "perf_read",
    "perf_counter_value",
    "check_current_task",
    "redirect_map",
    "push",
    "pop",
    "peek",
    "sock_map_update",
    "sock_hash_update",
    "msg_redirect_hash",
    "sk_redirect_hash",
    "sk_storage_get",
    "sk_storage_delete",
    "inode_storage_get",
    "inode_storage_delete",
    "task_storage_get",
    "task_storage_delete",
    "get_local_storage",
});

template <std::size_t N>
bool contains(const std::array<llvm::StringRef, N>& list, llvm::StringRef word) {
  return std::ranges::find(list, word) != list.end();
}

bool has_name_prefix(llvm::StringRef word) {
  return std::ranges::any_of(kNamePrefixes, [word](llvm::StringRef prefix) {
    return word.starts_with(prefix) && word.size() > prefix.size();
  });
}

}  // namespace

int DialectScanner::line_of(const char* place) {
  const auto offset = static_cast<std::size_t>(place - text_.data());
  for (; counted_to_ < offset; counted_to_++)
    if (text_[counted_to_] == '\n') line_++;
  return line_;
}

void DialectScanner::note(std::optional<DialectSign>& sign, llvm::StringRef word,
                          llvm::StringRef member) {
  if (sign || own_macros_.contains(word)) return;
  sign = DialectSign{
      .what = word.str() + (member.empty() ? "" : "." + member.str()),
      .location = {.file = file_, .line = line_of(word.data()) + first_line_ - 1}};
}

void DialectScanner::directive(const Token& token, llvm::StringRef word) {
  switch (std::exchange(directive_, Directive::other)) {
    case Directive::hash:
      if (word == "define") directive_ = Directive::define;
      if (word == "line" || token.is(tok::numeric_constant)) directive_ = Directive::line;
      if (token.isNot(tok::numeric_constant)) return;
      [[fallthrough]];
    case Directive::line: {
      unsigned number = 0;
      const llvm::StringRef digits(token.getLiteralData(), token.getLength());
      if (token.isNot(tok::numeric_constant) || digits.getAsInteger(10, number)) return;
      // The directive is about the line after its own.
      first_line_ = static_cast<int>(number) - line_of(token.getLiteralData());
      directive_ = Directive::line_number;
      return;
    }
    case Directive::line_number:
      if (token.is(tok::string_literal) && token.getLength() >= 2)
        file_ = std::string(token.getLiteralData() + 1, token.getLength() - 2);
      return;
    case Directive::define: own_macros_.insert(word); return;
    default: return;
  }
}

void DialectScanner::before_parenthesis() {
  if (word_.empty()) return;
  if (!before_dot_.empty()) {
    if (contains(kMethods, word_)) note(signs_.bcc, before_dot_, word_);
    return;
  }
  const bool is_map = word_.starts_with("BPF_") && contains(kMapMacros, word_.substr(4));
  if (is_map || contains(kProbeMacros, word_)) note(signs_.bcc, word_);
  if (word_ == "SEC") {
    has_section_ = true;
    note(signs_.libbpf, word_);
  }
  // Under a SEC() such a name is just a name.
  if (depth_ == 0 && !has_section_ && has_name_prefix(word_)) note(signs_.bcc, word_);
}

void DialectScanner::scope(const Token& token, llvm::StringRef word) {
  if (token.isOneOf(tok::l_brace, tok::l_paren)) depth_++;
  if (token.isOneOf(tok::r_brace, tok::r_paren) && depth_ > 0) depth_--;
  if (depth_ == 0 && token.isOneOf(tok::semi, tok::r_brace)) has_section_ = false;
  if (is_struct_ && word.starts_with("tracepoint__")) note(record_, word);
  is_struct_ = word == "struct";
}

void DialectScanner::take(const Token& token) {
  const llvm::StringRef word =
      token.is(tok::raw_identifier) ? token.getRawIdentifier() : llvm::StringRef();
  if (token.is(tok::hash) && token.isAtStartOfLine()) {
    directive_ = Directive::hash;
    word_ = before_dot_ = {};
    return;
  }
  if (token.isAtStartOfLine()) directive_ = Directive::none;
  if (directive_ != Directive::none) directive(token, word);
  if (token.is(tok::l_paren)) before_parenthesis();
  // The body of a macro need not be balanced.
  if (directive_ == Directive::none) scope(token, word);
  if (token.is(tok::period)) {
    before_dot_ = word_;
    word_ = {};
  } else {
    if (word.empty() || !word_.empty()) before_dot_ = {};
    word_ = word;
  }
}

DialectSigns DialectScanner::finish() {
  if (!signs_.bcc && !signs_.libbpf) signs_.bcc = std::move(record_);
  return std::move(signs_);
}

}  // namespace ebl::compile
