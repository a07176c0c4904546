#pragma once

namespace godwit::lab {

/// Of the user's lab that this process has entered: what tells when its keeper, and with it its
/// namespaces, end (a pidfd). -1 for root.
int entered_keeper_fd();

}  // namespace godwit::lab
