// How an object carries its loss counters: an agreement of the compiler, which adds them,
// and of load/, which reads them.
//
// Each counter is a variable u64[kLossStripes][kLossStripeWords] of the section
// kLossSection, with BTF. A CPU adds to word 0 of the stripe that its number, modulo
// kLossStripes, selects, so that CPUs rarely share a cache line; additions are atomic,
// since a program can be interrupted by another on its CPU. The count is the sum of the
// stripes.
//
// A counter is called __ebl_lost_<length of the map's name><map><program>, in one word
// because BTF takes only C identifiers. An empty map name (length 0): the program chooses
// the map while it runs.
#pragma once

namespace ebl {

// At most 15 characters: the kernel's limit for a map's name.
inline constexpr char kLossSection[] = ".data.ebl_lost";
inline constexpr char kLossPrefix[] = "__ebl_lost_";
inline constexpr unsigned kLossStripes = 16;
inline constexpr unsigned kLossStripeWords = 8;

}  // namespace ebl
