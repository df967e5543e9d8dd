// The places in user programs that a spec stands for: one, or a pattern's and a list's
// functions. Internal to attach/.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "attach/kind.h"

namespace ebl::attach {

struct UserPlace {
  std::string function;  ///< empty for an address
  std::uint64_t offset = 0;
  std::uint64_t cookie = 0;  ///< 0: none
};

struct UserPlaces {
  std::string path;
  std::vector<UserPlace> places;
  std::size_t left_out = 0;  ///< of a list: those chosen at run time, which have no place
};

/// Whether the target stands for any number of functions: *, ? and commas outside
/// brackets (C++ and Go have commas in names).
bool is_user_pattern(std::string_view target);

/// Reads BINARY:FUNCTION[+OFFSET], BINARY:PATTERN and BINARY:0xADDRESS.
Result<ProbeSpec> parse_user_place(std::string_view rest, ProbeSpec spec);
/// The same without an offset, for what is at a function's return.
Result<ProbeSpec> parse_user_function(std::string_view rest, ProbeSpec spec);
/// The opposite.
std::string user_place_text(const ProbeSpec& spec);

/// By the file's symbols. Code::not_found for a name that is not there, and for patterns
/// that match nothing.
Result<UserPlaces> find_user_places(const ProbeSpec& spec, const Options& options);

}  // namespace ebl::attach
