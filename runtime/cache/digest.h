// XXH3-128: names cache entries and recognises changed or damaged bytes. It is no defence
// against somebody who may write to the cache: the directory's owner and mode are that.
#pragma once

#include <string>
#include <string_view>

namespace ebl::cache {

/// 32 hexadecimal digits.
std::string digest(std::string_view bytes);

}  // namespace ebl::cache
