#include <utility>

#include "godwit/watch/watcher.h"

namespace godwit::watch {
namespace {

class LibvirtLookout final : public HostLookout {
 public:
  LibvirtLookout(const Clock& clock, std::unique_ptr<libvirt::Lookout> lookout)
      : clock_(clock), lookout_(std::move(lookout)) {}

  Result<std::vector<libvirt::Departure>> look(const std::set<std::string>& known) override {
    return lookout_->look(known);
  }
  void wait(TimePoint deadline, const std::stop_token& stop) override {
    lookout_->wait(clock_, deadline, stop);
  }

 private:
  const Clock& clock_;
  std::unique_ptr<libvirt::Lookout> lookout_;
};

}  // namespace

LookoutMaker libvirt_lookouts(const Clock& clock, std::stop_token stop) {
  return [&clock,
          stop = std::move(stop)](const LibvirtHost& host) -> Result<std::unique_ptr<HostLookout>> {
    GODWIT_TRY(auto lookout, libvirt::Lookout::open(host.uri, stop));
    return std::unique_ptr<HostLookout>(
        std::make_unique<LibvirtLookout>(clock, std::move(lookout)));
  };
}

}  // namespace godwit::watch
