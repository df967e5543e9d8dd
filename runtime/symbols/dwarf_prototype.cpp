#include "symbols/dwarf_prototype.h"

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <fcntl.h>
#include <unistd.h>

#include <cstddef>
#include <optional>

namespace ebl::symbols {
namespace {

const Dwfl_Callbacks callbacks = {.find_elf = dwfl_build_id_find_elf,
                                  .find_debuginfo = dwfl_standard_find_debuginfo,
                                  .section_address = dwfl_offline_section_address,
                                  .debuginfo_path = nullptr};

constexpr int most_pointers = 4;          // char ***
constexpr int most_children = 65'536;     // a damaged file may lead in circles
constexpr Dwarf_Word register_bytes = 8;  // of the machines that are known
constexpr Dwarf_Word most_by_registers = 16;

#if defined(__x86_64__)
constexpr int integer_registers = 6;
constexpr bool big_by_reference = false;      // they are copied to the stack
constexpr bool result_place_is_first = true;  // of a big one
#else
constexpr int integer_registers = 8;
constexpr bool big_by_reference = true;
constexpr bool result_place_is_first = false;
#endif
constexpr int vector_registers = 8;

/// How a value is handed over, by its type.
struct Value {
  enum class Where { integer, vector, stack, unknown } where = Where::unknown;
  std::string type;  // C text; where it is no integer, something to show
};

std::optional<Dwarf_Die> type_of(Dwarf_Die* die) {
  Dwarf_Attribute attribute;
  Dwarf_Die type;
  if (!dwarf_attr_integrate(die, DW_AT_type, &attribute) ||
      !dwarf_formref_die(&attribute, &type))
    return std::nullopt;
  Dwarf_Die peeled;
  if (dwarf_peel_type(&type, &peeled) != 0) return std::nullopt;
  return peeled;
}

Dwarf_Word number(Dwarf_Die* die, unsigned int name, Dwarf_Word otherwise) {
  Dwarf_Attribute attribute;
  Dwarf_Word value = otherwise;
  if (dwarf_attr_integrate(die, name, &attribute)) dwarf_formudata(&attribute, &value);
  return value;
}

std::string integer_text(Dwarf_Word size, bool is_signed) {
  switch (size) {
    case 1: return is_signed ? "signed char" : "unsigned char";
    case 2: return is_signed ? "short" : "unsigned short";
    case 4: return is_signed ? "int" : "unsigned int";
    case 8: return is_signed ? "long" : "unsigned long";
    default: return "";
  }
}

std::string base_text(Dwarf_Die* type) {
  const Dwarf_Word size = number(type, DW_AT_byte_size, 0);
  switch (number(type, DW_AT_encoding, 0)) {
    case DW_ATE_boolean: return size == 1 ? "_Bool" : integer_text(size, false);
    case DW_ATE_signed: return integer_text(size, true);
    case DW_ATE_signed_char: return size == 1 ? "char" : integer_text(size, true);
    case DW_ATE_unsigned:
    case DW_ATE_unsigned_char:
    case DW_ATE_UTF:
    case DW_ATE_address: return integer_text(size, false);
    default: return "";
  }
}

/// C++ and Rust name the type behind; C compilers may give the encoding.
std::string enumeration_text(Dwarf_Die* type) {
  if (std::optional<Dwarf_Die> behind = type_of(type)) return base_text(&*behind);
  const Dwarf_Word encoding = number(type, DW_AT_encoding, DW_ATE_signed);
  return integer_text(number(type, DW_AT_byte_size, 4), encoding != DW_ATE_unsigned);
}

bool is_pointer(int tag) {
  return tag == DW_TAG_pointer_type || tag == DW_TAG_reference_type ||
         tag == DW_TAG_rvalue_reference_type;
}

std::string pointer_text(Dwarf_Die* type, int depth) {
  std::optional<Dwarf_Die> target = type_of(type);
  if (!target) return "void *";
  std::string text;
  const int tag = dwarf_tag(&*target);
  if (tag == DW_TAG_base_type) text = base_text(&*target);
  if (tag == DW_TAG_enumeration_type) text = enumeration_text(&*target);
  if (is_pointer(tag) && depth < most_pointers) text = pointer_text(&*target, depth + 1);
  if (text.empty()) return "void *";
  return text + (text.ends_with('*') ? "*" : " *");
}

Value integer(std::string type) {
  if (type.empty()) return {};
  return {Value::Where::integer, std::move(type)};
}

Value base_value(Dwarf_Die* type) {
  if (number(type, DW_AT_encoding, 0) != DW_ATE_float) return integer(base_text(type));
  const Dwarf_Word size = number(type, DW_AT_byte_size, 0);
  if (size <= register_bytes)
    return {Value::Where::vector, size == 4 ? "float" : "double"};
  return {big_by_reference ? Value::Where::unknown : Value::Where::stack, "long double"};
}

/// Small ones are spread over registers by what is in them, which is not looked at here.
Value aggregate_value(Dwarf_Die* type) {
  if (number(type, DW_AT_calling_convention, 0) == DW_CC_pass_by_reference)
    return integer("void *");
  const char* keyword = dwarf_tag(type) == DW_TAG_union_type ? "union" : "struct";
  Dwarf_Word size = 0;
  if (dwarf_aggregate_size(type, &size) != 0 || size <= most_by_registers)
    return {Value::Where::unknown, keyword};
  return big_by_reference ? integer("void *") : Value{Value::Where::stack, keyword};
}

Value value_of(Dwarf_Die* type) {
  const int tag = dwarf_tag(type);
  if (is_pointer(tag)) return integer(pointer_text(type, 1));
  switch (tag) {
    case DW_TAG_base_type: return base_value(type);
    case DW_TAG_enumeration_type: return integer(enumeration_text(type));
    case DW_TAG_unspecified_type: return integer("void *");  // nullptr_t
    case DW_TAG_structure_type:
    case DW_TAG_class_type:
    case DW_TAG_union_type: return aggregate_value(type);
    default: return {};
  }
}

struct Search {
  Dwarf_Addr address;
  Dwarf_Die found;
  bool is_found = false;
};

/// A function of which parts lie elsewhere has no address of its own, but ranges, one of
/// which begins where it does.
bool begins_at(Dwarf_Die* function, Dwarf_Addr address) {
  Dwarf_Addr entry = 0;
  if (dwarf_entrypc(function, &entry) == 0) return entry == address;
  Dwarf_Addr base = 0, start = 0, end = 0;
  std::ptrdiff_t place = 0;
  while ((place = dwarf_ranges(function, place, &base, &start, &end)) > 0)
    if (start == address) return true;
  return false;
}

int look_at(Dwarf_Die* function, void* argument) {
  auto* search = static_cast<Search*>(argument);
  if (!begins_at(function, search->address)) return DWARF_CB_OK;
  search->found = *function;
  search->is_found = true;
  return DWARF_CB_ABORT;
}

bool find_function(Dwarf* dwarf, Search* search) {
  Dwarf_CU* unit = nullptr;
  Dwarf_Die die, split;
  while (dwarf_get_units(dwarf, unit, &unit, nullptr, nullptr, &die, &split) == 0) {
    if (dwarf_haspc(&die, search->address) <= 0) continue;
    Dwarf_Die* const whole = dwarf_tag(&split) != DW_TAG_invalid ? &split : &die;
    // Go hands arguments over in a way of its own.
    if (dwarf_srclang(whole) == DW_LANG_Go) return false;
    dwarf_getfuncs(whole, look_at, search, 0);
    if (search->is_found) return true;
  }
  return false;
}

/// The function's declaration where this one is a copy of it: it has all parameters.
Dwarf_Die origin_of(Dwarf_Die function) {
  Dwarf_Attribute attribute;
  Dwarf_Die origin;
  if (dwarf_attr(&function, DW_AT_abstract_origin, &attribute) &&
      dwarf_formref_die(&attribute, &origin))
    return origin;
  return function;
}

std::string name_of(Dwarf_Die* die) {
  Dwarf_Attribute attribute;
  const char* name = dwarf_formstring(dwarf_attr_integrate(die, DW_AT_name, &attribute));
  return name ? name : "";
}

/// Counts the places that parameters take, in their order.
class Places {
 public:
  int next(Value::Where where) {
    switch (where) {
      case Value::Where::integer: return known_ ? integer_place() : -1;
      case Value::Where::vector: on_stack_ |= ++vectors_ > vector_registers; return -1;
      case Value::Where::stack: on_stack_ = true; return -1;
      case Value::Where::unknown: known_ = false; return -1;
    }
    return -1;
  }

 private:
  /// Those on the stack come one after the other, unless others are among them.
  int integer_place() {
    const int place = integers_++;
    return place < integer_registers || !on_stack_ ? place : -1;
  }

  int integers_ = 0, vectors_ = 0;
  bool known_ = true, on_stack_ = false;
};

}  // namespace

std::unique_ptr<DwarfFile> DwarfFile::open(const char* path, int fd) {
  std::unique_ptr<DwarfFile> file(new DwarfFile);
  file->dwfl_.reset(dwfl_begin(&callbacks));
  if (!file->dwfl_) return nullptr;
  const int own = ::fcntl(fd, F_DUPFD_CLOEXEC, 0);
  if (own < 0) return nullptr;
  dwfl_report_begin(file->dwfl_.get());
  file->module_ = dwfl_report_offline(file->dwfl_.get(), path, path, own);
  dwfl_report_end(file->dwfl_.get(), nullptr, nullptr);
  if (file->module_) return file;
  ::close(own);
  return nullptr;
}

const char* DwarfFile::keep(std::string text) {
  return texts_.emplace_back(std::move(text)).c_str();
}

int DwarfFile::prototype(std::uint64_t address, ebl_prototype* prototype) {
  GElf_Addr elf_bias = 0;
  Dwarf_Addr dwarf_bias = 0;
  if (!dwfl_module_getelf(module_, &elf_bias)) return -1;
  Dwarf* const dwarf = dwfl_module_getdwarf(module_, &dwarf_bias);
  if (!dwarf) return -1;
  Search search{.address = address + elf_bias - dwarf_bias, .found = {}};
  if (!find_function(dwarf, &search)) return 0;

  texts_.clear();
  parameters_.clear();
  Dwarf_Die function = origin_of(search.found);
  Places places;
  *prototype = {};
  prototype->result = "void";
  if (std::optional<Dwarf_Die> result = type_of(&function)) {
    const bool is_big = dwarf_tag(&*result) != DW_TAG_base_type &&
                        !is_pointer(dwarf_tag(&*result)) &&
                        dwarf_tag(&*result) != DW_TAG_enumeration_type;
    Value value = value_of(&*result);
    const bool in_memory = is_big && value.where != Value::Where::unknown;
    // Where it is to be stored comes before all parameters.
    if (in_memory && result_place_is_first) places.next(Value::Where::integer);
    const bool is_integer = value.where == Value::Where::integer && !in_memory;
    prototype->result = is_integer ? keep(std::move(value.type)) : "";
  }
  Dwarf_Die child;
  if (dwarf_child(&function, &child) == 0) {
    int children = 0;
    do {
      if (dwarf_tag(&child) != DW_TAG_formal_parameter) continue;
      std::optional<Dwarf_Die> type = type_of(&child);
      Value value = type ? value_of(&*type) : Value{};
      const int place = places.next(value.where);
      parameters_.push_back({keep(name_of(&child)), keep(std::move(value.type)), place});
    } while (++children < most_children && dwarf_siblingof(&child, &child) == 0);
  }
  prototype->parameters = parameters_.data();
  prototype->count = parameters_.size();
  return 1;
}

}  // namespace ebl::symbols
