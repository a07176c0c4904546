#include "godwit/schedule/replay.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

#include "godwit/schedule/fair_share.h"

namespace godwit::schedule {
namespace {

constexpr double kEndless = std::numeric_limits<double>::infinity();
/// Steps of the fixed point, each half the way: 2^-12 of the first difference is left.
constexpr int kSteps = 12;
constexpr double kLittle = 1e-9;  ///< of a limit: what is nearer to it has reached it

}  // namespace

Replay::Replay(const Paths& paths, const std::vector<std::string>& names,
               const TransferModel& model)
    : paths_(paths), model_(model) {
  for (const std::string& name : names) {
    const auto known = model.receives_while_sending.find(name);
    receives_while_sending_.push_back(known == model.receives_while_sending.end()
                                          ? model.usually_receives_while_sending
                                          : known->second);
  }
}

double Replay::may_receive(Paths::Host host, double sent) const {
  const auto& links = paths_.links();
  const double use = sent / links[Paths::egress(host)].capacity.value();
  const double delay = std::clamp((use - model_.delays_from) / (1 - model_.delays_from), 0.0, 1.0);
  return links[Paths::ingress(host)].capacity.value() *
         (1 - delay * (1 - receives_while_sending_[host]));
}

double Replay::progress(const OrderedMove& move, double rate, bool with_others) const {
  // The share is that of the planned rate: how the stream is made does not change while it is
  // slowed.
  const double share = goodput(model_, move.planned) / move.planned;
  const double loss = with_others ? model_.fan_in_loss : 0;
  return rate * share * (1 - loss) - move.load.cold.value();
}

std::vector<double> Replay::rates(std::span<const OrderedMove> moves,
                                  std::span<const std::size_t> running) const {
  std::vector<Flow> flows;
  std::vector<int> arriving(paths_.hosts());
  for (const std::size_t i : running) {
    flows.push_back({paths_.between(moves[i].from, moves[i].to), moves[i].planned.value()});
    ++arriving[moves[i].to];
  }
  share_fairly(flows, paths_.links());
  for (int step = 0; step < kSteps; ++step) {
    std::vector<double> sent(paths_.hosts());
    for (std::size_t k = 0; k < running.size(); ++k) sent[moves[running[k]].from] += flows[k].rate;
    bool changed = false;
    for (std::size_t k = 0; k < running.size(); ++k) {
      const OrderedMove& move = moves[running[k]];
      const double wanted = std::min(move.planned.value(), may_receive(move.to, sent[move.to]));
      changed = changed || std::abs(wanted - flows[k].limit) > 1e-4 * wanted;
      flows[k].limit = (flows[k].limit + wanted) / 2;
    }
    if (!changed) break;
    share_fairly(flows, paths_.links());
  }
  std::vector<double> rates;
  for (std::size_t k = 0; k < running.size(); ++k) {
    const OrderedMove& move = moves[running[k]];
    rates.push_back(progress(move, flows[k].rate, arriving[move.to] > 1));
  }
  return rates;
}

std::vector<TimeSpan> Replay::run(std::span<const OrderedMove> moves) const {
  std::vector<TimeSpan> spans(moves.size(), {Seconds(kEndless), Seconds(kEndless)});
  std::vector<double> left;
  for (const OrderedMove& move : moves) left.push_back(bytes_to_send(model_, move.load));
  std::vector<std::size_t> running;
  std::vector<bool> started(moves.size());
  for (double now = 0;;) {
    double next = kEndless;
    for (std::size_t i = 0; i < moves.size(); ++i) {
      if (started[i]) continue;
      double ready = 0;
      for (const std::size_t j : moves[i].after) {
        ready = std::max(ready, (spans[j].end + model_.pause).count());
      }
      if (ready <= now) {
        started[i] = true;
        spans[i].start = Seconds(now);
        running.push_back(i);
      } else {
        next = std::min(next, ready);
      }
    }
    const std::vector<double> speed = rates(moves, running);
    for (std::size_t k = 0; k < running.size(); ++k) {
      if (speed[k] > 0) next = std::min(next, now + left[running[k]] / speed[k]);
    }
    if (next == kEndless) return spans;
    std::vector<std::size_t> still;
    for (std::size_t k = 0; k < running.size(); ++k) {
      const std::size_t i = running[k];
      left[i] -= std::max(speed[k], 0.0) * (next - now);
      if (left[i] <= kLittle * bytes_to_send(model_, moves[i].load)) {
        spans[i].end = Seconds(next);
      } else {
        still.push_back(i);
      }
    }
    running = std::move(still);
    now = next;
  }
}

}  // namespace godwit::schedule
