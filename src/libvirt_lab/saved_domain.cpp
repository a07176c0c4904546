#include "saved_domain.h"

#include <fmt/format.h>

#include <cstdint>
#include <cstring>
#include <fstream>

namespace godwit::libvirt_lab {
namespace {

constexpr char kMagic[] = "LibvirtQemudSave";
constexpr std::uint32_t kVersion = 2;

/// In the host's byte order. QEMU's stream follows the definition.
struct Header {
  char magic[16];
  std::uint32_t version;
  std::uint32_t definition_size;  ///< with its last zero, and a cookie after it
  std::uint32_t runs;
  std::uint32_t format;  ///< 0: not compressed
  std::uint32_t cookie;  ///< where in the definition it begins; 0: there is none
  std::uint32_t unused[14];
};

}  // namespace

Result<void> write_saved_domain(const std::string& saved, const std::string& definition,
                                const std::string& to) {
  std::ifstream from(saved, std::ios::binary);
  Header header{};
  from.read(reinterpret_cast<char*>(&header), sizeof header);
  if (!from || std::memcmp(header.magic, kMagic, sizeof header.magic) != 0 ||
      header.version != kVersion || header.format != 0) {
    return fail(ErrorCode::kCorrupt, fmt::format("{} is no domain that virsh saved", saved));
  }
  from.seekg(header.definition_size, std::ios::cur);
  header.definition_size = static_cast<std::uint32_t>(definition.size() + 1);
  header.runs = 1;
  header.cookie = 0;
  std::ofstream out(to, std::ios::binary);
  out.write(reinterpret_cast<const char*>(&header), sizeof header);
  out.write(definition.c_str(), header.definition_size);
  out << from.rdbuf();
  if (out.flush() && from) return {};
  return fail(ErrorCode::kEnvironment, fmt::format("{} could not be written", to),
              "see whether the disk is full");
}

}  // namespace godwit::libvirt_lab
