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

#include <set>
#include <string>

#include "compile/clang/read_file.h"

namespace ebl::compile {

/// What such a tag begins with.
inline constexpr llvm::StringRef kTracepointTag = "tracepoint__";

/// The definition of `struct tag`, from the text of a format file. An empty text gives an
/// empty record.
std::string tracepoint_record(llvm::StringRef tag, llvm::StringRef format);

/// Definitions of records, and the files that they were made from.
struct TracepointRecords {
  std::string text;
  std::set<ReadFile> files;
};

/// The definitions of all of `tags` ("tracepoint__CATEGORY__EVENT") that `own`, what the
/// text itself defines, lacks, from below `tracefs`, where that is mounted. An event that
/// is not there, or cannot be read, gets none.
TracepointRecords tracepoint_records_in(const std::string& tracefs,
                                        const std::set<std::string>& tags,
                                        const llvm::StringSet<>& own);

}  // namespace ebl::compile
