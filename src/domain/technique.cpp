#include "godwit/domain/technique.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

namespace godwit {
namespace {

enum Part : unsigned {
  kStreams = 1,
  kCodec = 2,
  kThrottle = 4,
  kEnding = 8,
  kStorage = 16,
};

/// What a word says: these parts, as they are in `value`.
struct Word {
  std::string_view name;
  unsigned parts;
  Technique value;
};

constexpr Technique kZlib{.codec = Codec::kZlib};
constexpr Technique kZstd{.codec = Codec::kZstd};
constexpr Technique kWithStorage{.storage = true};

/// The one table of names. What is written is the first that fits, so longer ones come first; and
/// the order is that of the parts.
constexpr std::array kWords{
    Word{"multifd-zlib", kStreams | kCodec, Technique::kMultifdZlib},
    Word{"multifd-zstd", kStreams | kCodec, Technique::kMultifdZstd},
    Word{"cold-zstd", kCodec | kEnding, Technique::kColdZstd},
    Word{"multifd", kStreams, Technique::kMultifd},
    Word{"xbzrle", kCodec, Technique::kXbzrle},
    Word{"compress", kCodec, Technique::kCompress},
    Word{"zlib", kCodec, kZlib},
    Word{"zstd", kCodec, kZstd},
    Word{"auto-converge", kThrottle, Technique::kAutoConverge},
    Word{"precopy", kEnding, Technique::kPrecopy},
    Word{"postcopy", kEnding, Technique::kPostcopy},
    Word{"hybrid", kEnding, Technique::kHybrid},
    Word{"stop-and-copy", kEnding, Technique::kStopAndCopy},
    Word{"cold", kEnding, Technique::kCold},
    Word{"storage", kStorage, kWithStorage},
};

constexpr void copy_parts(unsigned parts, const Technique& from, Technique& to) {
  if ((parts & kStreams) != 0) to.streams = from.streams;
  if ((parts & kCodec) != 0) to.codec = from.codec;
  if ((parts & kThrottle) != 0) to.throttle = from.throttle;
  if ((parts & kEnding) != 0) to.ending = from.ending;
  if ((parts & kStorage) != 0) to.storage = from.storage;
}

/// The parts in which two differ.
unsigned difference(const Technique& a, const Technique& b) {
  unsigned parts = 0;
  if (a.streams != b.streams) parts |= kStreams;
  if (a.codec != b.codec) parts |= kCodec;
  if (a.throttle != b.throttle) parts |= kThrottle;
  if (a.ending != b.ending) parts |= kEnding;
  if (a.storage != b.storage) parts |= kStorage;
  return parts;
}

std::string_view subject_of(unsigned parts) {
  if ((parts & kStreams) != 0) return "over what memory is sent";
  if ((parts & kCodec) != 0) return "how pages are coded";
  if ((parts & kThrottle) != 0) return "how the guest is slowed";
  if ((parts & kEnding) != 0) return "how it ends";
  return "that the disks move along";
}

/// Puts a name together, word by word.
class Reading {
 public:
  Result<void> add(std::string_view text) {
    const auto* const word = std::find_if(kWords.begin(), kWords.end(),
                                          [text](const Word& one) { return one.name == text; });
    if (word == kWords.end()) {
      return fail(ErrorCode::kBadInput, fmt::format("unknown technique '{}'", text),
                  fmt::format("choose one of {}; words that say different things can be joined, "
                              "as in multifd-zstd+auto-converge",
                              technique_words()));
    }
    for (const Word* earlier : words_) {
      const unsigned twice = earlier->parts & word->parts;
      if (twice == 0) continue;
      return fail(
          ErrorCode::kBadInput,
          fmt::format("'{}' and '{}' both say {}", earlier->name, word->name, subject_of(twice)),
          "leave one of them out");
    }
    words_.push_back(word);
    copy_parts(word->parts, word->value, value_);
    return {};
  }
  [[nodiscard]] Technique value() const { return value_; }

 private:
  std::vector<const Word*> words_;
  Technique value_;
};

}  // namespace

std::string to_string(Technique technique) {
  unsigned unsaid = difference(technique, Technique::kPrecopy);
  std::string name = (unsaid & ~kStorage) == 0 ? "precopy" : "";
  for (const Word& word : kWords) {
    const bool said = (word.parts & ~unsaid) != 0;
    if (said || (difference(word.value, technique) & word.parts) != 0) continue;
    name += fmt::format("{}{}", name.empty() ? "" : "+", word.name);
    unsaid &= ~word.parts;
  }
  return name;
}

Result<Technique> parse_technique(std::string_view name) {
  Reading reading;
  for (std::size_t begin = 0; begin <= name.size();) {
    const std::size_t end = std::min(name.find('+', begin), name.size());
    const auto read = reading.add(name.substr(begin, end - begin));
    const bool joined = begin > 0 || end < name.size();
    if (!read)
      return fail(joined ? read.error().while_doing(fmt::format("'{}'", name)) : read.error());
    begin = end + 1;
  }
  return reading.value();
}

std::string technique_words() {
  std::string words;
  for (const Technique preset : kLivePresets) {
    words += fmt::format("{}{}", words.empty() ? "" : ", ", to_string(preset));
  }
  return words;
}

}  // namespace godwit
