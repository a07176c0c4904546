#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "godwit/base/json_reader.h"
#include "godwit/schedule/problem.h"

namespace godwit::schedule {
namespace {

/// Beyond what any machine or link has, and small enough that sums of thousands stay exact.
constexpr double kMost = 1e9;

double bounded(JsonReader& in, std::string_view key, double value, double least) {
  if (value < least || value > kMost) in.reject(key, "is out of bounds");
  return in.error() ? least : value;
}

std::int64_t count(JsonReader& in, std::string_view key) {
  return static_cast<std::int64_t>(bounded(in, key, static_cast<double>(in.integer(key)), 0));
}

/// A number or a text.
std::string name(JsonReader& in, std::string_view key) {
  const Json* member = in.require(key);
  if (member == nullptr) return {};
  if (member->is_string()) return in.text(key);
  return std::to_string(in.integer(key));
}

BytesPerSecond mbit(JsonReader& in, std::string_view key) {
  return BytesPerSecond(bounded(in, key, in.number(key), 0) * 1e6 / 8);
}

class Reader {
 public:
  explicit Reader(const Json& json) : in_(json, "instance") {}

  Result<Instance> read() {
    Instance instance;
    instance.kind = in_.maybe_text("kind").value_or("");
    instance.scale = in_.maybe_text("scale").value_or("");
    instance.number = in_.maybe_integer("number").value_or(0);
    problem_ = &instance.problem;
    problem_->overhead =
        Seconds(bounded(in_, "overhead_s", in_.maybe_number("overhead_s").value_or(0), 0));
    GODWIT_CHECK_OK(each("hosts", true, [this](JsonReader& in) { host(in); }));
    GODWIT_CHECK_OK(each("switches", false, [this](JsonReader& in) { switch_capacity(in); }));
    GODWIT_CHECK_OK(each("uplinks", false, [this](JsonReader& in) { uplink(in); }));
    GODWIT_CHECK_OK(each("vms", true, [this](JsonReader& in) { vm(in); }));
    err_to_the_worst();
    GODWIT_CHECK_OK(empty_hosts());
    if (in_.error()) return fail(*in_.error());
    GODWIT_CHECK_OK(check(*problem_));
    return instance;
  }

 private:
  template <class F>
  Result<void> each(const std::string& key, bool required, F read_one) {
    if (!required && in_.find(key) == nullptr) return {};
    const Json* const list = in_.array(key);
    if (list == nullptr) return fail(*in_.error());
    for (std::size_t i = 0; i < list->size(); ++i) {
      JsonReader in((*list)[i], fmt::format("{}[{}]", key, i));
      read_one(in);
      if (in.error()) return fail(*in.error());
    }
    return {};
  }

  void host(JsonReader& in) {
    HostState host;
    host.name = name(in, "id");
    host.capacity = {count(in, "mem"), count(in, "cpu")};
    const bool online = in.maybe_boolean("online").value_or(true);
    if (!online) {
      host.usable_from = Seconds(bounded(in, "boot_s", in.number("boot_s"), 1e-9));
    }
    const BytesPerSecond rate = mbit(in, "link_mbit_per_s");
    const std::string at = in.find("switch") != nullptr ? name(in, "switch") : std::string();
    if (!hosts_.emplace(host.name, problem_->hosts.size()).second) {
      in.reject("id", fmt::format("names host {} a second time", host.name));
    }
    problem_->network.hosts.push_back({host.name, at, rate, rate});
    problem_->hosts.push_back(std::move(host));
  }

  void switch_capacity(JsonReader& in) {
    const std::string id = name(in, "id");
    if (in.number("capacity") <= 0) return;  // nobody limits it
    problem_->network.switches.push_back({id, mbit(in, "capacity")});
  }

  void uplink(JsonReader& in) {
    const BytesPerSecond rate = mbit(in, "mbit_per_s");
    problem_->network.uplinks.push_back(
        {name(in, "from_switch"), name(in, "to_switch"), rate, rate});
  }

  std::size_t host_index(JsonReader& in, std::string_view key) {
    const std::string wanted = name(in, key);
    const auto found = hosts_.find(wanted);
    if (found != hosts_.end()) return found->second;
    in.reject(key, fmt::format("names host {}, which is not listed", wanted));
    return 0;
  }

  void vm(JsonReader& in) {
    VmState vm;
    vm.name = name(in, "id");
    vm.on = host_index(in, "on");
    if (in.find("to") != nullptr) vm.to = host_index(in, "to");
    vm.takes = {count(in, "mem"), count(in, "cpu")};
    const auto megabytes = [&in](std::string_view key, double value) {
      return bounded(in, key, value, 0) * 1e6;
    };
    vm.load.memory = Bytes(static_cast<std::int64_t>(megabytes("mem_mb", in.number("mem_mb"))));
    if (in.find("hot_dirty_mb") == nullptr && in.find("cold_dirty_mb_per_s") == nullptr) {
      unknown_.push_back(problem_->vms.size());
    }
    vm.load.hot = Bytes(static_cast<std::int64_t>(
        megabytes("hot_dirty_mb", in.maybe_number("hot_dirty_mb").value_or(0))));
    vm.load.cold = BytesPerSecond(
        megabytes("cold_dirty_mb_per_s", in.maybe_number("cold_dirty_mb_per_s").value_or(0)));
    vm.fixed = in.maybe_boolean("fixed").value_or(false);
    vm.not_before =
        Seconds(bounded(in, "not_before_s", in.maybe_number("not_before_s").value_or(0), 0));
    vm.priority = in.maybe_integer("priority").value_or(0);
    vm.apart = in.maybe_text("apart").value_or("");
    vm.together = in.maybe_text("together").value_or("");
    problem_->vms.push_back(std::move(vm));
  }

  /// A VM of which nothing is known dirties as the worst that is known (Ramanathan et al., section
  /// 5).
  void err_to_the_worst() {
    double hot_share = 0;
    BytesPerSecond cold;
    for (const VmState& vm : problem_->vms) {
      if (vm.load.memory > Bytes(0)) hot_share = std::max(hot_share, vm.load.hot / vm.load.memory);
      cold = std::max(cold, vm.load.cold);
    }
    for (const std::size_t i : unknown_) {
      MemoryLoad& load = problem_->vms[i].load;
      load.hot = load.memory * Ratio(hot_share);
      load.cold = cold;
    }
  }

  Result<void> empty_hosts() {
    if (in_.find("must_end_offline") == nullptr) return {};
    const Json* const list = in_.array("must_end_offline");
    if (list == nullptr) return fail(*in_.error());
    for (const Json& id : *list) {
      if (!id.is_string() && !id.is_number_integer()) {
        return fail(ErrorCode::kCorrupt, "must_end_offline lists what is no host");
      }
      const std::string wanted =
          id.is_string() ? id.get<std::string>() : std::to_string(id.get<std::int64_t>());
      const auto found = hosts_.find(wanted);
      if (found == hosts_.end()) {
        return fail(ErrorCode::kCorrupt,
                    fmt::format("must_end_offline names host {}, which is not listed", wanted));
      }
      problem_->hosts[found->second].must_be_empty = true;
    }
    return {};
  }

  JsonReader in_;
  Problem* problem_ = nullptr;
  std::map<std::string, std::size_t> hosts_;
  std::vector<std::size_t> unknown_;  ///< VMs of whose dirtying nothing is said
};

}  // namespace

Result<Instance> read_instance(std::string_view text) {
  GODWIT_TRY(const Json json, parse_json(text));
  return Reader(json).read();
}

}  // namespace godwit::schedule
