#include "job.h"

#include <utility>

namespace godwit::fleet {

void JobEvents::push(JobEvent event) {
  const std::lock_guard lock(mutex_);
  events_.push_back(std::move(event));
  came_.notify_one();
}

std::optional<JobEvent> JobEvents::next(Seconds patience, const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  came_.wait_for(lock, stop, patience, [this] { return !events_.empty(); });
  if (events_.empty()) return std::nullopt;
  JobEvent event = std::move(events_.front());
  events_.pop_front();
  return event;
}

Job::Job(MoveOrder order, std::string run, Mover& mover, Record& record, Clock& clock,
         JobEvents& events)
    : begun_at(clock.now()),
      order_(std::move(order)),
      run_(std::move(run)),
      mover_(mover),
      record_(record),
      clock_(clock),
      events_(events) {}

Job::~Job() {
  if (thread_.joinable()) thread_.join();
}

void Job::begin() {
  thread_ = std::thread([this] {
    end_ = mover_.move(order_, *this, stop_.get_token());
    events_.push({JobEvent::Kind::kEnded, this});
  });
}

void Job::set_turn(Turn turn) {
  const std::lock_guard lock(mutex_);
  turn_ = turn;
  turn_came_.notify_all();
}

void Job::go() {
  granted_ = true;
  granted_at = clock_.now();
  set_turn(Turn::kHas);
}

void Job::leave() {
  leaves_ = true;
  set_turn(Turn::kNever);
  stop_.request_stop();
}

void Job::cancel() {
  stop_.request_stop();
}

Result<void> Job::destination_started(const std::string& monitor) {
  Entry entry;
  entry.kind = Entry::Kind::kStarted;
  entry.wall_us = clock_.wall_us();
  entry.run = run_;
  entry.vm = order_.move.vm;
  entry.from = order_.move.from;
  entry.to = order_.move.to;
  entry.technique = to_string(order_.move.technique);
  entry.monitor = monitor;
  return record_.append(entry);
}

bool Job::await_turn() {
  events_.push({JobEvent::Kind::kReady, this});
  std::unique_lock lock(mutex_);
  turn_came_.wait(lock, [this] { return turn_ != Turn::kWaits; });
  return turn_ == Turn::kHas;
}

void Job::on_progress(const control::Progress& progress) {
  events_.push({JobEvent::Kind::kProgress, this, progress});
}

void Job::warning(const std::string& text) {
  events_.push({JobEvent::Kind::kWarning, this, {}, text});
}

}  // namespace godwit::fleet
