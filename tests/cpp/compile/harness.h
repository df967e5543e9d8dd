// What the compile tests share: a Compiler over this build's compiler.so, and a reader of
// the objects that it makes.
#pragma once

#include <elf.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/btf.h>

#include <cstring>
#include <set>
#include <string>
#include <vector>

#include "btf/btf.h"
#include "compile/compiler.h"
#include "compile/wire.h"
#include "patience.h"

namespace ebl::compile {

inline Options test_options() {
  return {.library = EBL_COMPILER_SO,
          .btf_path = "/sys/kernel/btf/vmlinux",
          .time_limit_seconds = 10u * unsigned(test::patience())};
}

/// A Compiler that the tests of one process share.
inline Compiler& shared_compiler() {
  static Compiler compiler = [] {
    Result<Compiler> started = Compiler::start(test_options());
    EXPECT_TRUE(started.ok()) << started.error().message;
    return std::move(*started);
  }();
  return compiler;
}

inline Result<Output> compile(const std::string& text,
                              std::vector<std::string> flags = {},
                              const std::string& directory = {}) {
  return shared_compiler().compile({.text = text,
                                    .name = "test.c",
                                    .directory = directory,
                                    .flags = std::move(flags)});
}

/// A program of type raw_tracepoint around some statements.
inline std::string program(const std::string& body) {
  return "SEC(\"raw_tp/x\") int program(struct bpf_raw_tracepoint_args *ctx) {\n" + body +
         "\nreturn 0; }\n";
}

/// An object with the parts that the tests look at.
class Object {
 public:
  explicit Object(const Output& output) : bytes_(output.object) {
    Result<UniqueFd> file = memory_file(
        "object", {reinterpret_cast<const char*>(bytes_.data()), bytes_.size()});
    EXPECT_TRUE(file.ok());
    Result<btf::Btf> btf =
        btf::Btf::from_file("/proc/self/fd/" + std::to_string(file->get()));
    EXPECT_TRUE(btf.ok()) << btf.error().message;
    btf_ = std::make_unique<btf::Btf>(std::move(*btf));
  }

  const btf::Btf& btf() const { return *btf_; }

  std::string_view section(std::string_view wanted) const {
    const auto header = at<Elf64_Ehdr>(0);
    const auto names =
        at<Elf64_Shdr>(header.e_shoff + header.e_shstrndx * sizeof(Elf64_Shdr));
    for (unsigned i = 0; i < header.e_shnum; i++) {
      const auto candidate = at<Elf64_Shdr>(header.e_shoff + i * sizeof(Elf64_Shdr));
      if (view(names.sh_offset + candidate.sh_name) == wanted)
        return {reinterpret_cast<const char*>(bytes_.data()) + candidate.sh_offset,
                candidate.sh_size};
    }
    return {};
  }

  struct Relocation {
    btf::TypeId type;
    std::string type_name;
    std::string access;  ///< "0:95"
  };

  /// The CO-RE relocations of .BTF.ext.
  std::vector<Relocation> relocations() const {
    const std::string_view ext = section(".BTF.ext");
    struct Header {
      std::uint16_t magic;
      std::uint8_t version, flags;
      std::uint32_t header_size, function_offset, function_size, line_offset, line_size,
          relocation_offset, relocation_size;
    } header;
    std::memcpy(&header, ext.data(), sizeof(header));
    std::string_view rest =
        ext.substr(header.header_size + header.relocation_offset, header.relocation_size);
    std::vector<Relocation> out;
    if (rest.empty()) return out;
    rest.remove_prefix(4);  // the size of a record, 16
    while (!rest.empty()) {
      std::uint32_t section_header[2];
      std::memcpy(section_header, rest.data(), 8);
      rest.remove_prefix(8);
      for (std::uint32_t i = 0; i < section_header[1]; i++, rest.remove_prefix(16)) {
        std::uint32_t record[4];
        std::memcpy(record, rest.data(), 16);
        out.push_back({record[1], std::string(btf_->name(record[1])), string(record[2])});
      }
    }
    return out;
  }

  std::set<std::string> relocated_types() const {
    std::set<std::string> names;
    for (const Relocation& relocation : relocations()) names.insert(relocation.type_name);
    return names;
  }

  /// Whether a relocation is against a type with a member of that name.
  bool relocates_member(std::string_view member) const {
    for (const Relocation& relocation : relocations()) {
      const btf::TypeId id = btf_->resolve(relocation.type);
      if (btf_->kind(id) != btf::Kind::structure) continue;
      for (std::uint32_t i = 0; i < btf_->count(id); i++)
        if (btf_->member(id, i).name == member) return true;
    }
    return false;
  }

  /// What the variable, a pointer, points to; 0 where there is no such variable.
  btf::TypeId pointee(std::string_view variable) const {
    const auto found = btf_->find(btf::Kind::variable, variable);
    return found ? btf_->target(btf_->resolve(btf_->target(*found))) : 0;
  }

 private:
  template <typename T>
  T at(std::size_t offset) const {
    T value;
    std::memcpy(&value, bytes_.data() + offset, sizeof(value));
    return value;
  }
  std::string_view view(std::size_t offset) const {
    return reinterpret_cast<const char*>(bytes_.data()) + offset;
  }
  std::string string(std::uint32_t offset) const {
    const std::string_view all = section(".BTF");
    btf_header header;
    std::memcpy(&header, all.data(), sizeof(header));
    return all.data() + header.hdr_len + header.str_off + offset;
  }

  std::vector<std::byte> bytes_;
  std::unique_ptr<btf::Btf> btf_;
};

/// The object of a text that must compile.
inline Object object_of(const std::string& text, std::vector<std::string> flags = {}) {
  Result<Output> output = compile(text, std::move(flags));
  if (!output) {
    ADD_FAILURE() << output.error().message << "\n" << output.error().detail;
    output = compile("int empty;");
  }
  return Object(*output);
}

/// The error of a text that must not compile.
inline Error error_of(const Result<Output>& output) {
  EXPECT_FALSE(output.ok());
  return output ? Error{} : output.error();
}

}  // namespace ebl::compile
