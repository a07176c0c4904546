#include "libvirt_hosts.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <cstdlib>
#include <functional>
#include <stdexcept>

#include "godwit/base/process.h"
#include "godwit/libvirt/domain.h"
#include "patience.h"
#include "start_program.h"

namespace godwit::e2e {
namespace {

void await(Clock& clock, const std::string& what, const std::function<bool()>& come) {
  if (!comes(clock, come)) throw std::runtime_error(what + " did not come");
}

template <class T>
T must(Result<T> result) {
  if (!result) throw std::runtime_error(result.error().message);
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

}  // namespace

std::string LibvirtHosts::why_not() {
  if (::geteuid() != 0) return "needs root";
  for (const char* program : {"libvirtd", "virsh", "qemu-system-x86_64"}) {
    if (!program_path(program)) return std::string("needs ") + program;
  }
  return "";
}

LibvirtHosts::LibvirtHosts(std::size_t hosts)
    : lab_(must(libvirt_lab::LibvirtLab::up(clock_, hosts, {}))) {
  if (const char* const before = ::getenv("XDG_STATE_HOME")) state_home_ = before;
  ::setenv("XDG_STATE_HOME", (lab_->folder() + "/state").c_str(), 1);
}

LibvirtHosts::LibvirtHosts(const std::string& load) : LibvirtHosts(std::size_t{2}) {
  start(0, {.load = load});
}

LibvirtHosts::~LibvirtHosts() {
  if (state_home_.empty()) {
    ::unsetenv("XDG_STATE_HOME");
  } else {
    ::setenv("XDG_STATE_HOME", state_home_.c_str(), 1);
  }
}

void LibvirtHosts::start(std::size_t host, const libvirt_lab::DomainSpec& spec) {
  must(lab_->start_domain(host, spec, {}));
}

Finished LibvirtHosts::try_on(std::size_t host, const std::vector<std::string>& words) {
  std::vector<std::string> all{"nsenter", "--net",    "--pid",
                               "--mount", "--target", std::to_string(lab_->init_of(host))};
  all.insert(all.end(), words.begin(), words.end());
  Process process = must(Process::start({program_path("nsenter").value(), all}));
  (void)process.follow(clock_, clock_.now() + kPatience, {});
  const bool well = process.end() && process.end()->well();
  return {well ? 0 : 1, process.out(), process.err()};
}

void LibvirtHosts::on(std::size_t host, const std::vector<std::string>& words) {
  const Finished finished = try_on(host, words);
  if (finished.status == 0) return;
  throw std::runtime_error(fmt::format("{}: {}", fmt::join(words, " "), finished.err));
}

pid_t LibvirtHosts::qemu() {
  const auto domain = must(libvirt::LibvirtDomain::connect({lab_->uri(0), "vm"}, clock_));
  return static_cast<pid_t>(must(domain->describe()).pid);
}

void LibvirtHosts::start_daemon(Side side) {
  must(lab_->start_daemon(index(side), {}));
}

void LibvirtHosts::signal_daemon(Side side, const char* signal) {
  // its number is that of its own namespace
  on(index(side), {"kill", signal, first_line(lab_->folder_of(index(side)) + "/libvirtd.number")});
}

void LibvirtHosts::kill_daemon(Side side) {
  signal_daemon(side, "-9");
  await(clock_, "the daemon's end", [&] { return try_virsh(side, {"list"}).status != 0; });
}

void LibvirtHosts::kill_qemu(Side side) {
  on(index(side), {"pkill", "-9", "-f", "guest=vm,"});
}

std::string LibvirtHosts::another_domain(const std::string& name) {
  return must(lab_->definition({.name = name}));
}

/// What is mounted over it stays unseen on the other host.
void LibvirtHosts::hide_console(Side side) {
  on(index(side), {"mount", "-t", "tmpfs", "-o", "ro", "none", lab_->folder() + "/guests"});
}

/// The source's as somebody on it names it; the destination's as another host does.
std::string LibvirtHosts::uri(Side side) const {
  return side == Side::kSource ? lab_->uri(0) : lab_->uri_from_afar(1);
}

std::vector<std::string> LibvirtHosts::migrate(const std::vector<std::string>& more) const {
  std::vector<std::string> words{"migrate", vm(Side::kSource), destination(), "--json",
                                 "--store", store(),           "--no-profile"};
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

std::unique_ptr<GodwitProgram> LibvirtHosts::begin(std::vector<std::string> more) {
  more.insert(more.end(), {"--link", "4MB/s"});
  auto running = std::make_unique<GodwitProgram>(migrate(more));
  await_sent(1);
  return running;
}

Finished LibvirtHosts::try_virsh(std::size_t host, const std::vector<std::string>& words) {
  const libvirt_lab::Said said = must(lab_->virsh(host, words));
  return {said.well ? 0 : 1, said.out, said.err};
}

std::string LibvirtHosts::virsh(std::size_t host, const std::vector<std::string>& words) {
  const Finished finished = try_virsh(host, words);
  if (finished.status != 0) {
    throw std::runtime_error("virsh " + words.front() + ": " + finished.err);
  }
  return finished.out;
}

std::string LibvirtHosts::state(std::size_t host, const std::string& domain) {
  const Finished said = try_virsh(host, {"domstate", "--reason", domain});
  return said.status == 0 ? said.out.substr(0, said.out.find('\n')) : "none";
}

std::vector<int> LibvirtHosts::places(const std::vector<std::string>& domains) {
  std::vector<int> at;
  for (const std::string& domain : domains) {
    int found = -1, count = 0;
    for (std::size_t host = 0; host < lab_->hosts(); ++host) {
      if (!state(host, domain).starts_with("running")) continue;
      found = static_cast<int>(host);
      ++count;
    }
    at.push_back(count == 1 ? found : -1);
  }
  return at;
}

void LibvirtHosts::await_state(Side side, const std::string& begin) {
  await(clock_, begin, [&] { return state(side).starts_with(begin); });
}

void LibvirtHosts::await_job() {
  await(clock_, "a job", [&] {
    const std::string said = try_virsh(Side::kSource, {"domjobinfo", "vm"}).out;
    return said.find("Job type:") != std::string::npos && said.find("None") == std::string::npos;
  });
}

void LibvirtHosts::await_no_job() {
  await(clock_, "the job's end", [&] {
    return try_virsh(Side::kSource, {"domjobinfo", "vm"}).out.find("None") != std::string::npos;
  });
}

void LibvirtHosts::await_sent(double mib) {
  await(clock_, "so much sent", [&] {
    const Finished said = try_virsh(Side::kSource, {"domjobinfo", "vm", "--rawstats"});
    const std::string mark = "memory_processed: ";
    const std::size_t at = said.out.find(mark);
    return said.status == 0 && at != std::string::npos &&
           std::stod(said.out.substr(at + mark.size())) >= mib * 1024 * 1024;
  });
}

bool LibvirtHosts::works(const std::string& domain) {
  lab::LabGuestCheck check(lab_->files_of(domain), lab_->files_of(domain));
  const auto work = [&check] {
    const auto vitals = check.look(Side::kSource);
    return vitals ? vitals->work.value_or(0) : 0;
  };
  const std::int64_t before = work();
  return comes(clock_, [&] { return work() > before; });
}

}  // namespace godwit::e2e
