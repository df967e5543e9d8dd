#include "cache/entry.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "base/fields.h"
#include "base/file.h"
#include "cache/digest.h"

namespace ebl::cache {
namespace {

constexpr std::string_view kMagic = "EBPF-LUA OBJECT 1\n";
constexpr std::size_t kDigestSize = 32;
constexpr std::size_t kLargestSource = 64 << 20;

Error damaged(const char* what) {
  return {.stage = Stage::compile,
          .code = Code::invalid,
          .message = std::string("an entry is damaged (") + what + ")"};
}

}  // namespace

std::string encode(const std::string& key, const Entry& entry) {
  Writer writer;
  writer.text(key);
  writer.text(entry.warnings);
  writer.number(entry.files.size());
  for (const FileDigest& file : entry.files) {
    writer.text(file.path);
    writer.text(file.digest);
  }
  writer.texts(entry.missing);
  writer.text(entry.object);
  const std::string_view body = writer.bytes();
  std::string bytes;
  bytes.reserve(kMagic.size() + kDigestSize + body.size());
  return bytes.append(kMagic).append(digest(body)).append(body);
}

Result<Entry> decode(const std::string& key, std::string_view bytes) {
  if (!bytes.starts_with(kMagic)) return damaged("it is no entry of this version");
  bytes.remove_prefix(kMagic.size());
  if (bytes.size() < kDigestSize) return damaged("it is cut short");
  const std::string_view body = bytes.substr(kDigestSize);
  if (digest(body) != bytes.substr(0, kDigestSize)) return damaged("wrong digest");
  Reader reader(body);
  if (reader.text() != key) return damaged("it is another text's");
  Entry entry;
  entry.warnings = reader.text();
  for (std::uint64_t count = reader.number(); count > 0 && reader.ok(); count--) {
    std::string path(reader.text());
    entry.files.push_back(
        {.path = std::move(path), .digest = std::string(reader.text())});
  }
  entry.missing = reader.texts();
  entry.object = reader.text();
  if (!reader.ok()) return damaged("its fields do not fit");
  return entry;
}

bool up_to_date(const Entry& entry) {
  for (const FileDigest& file : entry.files) {
    const Result<std::string> content = read_file(AT_FDCWD, file.path, kLargestSource);
    if (!content || digest(*content) != file.digest) return false;
  }
  for (const std::string& path : entry.missing)
    if (::faccessat(AT_FDCWD, path.c_str(), F_OK, AT_SYMLINK_NOFOLLOW) == 0 ||
        (errno != ENOENT && errno != ENOTDIR))
      return false;
  return true;
}

}  // namespace ebl::cache
