// The object cache under friendly and hostile hands.
#include "cache/object_cache.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "cache/build_id.h"
#include "cache/digest.h"
#include "cache/private_directory.h"

namespace ebl::cache {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

const std::string kKey = key_of({"a text"});
const std::string kOther = key_of({"another text"});

void write(const fs::path& path, const std::string& text) {
  std::ofstream(path, std::ios::binary) << text;
}

std::string content(const fs::path& path) {
  std::ostringstream out;
  out << std::ifstream(path, std::ios::binary).rdbuf();
  return out.str();
}

class Cache : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "ebl_cache_XXXXXX";
    ASSERT_TRUE(mkdtemp(pattern.data()));
    outer_ = pattern;
    root_ = outer_ / "cache";
  }
  void TearDown() override { fs::remove_all(outer_); }

  ObjectCache open(std::uint64_t limit = ObjectCache::kDefaultLimit) {
    Result<ObjectCache> cache = ObjectCache::open(root_, limit);
    EXPECT_TRUE(cache.ok()) << cache.error().message;
    return std::move(*cache);
  }
  /// A cache with an entry under kKey.
  ObjectCache filled() {
    ObjectCache cache = open();
    EXPECT_TRUE(cache.store(kKey, {.object = "ELF", .warnings = "careful"}).ok());
    return cache;
  }
  static bool hit(const ObjectCache& cache, const std::string& key = kKey) {
    const Result<std::optional<Entry>> entry = cache.find(key);
    return entry.ok() && entry->has_value();
  }
  /// What is wrong with the entry under kKey.
  static std::string fault(const ObjectCache& cache, const std::string& key = kKey) {
    const Result<std::optional<Entry>> entry = cache.find(key);
    return entry.ok() ? "no fault" : entry.error().message;
  }
  std::size_t files() const {
    return static_cast<std::size_t>(
        std::distance(fs::directory_iterator(root_), fs::directory_iterator()));
  }

  fs::path outer_;
  fs::path root_;
};

TEST_F(Cache, GivesBackWhatWasStored) {
  const ObjectCache cache = open();
  EXPECT_FALSE(hit(cache));
  const std::string binary("\0ELF\0", 5);
  ASSERT_TRUE(cache.store(kKey, {.object = binary, .warnings = "w: careful\n"}).ok());
  const Result<std::optional<Entry>> entry = cache.find(kKey);
  ASSERT_TRUE(entry.ok() && entry->has_value());
  EXPECT_EQ((*entry)->object, binary);
  EXPECT_EQ((*entry)->warnings, "w: careful\n");
  EXPECT_FALSE(hit(cache, kOther));
  EXPECT_TRUE(hit(open()));
  struct stat status{};
  ASSERT_EQ(stat((root_ / kKey).c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
  ASSERT_EQ(stat(root_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0700u);
}

TEST_F(Cache, KeysTellFieldsApart) {
  EXPECT_NE(key_of({"ab", "c"}), key_of({"a", "bc"}));
  EXPECT_NE(key_of({"a"}), key_of({"a", ""}));
  EXPECT_EQ(key_of({"a", "b"}), key_of({"a", "b"}));
  EXPECT_EQ(kKey.size(), 32u);
}

TEST_F(Cache, MissesWhenAnIncludeChangesOrGoesOrComes) {
  const ObjectCache cache = open();
  const fs::path header = outer_ / "mine.h", shadow = outer_ / "shadow.h";
  write(header, "one");
  ASSERT_TRUE(cache
                  .store(kKey, {.object = "ELF",
                                .files = {{.path = header, .digest = digest("one")}},
                                .missing = {shadow}})
                  .ok());
  EXPECT_TRUE(hit(cache));
  write(header, "two");
  EXPECT_FALSE(hit(cache));
  EXPECT_EQ(fault(cache), "no fault");
  write(header, "one");
  EXPECT_TRUE(hit(cache));
  write(shadow, "");
  EXPECT_FALSE(hit(cache));
  fs::remove(shadow);
  fs::remove(header);
  EXPECT_FALSE(hit(cache));
  ASSERT_EQ(mkfifo(header.c_str(), 0600), 0);
  EXPECT_FALSE(hit(cache));  // and does not wait for a writer
}

TEST_F(Cache, RefusesALink) {
  const ObjectCache cache = filled();
  fs::rename(root_ / kKey, outer_ / "elsewhere");
  fs::create_symlink(outer_ / "elsewhere", root_ / kKey);
  EXPECT_THAT(fault(cache), HasSubstr("ELOOP"));
}

TEST_F(Cache, RefusesAnotherUsersFile) {
  if (geteuid() != 0) GTEST_SKIP() << "chown: " << strerror(EPERM);
  const ObjectCache cache = filled();
  ASSERT_EQ(chown((root_ / kKey).c_str(), 4242, 0), 0);
  EXPECT_THAT(fault(cache), HasSubstr("belongs to user 4242"));
}

TEST_F(Cache, RefusesAFileOpenToOthers) {
  const ObjectCache cache = filled();
  for (const mode_t mode : {0620u, 0602u, 0640u, 0644u}) {
    ASSERT_EQ(chmod((root_ / kKey).c_str(), mode), 0);
    EXPECT_THAT(fault(cache), HasSubstr("is open to others"));
  }
}

TEST_F(Cache, RefusesWhatIsNoFile) {
  const ObjectCache cache = open();
  ASSERT_EQ(mkfifo((root_ / kKey).c_str(), 0600), 0);
  EXPECT_THAT(fault(cache), HasSubstr("is not a regular file"));
  fs::remove(root_ / kKey);
  fs::create_directory(root_ / kKey);
  EXPECT_THAT(fault(cache), HasSubstr("is not a regular file"));
}

TEST_F(Cache, RefusesEveryCutAndEveryFlippedByte) {
  const ObjectCache cache = filled();
  const std::string whole = content(root_ / kKey);
  for (std::size_t size = 0; size < whole.size(); size++) {
    write(root_ / kKey, whole.substr(0, size));
    EXPECT_THAT(fault(cache), HasSubstr("an entry is damaged")) << size;
  }
  for (std::size_t at = 0; at < whole.size(); at++) {
    std::string flipped = whole;
    flipped[at] = static_cast<char>(flipped[at] ^ 1);
    write(root_ / kKey, flipped);
    EXPECT_THAT(fault(cache), HasSubstr("an entry is damaged")) << at;
  }
  write(root_ / kKey, whole);
  EXPECT_TRUE(hit(cache));
}

TEST_F(Cache, RefusesASwappedFile) {
  const ObjectCache cache = filled();
  fs::copy(root_ / kKey, root_ / kOther);
  EXPECT_THAT(fault(cache, kOther), HasSubstr("another text's"));
}

TEST_F(Cache, AFailureLeavesNothingBehind) {
  if (geteuid() != 0) GTEST_SKIP() << "mount: " << strerror(EPERM);
  fs::create_directory(root_);
  ASSERT_EQ(mount("ebl-test", root_.c_str(), "tmpfs", 0, "size=64k,mode=0700"), 0);
  {
    const ObjectCache cache = open();
    const Result<void> stored =
        cache.store(kKey, {.object = std::string(256 << 10, 'x')});
    ASSERT_FALSE(stored.ok());
    EXPECT_THAT(stored.error().message, HasSubstr("ENOSPC"));
    EXPECT_EQ(files(), 0u);
    EXPECT_TRUE(cache.store(kOther, {.object = "small"}).ok());
    EXPECT_TRUE(hit(cache, kOther));
    ASSERT_EQ(mount("", root_.c_str(), "", MS_REMOUNT | MS_RDONLY, ""), 0);
    EXPECT_TRUE(hit(cache, kOther));
    EXPECT_THAT(cache.store(kKey, {.object = "x"}).error().message, HasSubstr("EROFS"));
  }
  ASSERT_EQ(umount(root_.c_str()), 0);
}

TEST_F(Cache, WritersAndReadersAtTheSameTime) {
  open();
  constexpr int kWriters = 4, kRounds = 40;
  std::vector<pid_t> writers;
  for (int i = 0; i < kWriters; i++) {
    const pid_t child = fork();
    if (child == 0) {
      const Result<ObjectCache> cache = ObjectCache::open(root_);
      if (!cache) _exit(1);
      for (int round = 0; round < kRounds; round++)
        if (!cache->store(kKey, {.object = std::string(20'000 + i, 'a' + i)})) _exit(2);
      _exit(0);
    }
    writers.push_back(child);
  }
  const ObjectCache cache = open();
  std::size_t seen = 0;
  for (int done = 0; done < kWriters;) {
    const Result<std::optional<Entry>> entry = cache.find(kKey);
    ASSERT_TRUE(entry.ok()) << entry.error().message;
    if (*entry) {
      const std::string& object = (*entry)->object;
      ASSERT_EQ(object, std::string(20'000 + (object[0] - 'a'), object[0]));
      seen++;
    }
    int status = 0;
    if (waitpid(-1, &status, WNOHANG) > 0) {
      EXPECT_EQ(status, 0);
      done++;
    }
  }
  EXPECT_GT(seen, 0u);
  EXPECT_EQ(files(), 1u);
}

TEST_F(Cache, AKilledWriterLeavesNoEntryAndItsRestGoesLater) {
  const ObjectCache cache = open();
  const pid_t child = fork();
  if (child == 0) {
    const Entry entry{.object = std::string(8 << 20, 'x')};
    for (;;) static_cast<void>(cache.store(kKey, entry));
  }
  std::size_t unfinished = 0;
  for (int i = 0; i < 20'000 && unfinished == 0; i++) {
    for (const auto& file : fs::directory_iterator(root_))
      unfinished += file.path().filename().string().starts_with(".new-");
    if (unfinished == 0) usleep(100);
  }
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  ASSERT_GT(unfinished, 0u);
  EXPECT_EQ(fault(cache), "no fault");

  write(root_ / ".new-12345", "the rest of a killed writer");
  const timespec old[2] = {{.tv_sec = 1}, {.tv_sec = 1}};
  for (const auto& file : fs::directory_iterator(root_))
    ASSERT_EQ(utimensat(AT_FDCWD, file.path().c_str(), old, 0), 0);
  ASSERT_TRUE(cache.store(kOther, {.object = "x"}).ok());
  for (const auto& file : fs::directory_iterator(root_))
    EXPECT_FALSE(file.path().filename().string().starts_with(".new-")) << file.path();
}

TEST_F(Cache, EvictsWhatWasNotUsedForLongest) {
  const ObjectCache cache = open(100'000);
  for (int i = 0; i < 20; i++) {
    const std::string key = key_of({std::to_string(i)});
    ASSERT_TRUE(cache.store(key, {.object = std::string(9'000, 'x')}).ok());
    const timespec then[2] = {{.tv_sec = 1000 + i}, {.tv_sec = 1000 + i}};
    ASSERT_EQ(utimensat(AT_FDCWD, (root_ / key).c_str(), then, 0), 0);
    const bool used = i == 3 && hit(cache, key_of({"0"}));  // its time of use is now
    EXPECT_EQ(used, i == 3);
  }
  const Result<Statistics> statistics = cache.statistics();
  ASSERT_TRUE(statistics.ok());
  EXPECT_LE(statistics->bytes, 100'000u);
  EXPECT_GE(statistics->entries, 6u);
  EXPECT_TRUE(hit(cache, key_of({"0"})));
  EXPECT_FALSE(hit(cache, key_of({"1"})));
  EXPECT_TRUE(hit(cache, key_of({"19"})));
}

TEST_F(Cache, LeavesOutWhatIsTooLarge) {
  const ObjectCache cache = open(100'000);
  EXPECT_TRUE(cache.store(kKey, {.object = std::string(30'000, 'x')}).ok());
  EXPECT_EQ(files(), 0u);
}

TEST_F(Cache, Clears) {
  const ObjectCache cache = filled();
  ASSERT_TRUE(cache.store(kOther, {.object = "x"}).ok());
  write(root_ / "somebody's", "");
  EXPECT_EQ(cache.statistics()->entries, 2u);
  EXPECT_EQ(*cache.clear(), 2u);
  EXPECT_EQ(cache.statistics()->entries, 0u);
  EXPECT_EQ(files(), 1u);
}

using Directory = Cache;

std::string refusal(const fs::path& path) {
  const Result<UniqueFd> directory = open_private_directory(path);
  return directory.ok() ? "opened" : directory.error().message;
}

TEST_F(Directory, IsMadeWithItsWay) {
  EXPECT_EQ(refusal(outer_ / "a/b/cache"), "opened");
  EXPECT_EQ(refusal(outer_ / "a/./b//cache/"), "opened");
  struct stat status{};
  ASSERT_EQ(stat((outer_ / "a/b/cache").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0700u);
}

TEST_F(Directory, MustBeAbsoluteAndADirectory) {
  EXPECT_THAT(refusal("cache"), HasSubstr("is not an absolute path"));
  EXPECT_THAT(refusal(""), HasSubstr("is not an absolute path"));
  EXPECT_THAT(refusal("/"), HasSubstr("no place for a cache"));
  write(outer_ / "file", "");
  EXPECT_THAT(refusal(outer_ / "file"), HasSubstr("ENOTDIR"));
  EXPECT_THAT(refusal(outer_ / "file/cache"), HasSubstr("is not a directory"));
}

TEST_F(Directory, MustBeClosedToOthers) {
  fs::create_directory(root_);
  for (const mode_t mode : {0701u, 0710u, 0750u, 0777u}) {
    ASSERT_EQ(chmod(root_.c_str(), mode), 0);
    EXPECT_THAT(refusal(root_), HasSubstr("is open to others"));
  }
  ASSERT_EQ(chmod(root_.c_str(), 0700), 0);
  EXPECT_EQ(refusal(root_), "opened");
}

TEST_F(Directory, TheWayMustNotBeWritableForOthers) {
  fs::create_directories(outer_ / "way/cache");
  ASSERT_EQ(chmod((outer_ / "way/cache").c_str(), 0700), 0);
  for (const mode_t mode : {0770u, 0707u, 0777u}) {
    ASSERT_EQ(chmod((outer_ / "way").c_str(), mode), 0);
    EXPECT_THAT(refusal(outer_ / "way/cache"), HasSubstr("way is writable for others"));
  }
  ASSERT_EQ(chmod((outer_ / "way").c_str(), 01777), 0);
  EXPECT_EQ(refusal(outer_ / "way/cache"), "opened");
}

TEST_F(Directory, MustBelongToTheUserAndItsWayToNobodyElse) {
  if (geteuid() != 0) GTEST_SKIP() << "chown: " << strerror(EPERM);
  fs::create_directories(outer_ / "way/cache");
  ASSERT_EQ(chmod((outer_ / "way/cache").c_str(), 0700), 0);
  ASSERT_EQ(chown((outer_ / "way/cache").c_str(), 4242, 4242), 0);
  EXPECT_THAT(refusal(outer_ / "way/cache"), HasSubstr("belongs to user 4242"));
  ASSERT_EQ(chown((outer_ / "way/cache").c_str(), 0, 0), 0);
  ASSERT_EQ(chown((outer_ / "way").c_str(), 4242, 4242), 0);
  EXPECT_THAT(refusal(outer_ / "way/cache"), HasSubstr("way belongs to user 4242"));
}

TEST_F(Directory, FollowsOnlyTrustedLinksOnTheWay) {
  fs::create_directory(root_);
  ASSERT_EQ(chmod(root_.c_str(), 0700), 0);
  fs::create_symlink(root_, outer_ / "cache_link");
  EXPECT_THAT(refusal(outer_ / "cache_link"), HasSubstr("cannot open"));
  fs::create_symlink(outer_, outer_ / "absolute");
  fs::create_symlink("../" + outer_.filename().string(), outer_ / "relative");
  EXPECT_EQ(refusal(outer_ / "absolute/relative/cache"), "opened");
  fs::create_symlink("loop", outer_ / "loop");
  EXPECT_THAT(refusal(outer_ / "loop/cache"), HasSubstr("too many links"));
  if (geteuid() != 0) return;
  ASSERT_EQ(lchown((outer_ / "absolute").c_str(), 4242, 4242), 0);
  EXPECT_THAT(refusal(outer_ / "absolute/cache"), HasSubstr("is a link of user 4242"));
}

TEST(BuildId, OfTheKernelAndOfFiles) {
  const Result<std::string> kernel = kernel_build_id();
  ASSERT_TRUE(kernel.ok()) << kernel.error().message;
  EXPECT_EQ(kernel->size(), 20u);
  const Result<std::string> compiler = file_build_id(EBL_COMPILER_SO);
  ASSERT_TRUE(compiler.ok()) << compiler.error().message;
  EXPECT_EQ(compiler->size(), 20u);
  EXPECT_NE(*kernel, *compiler);
  EXPECT_FALSE(file_build_id("/etc/passwd").ok());
  EXPECT_FALSE(file_build_id("/no/such/file").ok());
}

}  // namespace
}  // namespace ebl::cache
