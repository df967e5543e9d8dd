// Where global variables lie, filled into an object's BTF.
//
// Clang leaves the sizes of data sections and the offsets of global variables in them at
// zero. libbpf fills them in, and looks through the whole symbol table for each variable
// that is not static: 6 s for a text of 40,000. So offsets are filled in here, and all
// global variables of a section but one are called static, which changes nothing once the
// object is linked. One stays global: only then does libbpf make the section's map one
// that can be mapped.
#pragma once

#include <llvm/ADT/ArrayRef.h>

namespace ebl::compile {

/// Changes the BTF of an ELF object in place: sections .data, .bss, .rodata and those
/// whose names begin so. An object that it does not understand stays as it is.
void fill_section_offsets(llvm::MutableArrayRef<char> object);

}  // namespace ebl::compile
