#pragma once

#include <string>

#include "godwit/base/error.h"
#include "godwit/libvirt/api.h"
#include "godwit/libvirt/connection.h"

/// Private to libvirt.

namespace godwit::libvirt {

/// A connection whose keep-alive is on. kPeerGone: nobody answers, or not in time. kInterrupted: a
/// stop was requested meanwhile.
Result<virConnectPtr> open_within(const Api& api, const std::string& uri, const Opening& how);

}  // namespace godwit::libvirt
