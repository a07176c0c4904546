// main() for a fuzz target where there is no libFuzzer: every file of the corpus, then a fixed
// number of seeded mutations of them. Deterministic, so what it finds is found again.
//
//   TARGET CORPUS_FOLDER
//
// The input that runs at the moment lies in ./TARGET.input, which stays only if that run ends
// badly.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "godwit/base/rng.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kSeed = 20;
constexpr int kMutations = 2000;
/// Mutations of one input are stacked up to this depth: one alone seldom gets past a parser's first
/// check, many leave nothing of the input.
constexpr std::int64_t kMostStacked = 4;
constexpr std::int64_t kMostInserted = 64;

/// All files of a folder in the order of their names, so that a run is the same on every machine.
std::vector<std::string> read_corpus(const fs::path& folder) {
  std::vector<fs::path> paths;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.is_regular_file()) paths.push_back(entry.path());
  }
  std::sort(paths.begin(), paths.end());
  std::vector<std::string> inputs;
  for (const auto& path : paths) {
    std::ifstream file(path, std::ios::binary);
    inputs.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
  }
  return inputs;
}

class Mutator {
 public:
  explicit Mutator(const std::vector<std::string>& corpus) : corpus_(corpus) {}

  std::string next() {
    std::string input = any_of_corpus();
    for (std::int64_t i = 1 + rng_.below(kMostStacked); i > 0; --i) mutate(input);
    return input;
  }

 private:
  void mutate(std::string& input) {
    const std::size_t at = up_to(input.size());
    switch (rng_.below(5)) {
      case 0:  // flip a bit
        if (at < input.size()) input[at] = static_cast<char>(input[at] ^ (1 << rng_.below(8)));
        break;
      case 1:  // torn: cut off
        input.resize(at);
        break;
      case 2:  // lose a piece from the middle
        input.erase(at, up_to(input.size() - at));
        break;
      case 3:  // insert a run of one byte: length fields, nesting, long tokens
        input.insert(at, static_cast<std::size_t>(1 + rng_.below(kMostInserted)),
                     static_cast<char>(rng_.below(256)));
        break;
      default: {  // splice: go on as another input does
        const std::string& other = any_of_corpus();
        input.replace(at, std::string::npos, other, up_to(other.size()), std::string::npos);
      }
    }
  }

  std::size_t up_to(std::size_t most) {
    return static_cast<std::size_t>(rng_.below(static_cast<std::int64_t>(most) + 1));
  }
  const std::string& any_of_corpus() {
    return corpus_[static_cast<std::size_t>(rng_.below(static_cast<std::int64_t>(corpus_.size())))];
  }

  const std::vector<std::string>& corpus_;
  godwit::Rng rng_{kSeed};
};

void run(const std::string& input, const fs::path& copy) {
  std::ofstream(copy, std::ios::binary) << input;
  LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(input.data()), input.size());
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2 || !fs::is_directory(argv[1])) {
    std::fprintf(stderr, "usage: %s CORPUS_FOLDER (an existing folder)\n", argv[0]);
    return 2;
  }
  const std::vector<std::string> corpus = read_corpus(argv[1]);
  if (corpus.empty()) {
    std::fprintf(stderr, "%s: no corpus: give it at least one valid input\n", argv[1]);
    return 2;
  }
  const fs::path copy = fs::path(argv[0]).filename() += ".input";
  std::printf("%zu inputs, %d mutations, seed %llu\n", corpus.size(), kMutations,
              static_cast<unsigned long long>(kSeed));
  for (const std::string& input : corpus) run(input, copy);
  Mutator mutator(corpus);
  for (int i = 0; i < kMutations; ++i) run(mutator.next(), copy);
  fs::remove(copy);
  return 0;
}
