// Runs a fuzz target without libFuzzer: every file of a corpus, then mutations of them
// for some time, the same ones in every run.
//   fuzz_NAME CORPUS SECONDS
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

void run(const std::string& input) {
  // A copy of just that size: a read past it is seen by AddressSanitizer.
  const std::vector<std::uint8_t> bytes(input.begin(), input.end());
  LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
}

std::string mutated(std::string text, const std::string& other, std::mt19937& random) {
  const auto below = [&](std::size_t limit) { return limit ? random() % limit : 0; };
  for (std::size_t changes = 1 + below(4); changes > 0; changes--) {
    const std::size_t at = below(text.size());
    switch (below(5)) {
      case 0:
        if (!text.empty()) text[at] = static_cast<char>(random());
        break;
      case 1:
        if (!text.empty()) text[at] = static_cast<char>(text[at] ^ (1 << below(8)));
        break;
      case 2: text.erase(at, below(16)); break;
      case 3: text.insert(at, other.substr(below(other.size()), below(64))); break;
      default: text.insert(at, 1 + below(4), "\0\xff\x7f 09az"[below(8)]);
    }
  }
  return text;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  std::vector<std::string> corpus;
  for (const auto& file : std::filesystem::directory_iterator(argv[1])) {
    std::ifstream stream(file.path(), std::ios::binary);
    corpus.emplace_back(std::istreambuf_iterator<char>(stream),
                        std::istreambuf_iterator<char>());
  }
  if (corpus.empty()) {
    std::fprintf(stderr, "no corpus in %s\n", argv[1]);
    return 2;
  }
  for (const std::string& input : corpus) run(input);
  run("");
  std::mt19937 random(1);
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(atoi(argv[2]));
  std::size_t count = corpus.size() + 1;
  for (; std::chrono::steady_clock::now() < end; count++)
    run(mutated(corpus[random() % corpus.size()], corpus[random() % corpus.size()],
                random));
  std::printf("%zu inputs\n", count);
}
