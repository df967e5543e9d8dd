#include "load/object.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <charconv>

#include "base/loss_section.h"
#include "base/nearest.h"
#include "load/load_error.h"
#include "load/log_capture.h"
#include "load/map_reuse.h"
#include "load/struct_ops.h"
#include "load/symbol_error.h"

namespace ebl::load {
namespace {

constexpr std::size_t kVerifierLogBytes = (16u << 20) - 1;  // the most that 5.10 accepts

Error open_error(const std::string& name, const LogCapture& capture) {
  const std::string warning = capture.last_warning();
  Error error = open_failure(name, warning.empty() ? errno_text(errno) : warning);
  error.detail = capture.text();
  return error;
}

bool starts_section(std::string_view name, std::string_view section) {
  return name == section || (name.starts_with(section) && name[section.size()] == '.');
}

/// Of a variable of kLossSection; nothing where its name is none of the compiler's.
std::optional<LossCounter> loss_counter(Variable variable) {
  constexpr std::size_t kBytes =
      std::size_t{kLossStripes} * kLossStripeWords * sizeof(std::uint64_t);
  std::string_view rest = variable.name;
  if (!rest.starts_with(kLossPrefix) || variable.size != kBytes) return std::nullopt;
  rest.remove_prefix(std::string_view(kLossPrefix).size());
  std::size_t length = 0;
  const auto [end, failure] =
      std::from_chars(rest.data(), rest.data() + rest.size(), length);
  if (failure != std::errc()) return std::nullopt;
  rest.remove_prefix(static_cast<std::size_t>(end - rest.data()));
  if (length > rest.size()) return std::nullopt;
  return LossCounter{.map = std::string(rest.substr(0, length)),
                     .program = std::string(rest.substr(length)),
                     .words = std::move(variable)};
}

}  // namespace

Result<std::uint32_t> program_id(const Program& program) {
  bpf_prog_info info{};
  std::uint32_t size = sizeof info;
  if (const int failure = bpf_obj_get_info_by_fd(program.fd, &info, &size); failure != 0)
    return Error{.stage = Stage::load,
                 .code = Code::io,
                 .message = "cannot read the information of program '" + program.name() +
                            "': " + errno_text(-failure)};
  return info.id;
}

Result<Object::Handle> Object::open_handle() const {
  LogCapture capture;
  bpf_object_open_opts options{};
  options.sz = sizeof(options);
  options.object_name = name_.c_str();
  if (!btf_path_.empty() && btf_path_ != "/sys/kernel/btf/vmlinux")
    options.btf_custom_path = btf_path_.c_str();
  errno = 0;
  Handle handle(bpf_object__open_mem(elf_.data(), elf_.size(), &options));
  if (!handle) return open_error(name_, capture);
  if (const auto names = undeclared_struct_ops(handle.get()); !names.empty())
    return Error{.stage = Stage::load,
                 .code = Code::invalid,
                 .message = "map '" + names.front() + "' is no struct of functions",
                 .hint = "declare it as SEC(\".struct_ops\") struct tcp_congestion_ops " +
                         names.front() + " = { … };"};
  prefer_struct_ops_links(handle.get());
  return handle;
}

Result<Object> Object::open(std::vector<std::byte> elf, const std::string& name,
                            const std::string& btf_path) {
  Object object;
  object.name_ = name;
  object.btf_path_ = btf_path;
  object.elf_ = std::move(elf);
  rename_struct_ops(object.elf_);
  Result<Handle> handle = object.open_handle();
  if (!handle) return handle.take_error();
  object.handle_ = std::move(*handle);

  // libbpf's copy, not the file's: the offsets of variables are filled in there.
  std::vector<std::byte> bytes;
  if (const ::btf* types = bpf_object__btf(object.handle_.get())) {
    std::uint32_t size = 0;
    const auto* raw = static_cast<const std::byte*>(btf__raw_data(types, &size));
    if (raw) bytes.assign(raw, raw + size);
  }
  if (bytes.empty()) {
    // An object without types still has maps and programs; one empty BTF serves it.
    static constexpr std::uint32_t kEmpty[] = {0x0001eb9f, 24, 0, 0, 0, 1, 0};
    const auto* raw = reinterpret_cast<const std::byte*>(kEmpty);
    bytes.assign(raw, raw + 25);
  }
  Result<btf::Btf> types = btf::Btf::from_bytes(std::move(bytes));
  if (!types) return types.take_error();
  object.btf_ = std::make_unique<btf::Btf>(std::move(*types));
  object.map_tags_ = read_map_tags(*object.btf_);
  bpf_map* map = nullptr;
  bpf_object__for_each_map(map, object.handle_.get())
      object.declared_types_[bpf_map__name(map)] = {bpf_map__btf_key_type_id(map),
                                                    bpf_map__btf_value_type_id(map)};
  object.collect_variables();
  return object;
}

void Object::collect_variables() {
  for (btf::TypeId id = 1; id < btf_->type_count(); id++) {
    if (btf_->kind(id) != btf::Kind::data_section) continue;
    const std::string section(btf_->name(id));
    const bool constant = starts_section(section, ".rodata");
    if (!constant && !starts_section(section, ".data") &&
        !starts_section(section, ".bss"))
      continue;
    for (std::uint32_t i = 0; i < btf_->count(id); i++) {
      const btf::SectionVariable place = btf_->section_variable(id, i);
      Variable variable{.name = std::string(btf_->name(place.variable)),
                        .section = section,
                        .type = btf_->target(place.variable),
                        .offset = place.offset,
                        .size = place.size,
                        .constant = constant};
      if (section != kLossSection)
        variables_.push_back(std::move(variable));
      else if (auto counter = loss_counter(std::move(variable)))
        loss_counters_.push_back(std::move(*counter));
    }
  }
}

std::vector<Program> Object::programs() const {
  std::vector<Program> out;
  bpf_program* program = nullptr;
  bpf_object__for_each_program(program, handle_.get()) out.push_back(newest(program));
  return out;
}

/// A program that was loaded late lives in a later opening.
Program Object::newest(bpf_program* program) const {
  bpf_object* object = handle_.get();
  const char* name = bpf_program__name(program);
  for (const Handle& late : late_) {
    bpf_program* again = bpf_object__find_program_by_name(late.get(), name);
    if (!again || bpf_program__fd(again) < 0) continue;
    program = again;
    object = late.get();
  }
  return {.handle = program,
          .fd = std::max(bpf_program__fd(program), -1),
          .object = object,
          .usdt_specs = &usdt_specs_};
}

Result<Program> Object::program(const std::string& name) const {
  if (bpf_program* known = bpf_object__find_program_by_name(handle_.get(), name.c_str()))
    return newest(known);
  std::vector<std::string> names;
  for (const Program& one : programs()) names.push_back(one.name());
  Error error{.stage = Stage::load,
              .code = Code::not_found,
              .message = "no program '" + name + "' in '" + name_ + "'"};
  error.hint = did_you_mean(name, names);
  if (error.hint.empty()) {
    error.hint = names.empty() ? "it has no programs" : "its programs are ";
    for (std::size_t i = 0; i < names.size(); i++)
      error.hint += (i ? ", " : "") + names[i];
  }
  return error;
}

btf::TypeId Object::record_type_of(const std::string& map_name) const {
  // The compiler keeps a variable `T *__ebl_record_MAP` for each map whose record it
  // knows.
  const auto variable = btf_->find(btf::Kind::variable, "__ebl_record_" + map_name);
  if (!variable) return 0;
  const btf::TypeId pointer = btf_->resolve(btf_->target(*variable));
  return btf_->kind(pointer) == btf::Kind::pointer ? btf_->target(pointer) : 0;
}

std::string Object::map_tag(const std::string& map_name) const {
  const auto found = map_tags_.find(map_name);
  return found == map_tags_.end() ? std::string() : found->second;
}

std::vector<Map> Object::maps() const {
  std::vector<Map> out;
  bpf_map* map = nullptr;
  bpf_object__for_each_map(map, handle_.get()) {
    if (bpf_map__is_internal(map)) continue;
    const std::string name = bpf_map__name(map);
    Map entry{.name = name,
              .type = bpf_map__type(map),
              .key_size = bpf_map__key_size(map),
              .value_size = bpf_map__value_size(map),
              .max_entries = bpf_map__max_entries(map),
              .flags = bpf_map__map_flags(map),
              .key_type = declared_types_.at(name).first,
              .value_type = declared_types_.at(name).second,
              .record_type = record_type_of(name),
              .tag = map_tag(name),
              .fd = std::max(bpf_map__fd(map), -1)};
    for (const Arena& arena : arenas_)
      if (arena.name() == name) entry.memory = {arena.memory(), arena.size()};
    out.push_back(std::move(entry));
  }
  return out;
}

Result<int> Object::map_fd(const std::string& name) const {
  std::vector<std::string> names;
  for (const Map& map : maps()) {
    if (map.name == name) return map.fd;
    names.push_back(map.name);
  }
  return Error{.stage = Stage::load,
               .code = Code::not_found,
               .message = "no map '" + name + "' in '" + name_ + "'",
               .hint = did_you_mean(name, names)};
}

bpf_map* Object::section_map(const std::string& section) const {
  bpf_map* map = nullptr;
  bpf_object__for_each_map(map, handle_.get()) {
    if (!bpf_map__is_internal(map)) continue;
    // libbpf names them OBJECT.section with the object's name cut short, or by the
    // section.
    if (std::string_view(bpf_map__name(map)).ends_with(section)) return map;
  }
  return nullptr;
}

Object::Mapping::Mapping(Mapping&& other) noexcept
    : section(std::move(other.section)),
      memory(std::exchange(other.memory, nullptr)),
      size(other.size) {}

Object::Mapping::~Mapping() {
  if (memory) ::munmap(memory, size);
}

std::byte* Object::variable_memory(const Variable& variable) {
  bpf_map* map = section_map(variable.section);
  if (!map) return nullptr;
  if (!loaded_) {
    std::size_t size = 0;
    const void* initial = bpf_map__initial_value(map, &size);
    if (!initial || std::size_t{variable.offset} + variable.size > size) return nullptr;
    // libbpf hands out its own writable copy through a const pointer.
    return static_cast<std::byte*>(const_cast<void*>(initial)) + variable.offset;
  }
  for (const Mapping& mapping : mappings_)
    if (mapping.section == variable.section) return mapping.memory + variable.offset;
  const std::size_t size = bpf_map__value_size(map);
  const int protection = variable.constant ? PROT_READ : PROT_READ | PROT_WRITE;
  void* memory = ::mmap(nullptr, size, protection, MAP_SHARED, bpf_map__fd(map), 0);
  if (memory == MAP_FAILED) return nullptr;
  mappings_.emplace_back(variable.section, static_cast<std::byte*>(memory), size);
  return static_cast<std::byte*>(memory) + variable.offset;
}

Result<void> Object::load_handle(bpf_object* handle) {
  LogCapture capture;
  // Untouched pages of the buffers cost nothing, so they are not zeroed. One serves all,
  // unless every program's log is wanted.
  std::vector<std::unique_ptr<char[]>> buffers;
  bpf_program* program = nullptr;
  bpf_object__for_each_program(program, handle) {
    if (!bpf_program__autoload(program)) continue;
    if (buffers.empty() || keeps_logs_) {
      buffers.emplace_back(new char[kVerifierLogBytes]);
      buffers.back()[0] = '\0';
    }
    bpf_program__set_log_buf(program, buffers.back().get(), kVerifierLogBytes);
    if (keeps_logs_) bpf_program__set_log_level(program, 2);
  }
  const int failure = bpf_object__load(handle);
  std::string log = buffers.empty() ? "" : buffers.front().get();
  std::size_t place = 0;
  bpf_object__for_each_program(program, handle) {
    if (keeps_logs_ && bpf_program__autoload(program)) {
      log = buffers[place++].get();
      if (!log.empty()) logs_.push_back({bpf_program__name(program), log});
      if (failure != 0 && bpf_program__fd(program) < 0) break;
    }
    bpf_program__set_log_buf(program, nullptr, 0);
  }
  if (failure == 0) return {};
  LoadFailure failed{.object = name_,
                     .libbpf_log = capture.text(),
                     .verifier_log = log,
                     .error_number = -failure,
                     .elf = elf_,
                     .opened = handle,
                     .btf_path = btf_path_,
                     .maps = maps()};
  // The first wanted program without a descriptor is the one that failed.
  bpf_object__for_each_program(program, handle) {
    if (!bpf_program__autoload(program) || bpf_program__fd(program) >= 0) continue;
    failed.instructions = bpf_program__insn_cnt(program);
    break;
  }
  return load_error(failed);
}

Result<void> Object::make_arenas() {
  bpf_map* map = nullptr;
  bpf_object__for_each_map(map, handle_.get()) {
    const bool reused = bpf_map__fd(map) >= 0;
    if (std::uint32_t{bpf_map__type(map)} != kArenaType || reused) continue;
    Result<Arena> arena = Arena::create(bpf_map__name(map), bpf_map__max_entries(map),
                                        bpf_map__map_flags(map));
    if (!arena) return arena.take_error();
    if (const int failure = bpf_map__reuse_fd(map, arena->fd()); failure != 0)
      return Error{.stage = Stage::load,
                   .code = Code::io,
                   .message = "cannot use the arena '" + arena->name() +
                              "': " + errno_text(-failure)};
    arenas_.push_back(std::move(*arena));
  }
  return {};
}

Result<void> Object::load(const std::vector<std::string>& program_names) {
  bpf_program* program = nullptr;
  bpf_object__for_each_program(program, handle_.get()) {
    const bool wanted = std::find(program_names.begin(), program_names.end(),
                                  bpf_program__name(program)) != program_names.end();
    bpf_program__set_autoload(program, wanted);
  }
  for (const auto& [map_name, tag] : map_tags_) {
    bpf_map* map = bpf_object__find_map_by_name(handle_.get(), map_name.c_str());
    if (!map || !tag.starts_with("pin=")) continue;
    if (Result<void> pinned = pin_at(map, tag.substr(4)); !pinned) return pinned;
  }
  bpf_map* each = nullptr;
  bpf_object__for_each_map(each, handle_.get()) {
    if (Result<void> usable = check_pin(each); !usable) return usable;
  }
  if (Result<void> made = make_arenas(); !made) return made;
  Result<void> done = load_handle(handle_.get());
  loaded_ = done.ok();
  return done;
}

Result<void> Object::reuse_map(const std::string& map_name, int fd) {
  bpf_map* declared = bpf_object__find_map_by_name(handle_.get(), map_name.c_str());
  if (declared && map_tag(map_name) == "extern") return import_map(declared, fd);
  if (declared) return load::reuse_map(declared, fd);
  std::vector<std::string> names;
  for (const Map& map : maps()) names.push_back(map.name);
  return Error{.stage = Stage::load,
               .code = Code::not_found,
               .message = "no map '" + map_name + "' in '" + name_ + "'",
               .hint = did_you_mean(map_name, names)};
}

Result<Program> Object::load_late(const std::string& name,
                                  const std::function<Result<void>(Program)>& prepare) {
  Result<Program> found = program(name);
  if (!found || found->fd >= 0) return found;
  Result<Handle> handle = open_handle();
  if (!handle) return handle.take_error();
  bpf_map* map = nullptr;
  bpf_object__for_each_map(map, handle->get()) {
    const bpf_map* original =
        bpf_object__find_map_by_name(handle_.get(), bpf_map__name(map));
    if (!original) continue;
    Result<void> reused = load::reuse_map(map, bpf_map__fd(original));
    if (!reused) return reused.take_error();
  }
  bpf_program* program = nullptr;
  bpf_object__for_each_program(program, handle->get())
      bpf_program__set_autoload(program, name == bpf_program__name(program));
  bpf_program* again = bpf_object__find_program_by_name(handle->get(), name.c_str());
  if (Result<void> ready = prepare({.handle = again}); !ready) return ready.take_error();
  if (Result<void> done = load_handle(handle->get()); !done) return done.take_error();
  late_.push_back(std::move(*handle));
  return Program{.handle = again,
                 .fd = bpf_program__fd(again),
                 .object = late_.back().get(),
                 .usdt_specs = &usdt_specs_};
}

}  // namespace ebl::load
