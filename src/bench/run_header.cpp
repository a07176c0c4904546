#include "godwit/bench/run_header.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "godwit/base/json_reader.h"

namespace godwit::bench {
namespace {

constexpr std::int64_t kVersion = 1;

Result<HostFacts> read_host(const Json& json) {
  JsonReader in(json, "host");
  HostFacts host;
  host.cpu = in.text("cpu");
  host.cores = static_cast<int>(in.integer("cores"));
  host.memory = in.bytes("memory_bytes");
  host.kernel = in.text("kernel");
  if (in.error()) return fail(*in.error());
  return host;
}

}  // namespace

Json to_json(const RunHeader& header) {
  return Json{{"version", kVersion},
              {"name", header.name},
              {"toml", header.toml},
              {"seed", std::to_string(header.seed)},  // text: JSON's numbers end at 2^53
              {"godwit", header.godwit},
              {"host",
               {{"cpu", header.host.cpu},
                {"cores", header.host.cores},
                {"memory_bytes", header.host.memory.count()},
                {"kernel", header.host.kernel}}}};
}

Result<RunHeader> header_from_json(const Json& json) {
  JsonReader in(json, "run");
  const std::int64_t version = in.integer("version");
  if (!in.error() && version != kVersion) {
    return fail(ErrorCode::kCorrupt, fmt::format("trials of version {}", version),
                fmt::format("this godwit reads version {}; use the one that wrote them", kVersion));
  }
  RunHeader header;
  header.name = in.text("name");
  header.toml = in.text("toml");
  header.godwit = in.text("godwit");
  const std::string seed = in.text("seed");
  const bool digits = !seed.empty() && seed.size() <= 20 &&
                      seed.find_first_not_of("0123456789") == std::string::npos;
  if (!digits) in.reject("seed", "is no number");
  const Json* host = in.require("host");
  if (in.error()) return fail(*in.error());
  header.seed = std::strtoull(seed.c_str(), nullptr, 10);
  GODWIT_TRY(header.host, read_host(*host));
  return header;
}

Result<void> same_work(const RunHeader& kept, const RunHeader& wanted) {
  if (kept.name == wanted.name && kept.toml == wanted.toml) return {};
  return fail(ErrorCode::kBadInput,
              kept.name == wanted.name
                  ? fmt::format("it holds an earlier text of the suite {}", kept.name)
                  : fmt::format("it holds trials of {}, not of {}", kept.name, wanted.name),
              {"name another folder with ", Setting::kStore, ", or remove this one"});
}

}  // namespace godwit::bench
