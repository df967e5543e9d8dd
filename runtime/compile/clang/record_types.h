// Which type an event map carries, told from the calls that write to it.
//
// A ring buffer's map has no value type (libbpf refuses one), and the record is void* in
// the helpers. So the types are taken in the AST, from
//   bpf_ringbuf_output(&map, pointer, ...)      bpf_perf_event_output(ctx, &map, flags,
//   pointer, ...) T *record = bpf_ringbuf_reserve(&map, ...)
// and kept in BTF as `static T *__ebl_record_<map>`, which is what the RINGBUF and
// PERFBUF macros declare. A map that two calls disagree on gets none: the reader then
// asks.
#pragma once

#include <clang/AST/ASTContext.h>

#include <string>
#include <utility>
#include <vector>

namespace ebl::compile {

/// Map name and record type of all event maps whose type the text does not declare
/// itself.
std::vector<std::pair<std::string, clang::QualType>> record_types(
    clang::ASTContext& context);

/// The structs, unions and enums that the text (not a system header) defines at file
/// scope, by tag or, for one without a tag, by typedef.
std::vector<std::pair<std::string, clang::QualType>> own_types(
    clang::ASTContext& context);

/// Whether the text has a variable in that section.
bool has_section(clang::ASTContext& context, llvm::StringRef section);

/// Whether the text has a variable of that name.
bool has_variable(clang::ASTContext& context, llvm::StringRef name);

}  // namespace ebl::compile
