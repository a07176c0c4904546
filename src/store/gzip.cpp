#include "godwit/store/gzip.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>
#include <zlib.h>

#include <cerrno>
#include <cstdio>
#include <fstream>
#include <sstream>

#include "files.h"
#include "godwit/base/unique_fd.h"

namespace godwit::store {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMostText = std::size_t{1} << 30;
constexpr int kGzip = 15 + 16;  // the largest window, with a gzip header (zlib.h)

Error torn(const fs::path& path) {
  return {ErrorCode::kCorrupt, fmt::format("{} is torn, or no gzip file", path.native()),
          "fetch it anew, or make it anew from the trials"};
}

/// Ends what deflateInit2 or inflateInit2 began.
struct Stream {
  explicit Stream(int (*end)(z_stream*)) : end_(end) {}
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  ~Stream() { end_(&z); }
  z_stream z{};

 private:
  int (*end_)(z_stream*);
};

template <class Text>
void feed(z_stream& z, const Text& text) {
  // zlib does not write to its input
  z.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  z.avail_in = static_cast<uInt>(text.size());
}

std::string deflated(std::string_view text) {
  Stream stream(deflateEnd);
  deflateInit2(&stream.z, Z_BEST_COMPRESSION, Z_DEFLATED, kGzip, 9, Z_DEFAULT_STRATEGY);
  std::string out(deflateBound(&stream.z, static_cast<uLong>(text.size())), '\0');
  feed(stream.z, text);
  stream.z.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.z.avail_out = static_cast<uInt>(out.size());
  deflate(&stream.z, Z_FINISH);
  out.resize(stream.z.total_out);
  return out;
}

Result<std::string> inflated(std::string_view packed, const fs::path& path) {
  Stream stream(inflateEnd);
  inflateInit2(&stream.z, kGzip);
  feed(stream.z, packed);
  std::string text;
  char block[65536];
  for (int status = Z_OK; status != Z_STREAM_END;) {
    stream.z.next_out = reinterpret_cast<Bytef*>(block);
    stream.z.avail_out = sizeof block;
    status = inflate(&stream.z, Z_NO_FLUSH);
    text.append(block, sizeof block - stream.z.avail_out);
    const bool ended_early = status == Z_OK && stream.z.avail_in == 0 && stream.z.avail_out > 0;
    if ((status != Z_OK && status != Z_STREAM_END) || ended_early || text.size() > kMostText) {
      return fail(torn(path));
    }
  }
  return text;
}

}  // namespace

Result<std::string> read_gzip(const fs::path& path) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) return fail(file_error(path, "open", errno));
  GODWIT_TRY(const std::string packed, read_all(fd.get(), path));
  return inflated(packed, path);
}

Result<void> write_gzip(const fs::path& path, std::string_view text) {
  GODWIT_CHECK_OK(prepare_file(path));
  const fs::path next = path.native() + ".new";
  const UniqueFd fd(::open(next.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
  if (!fd.valid()) return fail(file_error(next, "open", errno));
  const auto written = write_at(fd.get(), deflated(text), 0, next);
  if (written && ::rename(next.c_str(), path.c_str()) == 0) return sync_folder(path);
  const Error error = written ? file_error(next, "rename", errno) : written.error();
  ::unlink(next.c_str());
  return fail(error);
}

}  // namespace godwit::store
