#include "godwit/base/remedy.h"

#include "godwit/base/contract.h"

namespace godwit {

std::string_view to_string(Setting setting) {
  switch (setting) {
    case Setting::kConfidence:
      return "confidence";
    case Setting::kLab:
      return "lab";
    case Setting::kLink:
      return "link";
    case Setting::kMaxBytes:
      return "max_bytes";
    case Setting::kMaxDowntime:
      return "max_downtime";
    case Setting::kMaxSlowdown:
      return "max_slowdown";
    case Setting::kMaxTime:
      return "max_time";
    case Setting::kNoPostcopy:
      return "no_postcopy";
    case Setting::kNoProfile:
      return "no_profile";
    case Setting::kPrecopyMemory:
      return "precopy_memory";
    case Setting::kPrecopyStorage:
      return "precopy_storage";
    case Setting::kPrefer:
      return "prefer";
    case Setting::kQuick:
      return "quick";
    case Setting::kRehearse:
      return "rehearse";
    case Setting::kStore:
      return "store";
    case Setting::kTechnique:
      return "technique";
    case Setting::kTls:
      return "tls";
    case Setting::kVariable:
      return "variable";
  }
  contract_failure("unknown Setting");
}

Remedy::Remedy(std::string text) {
  add(std::move(text));
}

Remedy::Remedy(const char* text) {
  add(text);
}

Remedy::Remedy(std::initializer_list<Part> parts) {
  for (const Part& part : parts) add(part);
}

Remedy& Remedy::operator+=(const Remedy& more) {
  const std::vector<Part> added = more.parts_;  // `more` may be this one
  for (const Part& part : added) add(part);
  return *this;
}

void Remedy::add(Part part) {
  if (!part.setting && part.text.empty()) return;
  if (!part.setting && !parts_.empty() && !parts_.back().setting) {
    parts_.back().text += part.text;
  } else {
    parts_.push_back(std::move(part));
  }
}

std::string Remedy::text(Spelling spell) const {
  std::string line;
  for (const auto& [setting, words] : parts_) {
    if (!setting) {
      line += words;
    } else if (spell != nullptr) {
      line += spell(*setting, words);
    } else {
      line += to_string(*setting);
      if (!words.empty()) line += ' ' + words;
    }
  }
  return line;
}

}  // namespace godwit
