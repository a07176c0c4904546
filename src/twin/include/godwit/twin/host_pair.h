#pragma once

#include "godwit/base/units.h"
#include "godwit/domain/prediction.h"

namespace godwit::twin {

/// What a pair of hosts and its QEMU add to what bytes and rates explain: medians and the bounds of
/// 90 % intervals. docs/research/host-pair.md says of each how it was measured and what repeats
/// that; learn/host_pair.h takes some of them from a pair's own outcomes.
struct HostPairConstants {
  /// From "migrate" to the first page, and from the last page to "completed".
  Interval<Seconds> overhead{Seconds(0.005), Seconds(0), Seconds(0.03)};
  /// To send device state.
  Interval<Seconds> device_state{Seconds(0.004), Seconds(0.001), Seconds(0.025)};
  /// To load it and run at the destination.
  Interval<Seconds> resume{Seconds(0.04), Seconds(0.003), Seconds(0.12)};
  /// Until a client hears the guest again, resuming included.
  Interval<Seconds> client{Seconds(0.064), Seconds(0.004), Seconds(0.171)};
  /// The stream's real rate, of the link's stated one.
  Ratio rate = Ratio(1);
  /// How far it is from that, either way.
  Ratio rate_error = Ratio(0.03);
  /// How far the stream's bytes are from what pages and the dirty curve explain, either way.
  Ratio stream_error = Ratio(0.03);
  /// Between two looks of QEMU's whether it may switch over.
  Seconds window{0.1};
  /// What the kernel queues for a connection.
  Bytes sender_queue = Bytes(4 << 20);
  /// To find that a page is zero.
  Seconds zero_page_scan{3e-8};
  /// Share of its work that a guest loses beside what the twin knows of.
  Interval<double> brownout{0, -0.06, 0.25};

  /// Of multifd's sender queues, what is still on its way when the guest is stopped.
  double queued_by_multifd = 0.5;
  /// The same where multifd compresses by zlib.
  double queued_by_zlib = 0.85;
  /// Of the sender's queue, what is still on its way when post-copy begins midway.
  double queued_by_postcopy = 0.25;

  /// QEMU's own downtime of post-copy.
  Interval<Seconds> postcopy_stop{Seconds(0.002), Seconds(0.001), Seconds(0.006)};
  /// To run at the destination where post-copy begins at once.
  Interval<Seconds> postcopy_resume{Seconds(0.02), Seconds(0.003), Seconds(0.1)};
  /// On its way there when the guest is stopped.
  Bytes postcopy_ahead = Bytes(1'600'000);
  /// Page faults in sequence until a client is answered: post-copy begun at once.
  Interval<double> faults_at_once{14.2, 10.5, 20};
  /// The same after one full pass.
  Interval<double> faults_after_pass{5, 2.5, 10.5};
  /// Faults with postcopy-preempt, of those without.
  double preempt_faults = 0.8;
  /// What a fault takes beside a sender's queue.
  Seconds fault_cost{0.016};
  /// Share of the rest of post-copy in which the guest waits for pages.
  Interval<double> still_waits{0.25, 0, 0.75};

  /// Share of the source's CPUs that compressing channels and vCPUs have between them.
  Interval<double> processors{0.625, 0.45, 0.75};
  /// How fast channels compress, of what compressing the profile's sample took.
  double compressing_speed = 1;
  /// How far what is left of pages is from what is left of that sample, either way.
  Ratio coding_error = Ratio(0.06);
  /// Exponent on zlib's ratio where the sample's pages were no neighbours.
  double zlib_stream = 1.12;
  /// The same for zstd.
  double zstd_stream = 1.15;

  /// CPU time of both hypervisors beside the guest's own, per second in which it runs.
  double cpu_per_second = 0.22;
  /// The same in seconds per 10^9 bytes sent.
  double cpu_per_gigabyte = 3.8;
  /// How far CPU times are off, either way.
  Ratio cpu_error = Ratio(0.33);
};

}  // namespace godwit::twin
