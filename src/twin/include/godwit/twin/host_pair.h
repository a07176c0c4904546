#pragma once

#include "godwit/base/units.h"
#include "godwit/domain/prediction.h"

namespace godwit::twin {

/// What a pair of hosts and its QEMU add to what bytes and rates explain: medians and the bounds of
/// 90 % intervals. Stated constants, each with its source; learn/host_pair.h takes them from a
/// pair's own outcomes. "Measured": QEMU 10.0.2, TCG, two cores, a link of 40 MB/s.
struct HostPairConstants {
  /// `migrate` accepted to the first page (measured: 1-13 ms), and the last page to "completed".
  /// Measured in 135 migrations: total time less bytes over the link's rate, -3 to 28 ms, median 4.
  Interval<Seconds> overhead{Seconds(0.005), Seconds(0), Seconds(0.03)};
  /// To send device state after the RAM left. Measured: 1-2 ms where no RAM was left.
  Interval<Seconds> device_state{Seconds(0.004), Seconds(0.001), Seconds(0.025)};
  /// The destination loads device state and resumes. Within QEMU's downtime, too: with return-path
  /// on, as Godwit migrates, it counts until the destination runs (0-4 ms from `events` in the 12
  /// migrations of docs/accuracy.md). Measured in 24 migrations of an idle guest: 33-113 ms, median
  /// 53; moved by what learn/host_pair.h finds in the 442 migrations of before run 20261122 of
  /// which the twin need not guess (docs/data.md; none of them compresses).
  Interval<Seconds> resume{Seconds(0.04), Seconds(0.003), Seconds(0.12)};
  /// Until a client hears the guest again: resuming as above, announcing, the switch learning the
  /// new port. Of the same migrations, but for post-copies.
  Interval<Seconds> client{Seconds(0.064), Seconds(0.004), Seconds(0.171)};
  /// QEMU's own downtime of post-copy. Measured: 1-5 ms, often 2. (Every fourth run reports the
  /// whole total time instead: a fault of QEMU's, not predicted.)
  Interval<Seconds> postcopy_stop{Seconds(0.002), Seconds(0.001), Seconds(0.006)};
  /// A guest that post-copy moved answers a client after so many page faults in sequence, each
  /// behind a sender's queue full of bulk pages; begun at once, and after one full pass. Fitted on
  /// the outages of 98 post-copies and 40 hybrid migrations over 20-118 MB/s (docs/data.md).
  Interval<double> faults_at_once{14.2, 10.5, 20};
  Interval<double> faults_after_pass{5, 2.5, 10.5};
  /// What a fault takes beside that: asking, sending, waking up. Of the same fit.
  Seconds fault_cost{0.016};
  /// Once it answers, the guest still waits for pages in this share of what is left of post-copy;
  /// if pre-copy sent some first, of as much less (that is assumed). Fitted on what 146 post-copies
  /// lost of their work, of before run 20261122 (docs/data.md).
  Interval<double> still_waits{0.25, 0, 0.75};
  /// What of a sender's queue is still on its way when the guest is stopped: with multifd, whose
  /// channels have one each, unless processors are slower than the link (the medians of 106 and of
  /// 32 migrations), and, beside half a window, where post-copy begins midway (of 40;
  /// docs/data.md).
  double queued_by_multifd = 0.5;
  double queued_by_zlib = 0.85;
  double queued_by_postcopy = 0.25;
  /// When a post-copy stops the guest right after the start, that much is on its way, and the
  /// destination, which has loaded next to nothing, takes so long to run. Fitted by least absolute
  /// errors on 146 over 20-118 MB/s, of before run 20261122 (docs/data.md); the late bound on that
  /// run, too.
  Bytes postcopy_ahead = Bytes(1'600'000);
  Interval<Seconds> postcopy_resume{Seconds(0.02), Seconds(0.003), Seconds(0.1)};
  /// Faults with postcopy-preempt, of those without: it passes QEMU's queue, not the kernel's.
  double preempt_faults = 0.8;
  /// What the kernel queues for a connection: Linux's default for the largest tcp_wmem.
  Bytes sender_queue = Bytes(4 << 20);
  /// The stream's real rate, of the link's stated one.
  Ratio rate = Ratio(1);
  /// How far it is from that, either way. Estimate.
  Ratio rate_error = Ratio(0.03);
  /// How far the stream's bytes are from what pages, headers and the dirty curve explain, either
  /// way. Chosen so that intervals hold in 90 % of those 442 and of run 20261122.
  Ratio stream_error = Ratio(0.03);
  /// QEMU limits its rate, and looks whether it may switch over, once per window (migration.c).
  Seconds window{0.1};
  /// Processors of the source's host that compressing channels share with the vCPUs. Of the lab,
  /// where both hosts have the same two, and the destination decompresses there.
  Interval<double> processors{1.25, 0.9, 1.5};
  /// How far what a compressor leaves of pages is from what it leaves of a profile's sample.
  Ratio coding_error = Ratio(0.06);
  /// multifd compresses neighbouring pages as one stream; where a profile's were not neighbours
  /// (PageContents::in_runs), its ratio r becomes r^x. Fitted on 75 migrations (docs/data.md).
  double zlib_stream = 1.12;
  double zstd_stream = 1.15;
  /// Share of its work that a guest loses beside what the twin knows of: it shares processors with
  /// the migration. Chosen so that intervals hold in 90 % of the same, but for post-copies.
  Interval<double> brownout{0, -0.06, 0.25};
  /// How far CPU times are off, either way: 90 % of the migrations below.
  Ratio cpu_error = Ratio(0.33);
  /// CPU time of both hypervisors beside the guest's own: per second in which it runs, and per GB
  /// sent. Fitted by least absolute relative errors on 745 migrations under TCG of the techniques
  /// that do not compress, of before run 20261122 (docs/data.md).
  double cpu_per_second = 0.22;
  double cpu_per_gigabyte = 3.8;
  /// To find that a page is zero: it hides behind a link's queue. Measured in the same migrations.
  Seconds zero_page_scan{3e-8};
};

}  // namespace godwit::twin
