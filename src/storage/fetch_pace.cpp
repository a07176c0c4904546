#include "fetch_pace.h"

#include <algorithm>

namespace godwit::storage {
namespace {

/// Of one look the first and the last chunk are in it by a part: eight chunks hide that.
constexpr double kEnoughToLearn = 8 * (512 << 10);
/// The least share of its rate to which a job is slowed down.
constexpr double kSlowest = 0.1;

}  // namespace

bool FetchPace::look(TimePoint now, Bytes position, BytesPerSecond most) {
  const bool begins = !seen_ || position < seen_->position;
  if (!begins) {
    if (now - seen_->at < kPaceEvery) return false;
    const double seconds = (now - seen_->at).count();
    const Part part = between(seen_->position, position);
    learn(seconds, part);
    const double second = most.value() * kPaceEvery.count();
    owed_ = std::min(owed_ + most.value() * seconds - part.data, second);
  }
  seen_ = Seen{now, position};
  const auto before = speed_;
  speed_ = speed_at(position,
                    std::max(most.value() + owed_ / kPaceEvery.count(), kSlowest * most.value()));
  return begins || speed_ != before;
}

FetchPace::Part FetchPace::between(Bytes begin, Bytes end) const {
  Part part;
  for (const AbsentRange& range : absent_) {
    const double bytes = (std::min(range.end, end) - std::max(range.begin, begin)).as_double();
    if (bytes <= 0) continue;
    part.copied += bytes;
    if (range.holds_data) part.data += bytes;
  }
  return part;
}

/// From there on until so many bytes of data, or all that are left.
FetchPace::Part FetchPace::next_data(Bytes position, double bytes) const {
  Part part;
  double holes = 0;
  for (const AbsentRange& range : absent_) {
    const double length = (range.end - std::max(range.begin, position)).as_double();
    if (length <= 0) continue;
    if (!range.holds_data) {
      holes += length;
      continue;
    }
    part.data += std::min(length, bytes - part.data);
    part.copied = part.data + holes;
    if (part.data >= bytes) break;
  }
  return part;
}

/// Where holes are most of it nothing is learnt: they take time, too.
void FetchPace::learn(double seconds, const Part& part) {
  if (part.data <= part.copied / 2) return;
  own_time_ += seconds - (speed_ ? part.copied / speed_->value() : 0);
  own_data_ += part.data;
  if (own_data_ < kEnoughToLearn) return;
  const double own = own_time_ / own_data_;
  own_ = own_ ? (*own_ + own) / 2 : own;
  own_time_ = own_data_ = 0;
}

/// A byte of data is to take 1 / `rate`, of which its wait is what it does not take by itself.
std::optional<BytesPerSecond> FetchPace::speed_at(Bytes position, double rate) const {
  const Part ahead = next_data(position, rate * kPaceEvery.count());
  const double wait = 1 / rate - std::max(own_.value_or(0), 0.0);
  if (ahead.data <= 0 || wait <= 0) return std::nullopt;
  return BytesPerSecond(ahead.copied / (ahead.data * wait));
}

}  // namespace godwit::storage
