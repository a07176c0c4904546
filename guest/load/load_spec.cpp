#include "godwit/guest/load_spec.h"

#include <algorithm>
#include <array>
#include <functional>
#include <utility>
#include <vector>

#include "godwit/guest/message.h"
#include "godwit/guest/quantity.h"

namespace godwit::guest {
namespace {

struct Kind {
  LoadKind kind;
  std::string_view name;
  std::array<std::string_view, 2> required;  // "" stands for none
  std::array<std::string_view, 4> optional;  // besides `fill`, which all take
};
constexpr std::array<Kind, kLoadKinds> kKinds{
    Kind{LoadKind::kIdle, "idle", {}, {}},
    Kind{LoadKind::kCpu, "cpu", {}, {"duty"}},
    Kind{LoadKind::kMemoryWrite,
         "memory-write",
         {"set", "rate"},
         {"pattern", "content", "words", "silent"}},
    Kind{LoadKind::kMemoryRead, "memory-read", {"set", "rate"}, {"pattern"}},
    Kind{LoadKind::kMemoryHeap, "memory-heap", {"set", "rate"}, {"pattern", "content", "block"}},
    Kind{LoadKind::kDiskWrite, "disk-write", {"set", "rate"}, {"pattern", "content", "block"}},
    Kind{LoadKind::kDiskRead, "disk-read", {"set", "rate"}, {"pattern", "cache", "block"}},
    Kind{LoadKind::kTcpSend, "tcp-send", {"peer", "rate"}, {"size"}},
    Kind{LoadKind::kTcpReceive, "tcp-receive", {"port"}, {}},
    Kind{LoadKind::kUdpSend, "udp-send", {"peer", "rate"}, {"size"}},
    Kind{LoadKind::kUdpReceive, "udp-receive", {"port"}, {}},
    Kind{LoadKind::kHttp, "http", {"port"}, {"page"}},
    Kind{LoadKind::kProgram, "program", {"name"}, {"clients"}}};

constexpr std::int64_t kMostBlockBytes = 1 << 20;  // what one request of a virtio disk can carry
constexpr std::int64_t kMostPageBytes = 1 << 20;
constexpr std::int64_t kMostClients = 64;

struct Example {
  std::string_view key;
  std::string_view text;
};
constexpr std::array<Example, 5> kExamples{
    Example{"set", "set=64MiB"}, Example{"rate", "rate=10MB/s or rate=full"},
    Example{"peer", "peer=10.77.0.1:9000"}, Example{"port", "port=9000"},
    Example{"name", "name=redis"}};

template <class T>
struct Choice {
  std::string_view name;
  T value;
};
constexpr std::array kPatterns{Choice<Pattern>{"uniform", Pattern::kUniform},
                               Choice<Pattern>{"sequential", Pattern::kSequential},
                               Choice<Pattern>{"hot-cold", Pattern::kHotCold}};
constexpr std::array kContents{Choice<Content>{"random", Content::kRandom},
                               Choice<Content>{"compressible", Content::kCompressible},
                               Choice<Content>{"zero", Content::kZero}};
constexpr std::array kPrograms{
    Choice<Program>{"redis", Program::kRedis}, Choice<Program>{"postgres", Program::kPostgres},
    Choice<Program>{"nginx", Program::kNginx}, Choice<Program>{"compile", Program::kCompile}};
constexpr std::array kCaches{Choice<bool>{"page", true}, Choice<bool>{"none", false}};

const Kind& kind_of(LoadKind kind) {
  return *std::ranges::find(kKinds, kind, &Kind::kind);
}

// Names as people list them: "a, b or c".
template <class Range, class Name>
std::string listed(const Range& range, Name name) {
  std::string text;
  const std::size_t size = range.size();
  for (std::size_t i = 0; i < size; ++i) {
    if (i > 0) text += i + 1 == size ? " or " : ", ";
    text += std::invoke(name, range[i]);
  }
  return text;
}

std::vector<std::string_view> keys_of(const Kind& kind) {
  std::vector<std::string_view> keys;
  for (const std::string_view key : kind.required) {
    if (!key.empty()) keys.push_back(key);
  }
  for (const std::string_view key : kind.optional) {
    if (!key.empty()) keys.push_back(key);
  }
  keys.emplace_back("fill");
  return keys;
}

class SpecParser {
 public:
  explicit SpecParser(std::string_view whole) : whole_(whole) {}

  ParsedLoad run(std::string_view text) {
    const auto parts = split(text, ',');
    bool good = parse_kind(parts.front());
    for (std::size_t i = 1; good && i < parts.size(); ++i) good = parse_option(parts[i]);
    if (!good || !check_complete(text)) return {std::nullopt, std::move(error_)};
    return {spec_, {}};
  }

 private:
  bool fail(std::string_view where, const std::string& what) {
    error_ = "character " + std::to_string(where.data() - whole_.data() + 1) + ": " + what;
    return false;
  }

  bool parse_kind(std::string_view name) {
    const auto found = std::ranges::find(kKinds, name, &Kind::name);
    if (found == kKinds.end()) {
      return fail(name, "unknown load " + quoted(name) + ": " + listed(kKinds, &Kind::name));
    }
    kind_ = &*found;
    spec_.kind = kind_->kind;
    return true;
  }

  bool parse_option(std::string_view option) {
    const std::size_t equals = option.find('=');
    if (equals == std::string_view::npos) {
      return fail(option, quoted(option) + " is not key=value");
    }
    const std::string_view key = option.substr(0, equals);
    const auto keys = keys_of(*kind_);
    if (std::ranges::find(keys, key) == keys.end()) {
      return fail(key, std::string(kind_->name) + " has no key " + quoted(key) + ": " +
                           listed(keys, std::identity{}));
    }
    if (seen(key)) return fail(key, quoted(key) + " stands twice");
    seen_.push_back(key);
    return parse_value(key, option.substr(equals + 1));
  }

  bool parse_value(std::string_view key, std::string_view value) {
    if (key == "fill") return take(key, value, parse_size(value), spec_.fill_bytes);
    if (key == "set") return take(key, value, parse_size(value), spec_.set_bytes);
    if (key == "rate") return take(key, value, parse_rate(value), spec_.rate_bytes_per_s);
    if (key == "pattern") return choose(key, value, kPatterns, spec_.pattern);
    if (key == "content") return choose(key, value, kContents, spec_.content);
    if (key == "cache") return choose(key, value, kCaches, spec_.page_cache);
    if (key == "words") {
      return take(key, value, parse_whole(value, 1, kPageWords), spec_.words_per_page);
    }
    if (key == "duty") return parse_duty(value);
    if (key == "silent") return parse_share(key, value, 100, spec_.silent_percent);
    if (key == "block") return take(key, value, parse_size(value), spec_.block_bytes);
    if (key == "peer") return parse_peer(value);
    if (key == "port") return take(key, value, parse_whole(value, 1, 65535), spec_.port);
    if (key == "size") return take(key, value, parse_size(value), spec_.message_bytes);
    if (key == "name") return choose(key, value, kPrograms, spec_.program);
    if (key == "clients") {
      return take(key, value, parse_whole(value, 1, kMostClients), spec_.clients);
    }
    return take(key, value, parse_size(value), spec_.page_bytes);
  }

  template <class T>
  bool take(std::string_view key, std::string_view value, const Parsed<T>& parsed, T& into) {
    if (!parsed.value) return fail(value, std::string(key) + ": " + parsed.error);
    into = *parsed.value;
    return true;
  }

  template <class T, std::size_t kSize>
  bool choose(std::string_view key, std::string_view value,
              const std::array<Choice<T>, kSize>& choices, T& into) {
    const auto found = std::ranges::find(choices, value, &Choice<T>::name);
    if (found == choices.end()) {
      return fail(value, "unknown " + std::string(key) + " " + quoted(value) + ": " +
                             listed(choices, &Choice<T>::name));
    }
    into = found->value;
    return true;
  }

  bool parse_duty(std::string_view value) {
    if (value == "full" || value == "100%") return true;
    std::int64_t percent = 0;
    if (!parse_share("duty", value, 99, percent)) return false;
    spec_.duty_percent = percent;
    return true;
  }

  bool parse_share(std::string_view key, std::string_view value, std::int64_t most,
                   std::int64_t& into) {
    if (!value.ends_with('%')) {
      return fail(value, std::string(key) + ": " + quoted(value) + " is no share: for example 30%");
    }
    return take(key, value, parse_whole(value.substr(0, value.size() - 1), 1, most), into);
  }

  bool parse_peer(std::string_view value) {
    const std::size_t colon = value.find(':');
    if (colon == std::string_view::npos) {
      return fail(value, "peer: " + quoted(value) + " has no port: for example 10.77.0.1:9000");
    }
    return take("peer", value, parse_ip(value.substr(0, colon)), spec_.peer_ip) &&
           take("peer", value, parse_whole(value.substr(colon + 1), 1, 65535), spec_.port);
  }

  [[nodiscard]] bool seen(std::string_view key) const {
    return std::ranges::find(seen_, key) != seen_.end();
  }

  bool within(std::string_view where, std::string_view key, std::int64_t bytes, std::int64_t least,
              std::int64_t most) {
    if (bytes >= least && bytes <= most) return true;
    return fail(where, std::string(key) + " must be from " + format_size(least) + " to " +
                           format_size(most));
  }

  bool check_complete(std::string_view text) {
    for (const std::string_view key : kind_->required) {
      if (key.empty() || seen(key)) continue;
      const auto example = std::ranges::find(kExamples, key, &Example::key);
      return fail(text, std::string(kind_->name) + " needs " + std::string(key) + ", for example " +
                            std::string(example->text));
    }
    if (seen("set") && spec_.set_bytes < kPageBytes) {
      return fail(text, "set must be at least one page, 4KiB");
    }
    if (spec_.block_bytes % kPageBytes != 0) {
      return fail(text, "block must be whole pages of 4KiB");
    }
    return within(text, "block", spec_.block_bytes, kPageBytes, kMostBlockBytes) &&
           within(text, "size", spec_.message_bytes, kMessageHeaderBytes, kMostMessageBytes) &&
           within(text, "page", spec_.page_bytes, 1, kMostPageBytes);
  }

  std::string_view whole_;
  const Kind* kind_ = nullptr;
  LoadSpec spec_;
  std::vector<std::string_view> seen_;
  std::string error_;
};

template <class T, std::size_t kSize>
std::string chosen(const std::array<Choice<T>, kSize>& choices, T value) {
  return std::string(std::ranges::find(choices, value, &Choice<T>::value)->name);
}

std::string format_value(const LoadSpec& spec, std::string_view key) {
  if (key == "fill") return format_size(spec.fill_bytes);
  if (key == "set") return format_size(spec.set_bytes);
  if (key == "rate") {
    return spec.rate_bytes_per_s ? format_size(*spec.rate_bytes_per_s) + "/s" : "full";
  }
  if (key == "pattern") return chosen(kPatterns, spec.pattern);
  if (key == "content") return chosen(kContents, spec.content);
  if (key == "cache") return chosen(kCaches, spec.page_cache);
  if (key == "words") return std::to_string(spec.words_per_page);
  if (key == "silent") return std::to_string(spec.silent_percent) + "%";
  if (key == "duty") return spec.duty_percent ? std::to_string(*spec.duty_percent) + "%" : "full";
  if (key == "block") return format_size(spec.block_bytes);
  if (key == "peer") return format_ip(spec.peer_ip) + ":" + std::to_string(spec.port);
  if (key == "port") return std::to_string(spec.port);
  if (key == "size") return format_size(spec.message_bytes);
  if (key == "name") return std::string(name_of(spec.program));
  if (key == "clients") return std::to_string(spec.clients);
  return format_size(spec.page_bytes);
}

}  // namespace

std::string_view name_of(LoadKind kind) {
  return kind_of(kind).name;
}

std::string_view name_of(Program program) {
  return std::ranges::find(kPrograms, program, &Choice<Program>::value)->name;
}

ParsedLoad parse_load_spec(std::string_view text, std::string_view whole) {
  return SpecParser(whole).run(text);
}

std::string format_load_spec(const LoadSpec& spec) {
  const Kind& kind = kind_of(spec.kind);
  std::string text(kind.name);
  for (const std::string_view key : keys_of(kind)) {
    const std::string value = format_value(spec, key);
    const bool required = std::ranges::find(kind.required, key) != kind.required.end();
    if (!required && value == format_value(LoadSpec{}, key)) continue;
    text += "," + std::string(key) + "=" + value;
  }
  return text;
}

}  // namespace godwit::guest
