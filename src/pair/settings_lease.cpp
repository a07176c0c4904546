#include "settings_lease.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <string_view>

#include "godwit/base/log.h"

namespace godwit::pair {
namespace {

/// A lost answer is no reason to leave anything behind.
constexpr int kTries = 3;

/// Calls `use` with the name and the member of each parameter that can be borrowed.
template <class Use>
void for_each_parameter(const Use& use) {
  using P = MigrationParameters;
  use("max-bandwidth", &P::max_bandwidth);
  use("max-postcopy-bandwidth", &P::max_postcopy_bandwidth);
  use("avail-switchover-bandwidth", &P::avail_switchover_bandwidth);
  use("downtime-limit", &P::downtime_limit);
  use("xbzrle-cache-size", &P::xbzrle_cache);
  use("multifd-channels", &P::multifd_channels);
  use("multifd-compression", &P::multifd_compression);
  use("cpu-throttle-initial", &P::throttle_initial_percent);
  use("cpu-throttle-increment", &P::throttle_increment_percent);
  use("max-cpu-throttle", &P::max_throttle_percent);
}

/// Of `before`, what `changed` touches.
MigrationParameters touched(const MigrationParameters& before, const MigrationParameters& changed) {
  MigrationParameters p;
  for_each_parameter([&](std::string_view, auto member) {
    if (changed.*member) p.*member = before.*member;
  });
  return p;
}

double number(BytesPerSecond value) {
  return value.value();
}
double number(Seconds value) {
  return Milliseconds(value).count();
}
double number(Bytes value) {
  return value.as_double();
}

/// QEMU rounds times, sizes and rates to whole numbers of its units.
template <class T>
bool equal(const T& a, const T& b) {
  return std::abs(number(a) - number(b)) <= 1;
}
bool equal(const std::string& a, const std::string& b) {
  return a == b;
}
bool equal(int a, int b) {  // counts and percentages are what they are
  return a == b;
}

}  // namespace

Result<Lease> SettingsLease::plan(const control::Settings& settings) {
  settings_ = settings;
  Lease lease;
  GODWIT_TRY(lease.before.on, side_.capabilities());
  GODWIT_TRY(const MigrationParameters parameters, side_.parameters());
  lease.before.parameters = touched(parameters, settings.parameters);
  lease.borrowed.on = lease.before.on;
  for (const Capability unwanted : settings.off) lease.borrowed.on.erase(unwanted);
  lease.borrowed.on.insert(settings.on.begin(), settings.on.end());
  lease.borrowed.parameters = settings.parameters;
  lease_ = lease;
  return lease;
}

Result<void> SettingsLease::take() {
  taken_ = true;  // what fails half-way is given back, too
  const CapabilitySet& before = lease_->before.on;
  const CapabilitySet& wanted = lease_->borrowed.on;
  CapabilitySet on;
  CapabilitySet off;
  std::set_difference(wanted.begin(), wanted.end(), before.begin(), before.end(),
                      std::inserter(on, on.end()));
  std::set_difference(before.begin(), before.end(), wanted.begin(), wanted.end(),
                      std::inserter(off, off.end()));
  GODWIT_CHECK_OK(side_.set_capabilities(on, off));
  return side_.set_parameters(settings_.parameters);
}

Result<bool> SettingsLease::widen(const MigrationParameters& parameters) {
  if (!lease_) return fail(ErrorCode::kUnsupported, "nothing was borrowed that could be changed");
  bool wider = false;
  for_each_parameter([&](std::string_view, auto member) {
    const bool has_it = lease_->before.parameters.*member && !(lease_->borrowed.parameters.*member);
    wider = wider || (parameters.*member && !has_it);
  });
  if (!wider) return false;
  GODWIT_TRY(const MigrationParameters now, side_.parameters());
  for_each_parameter([&](std::string_view, auto member) {
    if (!(parameters.*member)) return;
    auto& before = lease_->before.parameters.*member;
    if (!before) before = now.*member;
    (lease_->borrowed.parameters.*member).reset();  // given back whatever it is by then
  });
  return true;
}

bool SettingsLease::give_back() {
  if (!taken_ || !lease_) return true;
  // Whoever borrowed them knows that they are his, whatever they were changed to since.
  const Lease mine{lease_->before, {lease_->borrowed.on, {}}};
  auto given = pair::give_back(side_, mine);
  for (int i = 1; !given && i < kTries; ++i) given = pair::give_back(side_, mine);
  if (!given) {
    log::warning("migration settings could not be given back: {}", given.error().message);
    return false;
  }
  taken_ = false;
  lease_.reset();
  return true;
}

namespace {

struct Switches {
  CapabilitySet on;
  CapabilitySet off;
};

/// What is still as it was borrowed, to be switched back.
Switches switched(const Lease& lease, const CapabilitySet& now) {
  Switches back;
  for (const Capability one : lease.before.on) {
    if (!lease.borrowed.on.contains(one) && !now.contains(one)) back.on.insert(one);
  }
  for (const Capability one : lease.borrowed.on) {
    if (!lease.before.on.contains(one) && now.contains(one)) back.off.insert(one);
  }
  return back;
}

}  // namespace

Result<std::vector<std::string>> give_back(Hypervisor& side, const Lease& lease) {
  GODWIT_TRY(const CapabilitySet on, side.capabilities());
  GODWIT_TRY(const MigrationParameters now, side.parameters());
  const Switches back = switched(lease, on);
  // Capabilities are switched before all else, and back after all else.
  const bool all_is_back =
      back.on.empty() && back.off.empty() && lease.before.on != lease.borrowed.on;
  std::vector<std::string> given;
  MigrationParameters parameters;
  for_each_parameter([&](std::string_view name, auto member) {
    const auto& before = lease.before.parameters.*member;
    const auto& borrowed = lease.borrowed.parameters.*member;
    const auto& is = now.*member;
    if (!before || !is || equal(*is, *before)) return;
    const bool still_ours = borrowed ? equal(*is, *borrowed) : !all_is_back;
    if (!still_ours) return;  // somebody else changed it since
    parameters.*member = before;
    given.emplace_back(name);
  });
  GODWIT_CHECK_OK(side.set_parameters(parameters));
  GODWIT_CHECK_OK(side.set_capabilities(back.on, back.off));
  for (const Capability one : back.on) given.emplace_back(to_string(one));
  for (const Capability one : back.off) given.emplace_back(to_string(one));
  return given;
}

}  // namespace godwit::pair
