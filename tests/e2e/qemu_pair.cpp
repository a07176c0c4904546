#include "qemu_pair.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <regex>
#include <sstream>
#include <stdexcept>

#include "godwit/base/process.h"
#include "godwit/base/unique_fd.h"

namespace godwit::e2e {
namespace {

namespace fs = std::filesystem;

constexpr Seconds kAnswer{20};  // of a monitor, which may be mute
constexpr int kPort = 4444;     // on hosts of their own
constexpr int kNextPorts = 3;   // after it, where disks are served
constexpr const char* kNamespace = "godwit-pair-";

bool ip(const std::string& words) {
  RealClock clock;
  ProcessSpec spec{program_path("ip").value_or("ip"), {"ip"}};
  std::istringstream in(words);
  for (std::string word; in >> word;) spec.arguments.push_back(word);
  auto process = Process::start(spec);
  if (!process) return false;
  (void)process->follow(clock, clock.now() + kAnswer, {});
  return process->end() && process->end()->well();
}

void must_ip(const std::string& words) {
  if (!ip(words)) throw std::runtime_error("ip " + words + " failed");
}

/// Those of a test that was killed.
void remove_stale_namespaces() {
  std::error_code none;
  for (const auto& entry : fs::directory_iterator("/run/netns", none)) {
    const std::string name = entry.path().filename();
    if (!name.starts_with(kNamespace)) continue;
    const std::string pid = name.substr(std::string(kNamespace).size());
    if (!fs::exists("/proc/" + pid.substr(0, pid.find('-')))) (void)ip("netns delete " + name);
  }
}

/// What restores a guest that booted with this command line; empty where it must boot each time,
/// since it shares with the outside what a stored state does not hold.
std::string booted_file(const std::vector<std::string>& words) {
  std::string key = text_of(image("stamp"));
  key += std::to_string(fs::last_write_time(program_path(words.front()).value_or(words.front()))
                            .time_since_epoch()
                            .count());
  for (const std::string& word : words) {
    for (const char* outside : {"pflash", "fd=", "hostfwd", "{stream}"}) {
      if (word.find(outside) != std::string::npos) return "";
    }
    key += std::regex_replace(word, std::regex("/tmp/godwit-test-.{6}"), "{temporary}") + '\n';
  }
  return image("booted/") + fmt::format("{:016x}", std::hash<std::string>{}(key));
}

std::string filled_in(std::string text, const std::string& mark, const std::string& value) {
  for (std::size_t at = 0; (at = text.find(mark, at)) != std::string::npos; at += value.size()) {
    text.replace(at, mark.size(), value);
  }
  return text;
}

}  // namespace

QemuPair::QemuPair(const PairSetup& setup) {
  try {
    lay_network(setup.between);
    fs::permissions(folder_.file("."), fs::perms::all);  // the destination may be another user's
    for (const Side side : {Side::kSource, Side::kDestination}) {
      monitor_[index(side)] = folder_.file(std::string(name(side)) + ".qmp");
      if (setup.can_be_told) control_port_[index(side)] = free_port();
    }
    std::vector<std::string> source = command_line(Side::kSource, setup);
    if (const std::string booted = booted_file(source); setup.guest && !booted.empty()) {
      if (!fs::exists(booted)) boot_once(source, setup, booted);
      if (fs::file_size(booted) > 0) source.insert(source.end(), {"-incoming", "file:" + booted});
    }
    pid_[0] = start(Side::kSource, setup, std::move(source));
    pid_[1] = start(Side::kDestination, setup, command_line(Side::kDestination, setup));
    make_ready(setup.guest);
  } catch (...) {
    for (const Side side : {Side::kSource, Side::kDestination}) kill(side);
    remove_network();
    throw;
  }
}

QemuPair::~QemuPair() {
  watch_.reset();
  for (const Side side : {Side::kSource, Side::kDestination}) kill(side);
  forwarders_.clear();
  wire_.reset();
  remove_network();
}

void QemuPair::kill(Side side) {
  pid_t& pid = pid_[index(side)];
  if (pid <= 0) return;
  ::kill(pid, SIGKILL);
  ::waitpid(pid, nullptr, 0);
  pid = -1;
}

void QemuPair::lay_network(Between between) {
  stream_ = fmt::format("tcp:127.0.0.1:{}", between == Between::kNothing ? free_port() : kPort);
  if (between == Between::kNothing) return;
  remove_stale_namespaces();
  for (const int i : {0, 1}) {
    netns_[i] = fmt::format("{}{}-{}", kNamespace, ::getpid(), "ab"[i]);
    must_ip("netns add " + netns_[i]);
    must_ip("-n " + netns_[i] + " link set lo up");
  }
  if (between == Between::kForwarder) return;  // laid once there is something to forward
  must_ip(
      fmt::format("-n {} link add wire type veth peer name wire netns {}", netns_[0], netns_[1]));
  for (const int i : {0, 1}) {
    must_ip(fmt::format("-n {} address add 10.91.0.{}/24 dev wire", netns_[i], i + 1));
    must_ip("-n " + netns_[i] + " link set wire up");
  }
  stream_ = fmt::format("tcp:10.91.0.2:{}", kPort);
}

void QemuPair::remove_network() const {
  for (const std::string& one : netns_) {
    if (!one.empty()) (void)ip("netns delete " + one);
  }
}

void QemuPair::pull_cable() {
  must_ip("-n " + netns_[1] + " link set wire down");
}

void QemuPair::plug_cable() {
  must_ip("-n " + netns_[1] + " link set wire up");
}

std::vector<std::string> QemuPair::command_line(Side side, const PairSetup& setup) {
  const std::string own = name(side);
  std::string kernel = first_line(image("cmdline")) + " godwit.load=" + setup.load;
  if (setup.can_be_told) kernel += " godwit.ip=10.0.2.15/24";
  std::vector<std::string> words{"qemu-system-x86_64",
                                 "-accel",
                                 "tcg",
                                 "-M",
                                 setup.machine,
                                 "-cpu",
                                 "Nehalem",
                                 "-m",
                                 "192M",
                                 "-nodefaults",
                                 "-no-user-config",
                                 "-display",
                                 "none",
                                 "-name",
                                 "guest=v,debug-threads=on",
                                 "-serial",
                                 "file:{folder}/" + own + ".console",
                                 "-serial",
                                 "file:{folder}/" + own + ".report"};
  if (setup.guest) {
    words.insert(words.end(),
                 {"-kernel", image("vmlinux"), "-initrd", image("initrd.img"), "-append", kernel});
  }
  for (const char* monitor : {"qmp", "person", "watch", "spare"}) {
    words.insert(words.end(),
                 {"-qmp", fmt::format("unix:{{folder}}/{}.{},server=on,wait=off", own, monitor)});
  }
  if (setup.can_be_told) {
    words.insert(words.end(), {"-netdev",
                               fmt::format("user,id=net0,hostfwd=tcp:127.0.0.1:{}-10.0.2.15:7070",
                                           control_port_[index(side)]),
                               "-device", "virtio-net-pci,netdev=net0,romfile="});
  }
  words.insert(words.end(), setup.both.begin(), setup.both.end());
  const auto& more = side == Side::kSource ? setup.source : setup.destination;
  words.insert(words.end(), more.begin(), more.end());
  if (side == Side::kDestination) words.insert(words.end(), {"-incoming", setup.incoming});
  return words;
}

pid_t QemuPair::start(Side side, const PairSetup& setup, std::vector<std::string> words) {
  for (std::string& word : words) {
    word =
        filled_in(filled_in(std::move(word), "{folder}", folder_.file(".")), "{stream}", stream_);
  }
  StartWith with{folder_.file(std::string(name(side)) + ".log")};
  with.netns = netns_[index(side)];
  with.user = side == Side::kDestination ? setup.destination_user : 0;
  with.inherit = setup.inherit;
  return start_program(std::move(words), with);
}

void QemuPair::await_monitor(Side side) {
  const std::string path = folder_.file(std::string(name(side)) + ".person");
  await("a monitor", [&] {
    if (::waitpid(pid_[index(side)], nullptr, WNOHANG) != 0) {
      pid_[index(side)] = -1;
      throw std::runtime_error("QEMU ended: " + log(side));
    }
    auto client = qmp::QmpClient::connect(path, clock_, clock_.now() + kAnswer);
    if (client) person_[index(side)] = std::move(*client);
    return person_[index(side)].has_value();
  });
}

void QemuPair::await_guest() {
  check_ = std::make_unique<lab::LabGuestCheck>(
      lab::LabGuestCheck::Files{folder_.file("src.console"), folder_.file("src.report")},
      lab::LabGuestCheck::Files{folder_.file("dst.console"), folder_.file("dst.report")});
  await("a guest that works", [&] { return work(Side::kSource) > 0; });
}

/// Two thirds of a test's processor time would be the guest's boot. What cannot be stored, as with
/// a device that does not migrate, leaves an empty file.
void QemuPair::boot_once(const std::vector<std::string>& words, const PairSetup& setup,
                         const std::string& booted) {
  pid_[0] = start(Side::kSource, setup, words);
  await_monitor(Side::kSource);
  await_guest();
  fs::create_directories(fs::path(booted).parent_path());
  const std::string mine = fmt::format("{}.{}", booted, first_line("/proc/sys/kernel/random/uuid"));
  (void)ask(Side::kSource, "migrate-set-parameters", {{"max-bandwidth", 10'000'000'000}});
  (void)try_ask(Side::kSource, "migrate", {{"uri", "file:" + mine}});
  await("a stored guest", [&] {
    const std::string now = migration(Side::kSource);
    if (now == "none" || now == "failed") std::ofstream(mine, std::ios::trunc).flush();
    return now == "none" || now == "failed" || now == "completed";
  });
  kill(Side::kSource);
  person_[0].reset();
  for (const char* said : {"src.console", "src.report"}) fs::remove(folder_.file(said));
  fs::rename(mine, booted);
}

void QemuPair::make_ready(bool guest) {
  for (const Side side : {Side::kSource, Side::kDestination}) await_monitor(side);
  await_state(Side::kSource, "running");
  watch_ =
      std::make_unique<GuestWatch>(folder_.file("src.watch"), folder_.file("dst.watch"), clock_);
  if (guest) await_guest();
  for (const Side side : {Side::kSource, Side::kDestination}) {
    before_[index(side)] = possessions(side);
  }
  if (!netns_[0].empty() && stream_.find("127.0.0.1") != std::string::npos) {
    std::vector<Route> routes;
    for (int port = kPort; port <= kPort + kNextPorts; ++port) {
      routes.push_back({{std::to_string(port), netns_[0]}, {std::to_string(port), netns_[1]}});
    }
    wire_ = std::make_unique<Forwarder>(std::move(routes));
  }
}

Forwarder& QemuPair::forward_monitor(Side side) {
  std::string& path = monitor_[index(side)];
  const std::string forwarded = folder_.file(std::string(name(side)) + ".forwarded");
  forwarders_.push_back(
      std::make_unique<Forwarder>(std::vector<Route>{Route{{forwarded}, {path}}}));
  path = forwarded;
  return *forwarders_.back();
}

Forwarder& QemuPair::forward_monitors() {
  std::vector<Route> routes;
  for (std::string& path : monitor_) {
    routes.push_back({{path + ".forwarded"}, {path}});
    path += ".forwarded";
  }
  forwarders_.push_back(std::make_unique<Forwarder>(std::move(routes)));
  return *forwarders_.back();
}

void QemuPair::tell_guest(Side side, const std::string& line) {
  const UniqueFd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<std::uint16_t>(control_port_[index(side)]));
  const std::string whole = line + "\n";
  const timeval patience{2, 0};
  ::setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  if (::connect(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
      ::send(socket.get(), whole.data(), whole.size(), MSG_NOSIGNAL) < 0) {
    throw std::runtime_error("the guest cannot be reached");
  }
  char answer = 0;
  (void)::recv(socket.get(), &answer, 1, 0);  // it has understood, or stands still by now
}

Result<Json> QemuPair::try_ask(Side side, const std::string& command, const Json& arguments) {
  return person_[index(side)]->execute(command, arguments, clock_.now() + kAnswer);
}

Json QemuPair::ask(Side side, const std::string& command, const Json& arguments) {
  auto answer = try_ask(side, command, arguments);
  if (!answer) throw std::runtime_error(command + ": " + answer.error().message);
  return std::move(*answer);
}

std::vector<std::int64_t> QemuPair::vcpu_numbers(Side side) {
  std::vector<std::int64_t> threads;
  for (const Json& one : ask(side, "query-cpus-fast")) threads.push_back(one.at("thread-id"));
  return threads;
}

namespace {

/// A QEMU whose guest waits for a page that never comes may hold all of its monitor up.
std::string word_of(const Result<Json>& answer, const char* otherwise) {
  if (answer) return answer->value("status", otherwise);
  return answer.error().code == ErrorCode::kTimeout ? "silent" : "gone";
}

}  // namespace

std::string QemuPair::state(Side side) {
  return word_of(try_ask(side, "query-status"), "");
}

std::string QemuPair::migration(Side side) {
  return word_of(try_ask(side, "query-migrate"), "none");
}

bool QemuPair::has_migrated(Side side) {
  const Json status = ask(side, "query-migrate");
  const bool came = status.value("status", "") == "completed" && !status.contains("total-time");
  return status.contains("status") && !came;
}

Json QemuPair::possessions(Side side) {
  Json nodes = Json::array();
  for (const Json& one : ask(side, "query-named-block-nodes")) nodes.push_back(one.at("node-name"));
  Json bitmaps = Json::array();
  for (const Json& one : ask(side, "query-block")) {
    if (one.contains("inserted")) {
      bitmaps.push_back(one.at("inserted").value("dirty-bitmaps", Json::array()));
    }
  }
  return Json{{"parameters", ask(side, "query-migrate-parameters")},
              {"capabilities", ask(side, "query-migrate-capabilities")},
              {"nodes", nodes},
              {"bitmaps", bitmaps},
              {"jobs", ask(side, "query-block-jobs")},
              {"exports", ask(side, "query-block-exports")}};
}

std::int64_t QemuPair::work(Side side) {
  const auto vitals = check_->look(side);
  return vitals ? vitals->work.value_or(0) : 0;
}

bool QemuPair::works_beyond(Side side, std::int64_t beyond) {
  return comes(clock_, [&] { return work(side) > beyond; });
}

void QemuPair::await_sent(std::int64_t bytes) {
  await("so many bytes sent", [&] {
    const Json status = ask(Side::kSource, "query-migrate");
    return status.contains("ram") && status.at("ram").at("transferred") >= bytes;
  });
}

void QemuPair::await_migration(Side side, const std::string& status) {
  await(status, [&] { return migration(side) == status; });
}

void QemuPair::await_split(Side side) {
  await("postcopy-paused, or silence", [&] {
    const std::string now = migration(side);
    return now == "postcopy-paused" || now == "silent";
  });
}

void QemuPair::await_state(Side side, const std::string& wanted) {
  await(wanted, [&] { return state(side) == wanted; });
}

std::string QemuPair::log(Side side) const {
  return text_of(folder_.file(std::string(name(side)) + ".log"));
}

}  // namespace godwit::e2e
