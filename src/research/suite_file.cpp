#include "suite_file.h"

#include <fmt/format.h>

#include "godwit/guest/load_plan.h"
#include "godwit/terminal/shipped_files.h"

namespace godwit::research {
namespace {

Result<void> check_loads(const bench::Suite& suite) {
  for (const bench::Cell& cell : bench::shuffled_cells(suite, 0)) {
    const guest::ParsedPlan parsed = guest::parse_load_plan(cell.spec);
    if (parsed.plan) continue;
    return fail(ErrorCode::kBadInput,
                fmt::format("load '{}' ({}): {}", cell.load, cell.spec, parsed.error),
                "guest/README.md says what loads there are");
  }
  return {};
}

}  // namespace

Result<bench::Suite> read_suite(const std::string& name) {
  const auto path = terminal::named_toml("suites", name);
  GODWIT_TRY(
      const std::string text,
      terminal::read_text(path, "give a suite's file, or the name of one in the folder suites"));
  auto suite = bench::parse_suite(text);
  if (!suite) return fail(suite.error().while_doing(path.native()));
  if (auto good = check_loads(*suite); !good) return fail(good.error().while_doing(path.native()));
  return suite;
}

}  // namespace godwit::research
