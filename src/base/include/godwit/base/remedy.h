#pragma once

#include <array>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace godwit {

/// What a person can set. How it is spelt depends on how Godwit is used: the command line makes an
/// option of it, a server a member of a request.
enum class Setting {
  kConfidence,      ///< how likely a time that is asked for must be kept
  kLab,             ///< the lab that is meant
  kLink,            ///< the rate of the link
  kMaxBytes,        ///< the intent's limit of bytes
  kMaxDowntime,     ///< the intent's limit of downtime
  kMaxSlowdown,     ///< the intent's limit of the guest's slowdown
  kMaxTime,         ///< the intent's limit of total time
  kNoPostcopy,      ///< that post-copy is excluded
  kNoProfile,       ///< that the VM is not observed, and nothing predicted
  kPrecopyMemory,   ///< the share of memory that is sent before post-copy
  kPrecopyStorage,  ///< the share of the disks that is copied beforehand
  kPrefer,          ///< what the intent prefers among the techniques that meet it
  kQuick,           ///< that learning is not judged
  kRehearse,        ///< that the profile comes from a rehearsal
  kStore,           ///< the file of outcomes, or the folder of a run
  kTechnique,       ///< the technique that is meant
  kTls,             ///< that libvirt encrypts what it sends
  kVariable,        ///< a variable of a hypervisor's command-line profile, as NAME=VALUE
};
inline constexpr std::array kAllSettings{
    Setting::kConfidence,  Setting::kLab,           Setting::kLink,           Setting::kMaxBytes,
    Setting::kMaxDowntime, Setting::kMaxSlowdown,   Setting::kMaxTime,        Setting::kNoPostcopy,
    Setting::kNoProfile,   Setting::kPrecopyMemory, Setting::kPrecopyStorage, Setting::kPrefer,
    Setting::kQuick,       Setting::kRehearse,      Setting::kStore,          Setting::kTechnique,
    Setting::kTls,         Setting::kVariable};

/// The setting's name, in words joined by '_': "max_downtime".
[[nodiscard]] std::string_view to_string(Setting setting);

/// The next step for a person: one line of text in which settings stand as values, so that no
/// module needs to know how they are spelt. Thread-safe as a std::string is.
class Remedy {
 public:
  /// A piece of text, or a setting with the value that it should have.
  struct Part {
    Part(std::string words) : text(std::move(words)) {}  // NOLINT(google-explicit-constructor)
    Part(const char* words) : text(words) {}             // NOLINT(google-explicit-constructor)
    /// `value` as a person writes it ("40ms"); empty where the setting is only named.
    Part(Setting named, std::string value = {})  // NOLINT(google-explicit-constructor)
        : setting(named), text(std::move(value)) {}

    std::optional<Setting> setting;
    std::string text;  ///< the words, or the setting's value
    friend bool operator==(const Part&, const Part&) = default;
  };
  using Spelling = std::string (*)(Setting setting, std::string_view value);

  Remedy() = default;
  Remedy(std::string text);  // NOLINT(google-explicit-constructor): most have no setting
  Remedy(const char* text);  // NOLINT(google-explicit-constructor)
  Remedy(std::initializer_list<Part> parts);
  Remedy& operator+=(const Remedy& more);

  [[nodiscard]] bool empty() const { return parts_.empty(); }
  /// Neighbouring words are one part; no part is empty.
  [[nodiscard]] const std::vector<Part>& parts() const { return parts_; }
  /// The line, with each setting as `spell` writes it; without one "max_downtime 40ms".
  [[nodiscard]] std::string text(Spelling spell = nullptr) const;
  explicit operator std::string() const { return text(); }

  friend bool operator==(const Remedy&, const Remedy&) = default;

 private:
  void add(Part part);

  std::vector<Part> parts_;
};

}  // namespace godwit
