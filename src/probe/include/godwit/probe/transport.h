#pragma once

namespace godwit::probe {

enum class Transport { kTcp, kUdp };

}  // namespace godwit::probe
