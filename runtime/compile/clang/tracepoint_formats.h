// The records of tracepoints as C, for the `struct tracepoint__CATEGORY__EVENT` of BCC
// texts.
//
// Tracefs describes each record in a file `format`: the declared type, the offset and the
// size of every field. The C that is made of it puts each field at exactly that offset;
// numbers get an integer of the field's size and sign whatever type is declared (a char
// that takes four bytes is a 32-bit number), what is at the end of the record gets `int
// data_loc_NAME`: its offset in the lower half, its length in the upper.
#pragma once

#include <llvm/ADT/StringRef.h>

#include <llvm/ADT/StringSet.h>

#include <optional>
#include <set>
#include <string>

namespace ebl::compile {

/// What such a tag begins with.
inline constexpr llvm::StringRef kTracepointTag = "tracepoint__";

/// The definition of `struct tag`, from the text of a format file. An empty text gives an
/// empty record.
std::string tracepoint_record(llvm::StringRef tag, llvm::StringRef format);

/// The same from below `tracefs`, where that is mounted; nullopt where it has no such
/// event or cannot be read. `tag` is "tracepoint__CATEGORY__EVENT".
std::optional<std::string> tracepoint_record_in(const std::string& tracefs,
                                                llvm::StringRef tag);

/// The definitions of all of `tags` that `own`, what the text itself defines, lacks.
std::string tracepoint_records_in(const std::string& tracefs,
                                  const std::set<std::string>& tags,
                                  const llvm::StringSet<>& own);

}  // namespace ebl::compile
