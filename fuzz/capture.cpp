// A capture of any bytes: refused, or read frame by frame to its end or to where it breaks; what was
// read of Ethernet frames is written and reads as the same.
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "io/capture.hpp"

namespace {

using namespace wayout;

/// A file without a name.
class Memory {
 public:
  Memory() : descriptor_(memfd_create("capture", 0)) {
    if (descriptor_ < 0) std::abort();
  }
  ~Memory() { close(descriptor_); }
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;

  void fill(const std::uint8_t* data, std::size_t size) const {
    if (write(descriptor_, data, size) != static_cast<ssize_t>(size)) std::abort();
  }
  [[nodiscard]] std::string path() const { return "/proc/self/fd/" + std::to_string(descriptor_); }

 private:
  int descriptor_;
};

std::vector<io::CapturedFrame> read_all(const std::string& path) {
  std::vector<io::CapturedFrame> frames;
  Result<io::CaptureReader> reader = io::CaptureReader::open(path);
  if (!reader) return frames;
  for (;;) {
    auto frame = reader->next();
    if (!frame || !frame->has_value()) return frames;
    frames.push_back(std::move(**frame));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Memory given;
  given.fill(data, size);
  const std::vector<io::CapturedFrame> frames = read_all(given.path());

  const Memory copy;
  Result<io::CaptureWriter> writer = io::CaptureWriter::create(copy.path());
  if (!writer) std::abort();
  std::vector<const io::CapturedFrame*> written;
  constexpr std::int64_t last_second_of_a_pcap = 0xffffffff;
  for (const io::CapturedFrame& frame : frames) {
    if (frame.time_ns < 0 || frame.time_ns / 1'000'000'000 > last_second_of_a_pcap) continue;
    writer->write(frame.time_ns, frame.bytes);
    written.push_back(&frame);
  }
  if (!writer->close()) std::abort();
  const std::vector<io::CapturedFrame> again = read_all(copy.path());
  if (again.size() != written.size()) std::abort();
  for (std::size_t i = 0; i < again.size(); ++i)
    if (again[i].time_ns != written[i]->time_ns || again[i].bytes != written[i]->bytes) std::abort();
  return 0;
}
