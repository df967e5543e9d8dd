#include "compile/clang/tracepoint_formats.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <llvm/ADT/StringExtras.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <optional>

#include <cerrno>

#include "base/unique_fd.h"

namespace ebl::compile {
namespace {

struct Field {
  llvm::StringRef type;
  llvm::StringRef name;       ///< without its dimension
  llvm::StringRef dimension;  ///< "[16]" or empty
  unsigned offset = 0;
  unsigned size = 0;
  bool is_signed = false;
};

/// The text between `key` and the next semicolon; empty where there is none.
llvm::StringRef value_of(llvm::StringRef line, llvm::StringRef key) {
  const std::size_t at = line.find(key);
  if (at == llvm::StringRef::npos) return {};
  return line.substr(at + key.size()).split(';').first.trim();
}

std::optional<Field> parse_field(llvm::StringRef line) {
  Field field;
  const llvm::StringRef declaration = value_of(line, "field:");
  if (declaration.empty() || value_of(line, "offset:").getAsInteger(10, field.offset) ||
      value_of(line, "size:").getAsInteger(10, field.size))
    return std::nullopt;
  field.is_signed = value_of(line, "signed:") == "1";
  const std::size_t bracket =
      declaration.ends_with("]") ? declaration.rfind('[') : llvm::StringRef::npos;
  field.dimension =
      bracket == llvm::StringRef::npos ? llvm::StringRef() : declaration.substr(bracket);
  const llvm::StringRef rest = declaration.substr(0, bracket).rtrim();
  const std::size_t name = rest.find_last_of(" \t*");
  if (name == llvm::StringRef::npos) return std::nullopt;
  field.name = rest.substr(name + 1);
  field.type = rest.substr(0, name + 1).rtrim();
  if (field.name.empty()) return std::nullopt;
  return field;
}

/// The integer of that size; empty where C has none.
std::string integer(unsigned size, bool is_signed) {
  if (size != 1 && size != 2 && size != 4 && size != 8) return {};
  return (is_signed ? "__s" : "__u") + std::to_string(size * 8);
}

std::string bytes(const std::string& name, unsigned count) {
  return "char " + name + "[" + std::to_string(count) + "];\n";
}

bool is_record(llvm::StringRef type) {
  type.consume_front("const ");
  return type.starts_with("struct ") || type.starts_with("union ");
}

/// A pointer's type without the words by which the kernel tells memories apart.
std::string pointer(llvm::StringRef type) {
  static constexpr llvm::StringRef kMemories[] = {"__user",  "__percpu", "__rcu",
                                                  "__iomem", "__seg_gs", "__seg_fs"};
  llvm::SmallVector<llvm::StringRef, 8> words;
  llvm::SplitString(type, words);
  llvm::erase_if(
      words, [](llvm::StringRef word) { return llvm::is_contained(kMemories, word); });
  return llvm::join(words, " ");
}

/// One member, of exactly the field's size where that is a number.
std::string member(const Field& field) {
  const std::string name = field.name.str();
  if (field.type.starts_with("__data_loc")) return "int data_loc_" + name + ";\n";
  if (field.type.starts_with("__rel_loc")) return "int rel_loc_" + name + ";\n";
  if (!field.dimension.empty())
    return field.size ? (field.type + " " + name + field.dimension + ";\n").str()
                      : bytes(name, 0);
  if (field.type.ends_with("*")) return pointer(field.type) + " " + name + ";\n";
  if (is_record(field.type)) return (field.type + " " + name + ";\n").str();
  if (field.size == 1 && (field.type == "char" || field.type == "bool"))
    return (field.type + " " + name + ";\n").str();
  const std::string number = integer(field.size, field.is_signed);
  return number.empty() ? bytes(name, field.size) : number + " " + name + ";\n";
}

/// A file of tracefs, which says that its size is 0.
std::optional<std::string> read_file(const std::string& path) {
  open_how how{};
  how.flags = O_RDONLY | O_CLOEXEC;
  how.resolve = RESOLVE_NO_MAGICLINKS;
  const UniqueFd fd(static_cast<int>(
      ::syscall(SYS_openat2, AT_FDCWD, path.c_str(), &how, sizeof(how))));
  if (!fd) return std::nullopt;
  std::string text;
  char buffer[4096];
  for (;;) {
    const ssize_t got = ::read(fd.get(), buffer, sizeof(buffer));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return text;
    text.append(buffer, static_cast<std::size_t>(got));
  }
}

}  // namespace

std::string tracepoint_record(llvm::StringRef tag, llvm::StringRef format) {
  // The first eight bytes are the kernel's own; BPF programs may not read them.
  std::string out = "struct " + tag.str() + " {\nunsigned long long __do_not_use__;\n";
  unsigned end = 8;
  llvm::SmallVector<llvm::StringRef, 32> lines;
  format.split(lines, '\n');
  for (const llvm::StringRef line : lines) {
    const std::optional<Field> field = parse_field(line);
    if (!field || field->offset < end) continue;
    if (field->offset > end)
      out += bytes("__pad_" + std::to_string(end), field->offset - end);
    out += field->name.starts_with("common_")
               ? bytes("__do_not_use__" + std::to_string(field->offset), field->size)
               : member(*field);
    end = field->offset + field->size;
  }
  // Packed: the offsets are tracefs', and a record begins on eight bytes.
  return out + "} __attribute__((packed, aligned(8)));\n";
}

namespace {

/// Adds the record of `tag` to `out`.
void add_record(const std::string& tracefs, llvm::StringRef tag, TracepointRecords& out) {
  llvm::StringRef names = tag;
  const auto is_word = [](char c) { return llvm::isAlnum(c) || c == '_'; };
  if (tracefs.empty() || !names.consume_front(kTracepointTag)) return;
  if (!llvm::all_of(names, is_word)) return;
  // The name of a category may have the separator in it.
  for (std::size_t at = names.find("__", 1); at != llvm::StringRef::npos;
       at = names.find("__", at + 1)) {
    const std::string path = tracefs + "/events/" + names.substr(0, at).str() + "/" +
                             names.substr(at + 2).str() + "/format";
    const std::optional<std::string> format = read_file(path);
    if (!format) continue;
    out.text += tracepoint_record(tag, *format);
    out.files.emplace(path, *format);
    return;
  }
}

}  // namespace

TracepointRecords tracepoint_records_in(const std::string& tracefs,
                                        const std::set<std::string>& tags,
                                        const llvm::StringSet<>& own) {
  TracepointRecords out;
  for (const std::string& tag : tags)
    if (!own.contains(tag)) add_record(tracefs, tag, out);
  return out;
}

}  // namespace ebl::compile
