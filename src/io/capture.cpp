#include "io/capture.hpp"

#include <pcap/pcap.h>
#include <pcap/sll.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>

#include <fmt/format.h>

#include "wire/headers.hpp"

namespace wayout::io {
namespace {

constexpr std::int64_t ns_per_s = 1'000'000'000;

bool is_read(int link_type) {
  return link_type == DLT_EN10MB || link_type == DLT_LINUX_SLL || link_type == DLT_LINUX_SLL2 ||
         link_type == DLT_RAW || link_type == DLT_IPV4;
}

std::string name_of(int link_type) {
  const char* name = pcap_datalink_val_to_name(link_type);
  return name != nullptr ? name : fmt::format("{}", link_type);
}

/// The first byte of a cooked header's packet type, LINUX_SLL_*.
PacketType cooked_type(std::uint16_t type) {
  switch (type) {
    case LINUX_SLL_BROADCAST: return PacketType::broadcast;
    case LINUX_SLL_MULTICAST: return PacketType::multicast;
    case LINUX_SLL_OTHERHOST: return PacketType::other_host;
    case LINUX_SLL_OUTGOING: return PacketType::outgoing;
    default: return PacketType::host;
  }
}

/// Bytes in front of the network header, and whom the frame was for. Ethernet has its own header.
struct Cooked {
  std::size_t header_bytes = 0;
  PacketType type = PacketType::host;
};

std::optional<Cooked> cooked(int link_type, const std::uint8_t* bytes, std::size_t length) {
  switch (link_type) {
    case DLT_LINUX_SLL:
      if (length < SLL_HDR_LEN) return std::nullopt;
      return Cooked{SLL_HDR_LEN, cooked_type(static_cast<std::uint16_t>(bytes[0] << 8 | bytes[1]))};
    case DLT_LINUX_SLL2:
      if (length < SLL2_HDR_LEN) return std::nullopt;
      return Cooked{SLL2_HDR_LEN, cooked_type(bytes[offsetof(sll2_header, sll2_pkttype)])};
    default: return Cooked{};
  }
}

pcap_t* as_pcap(void* handle) { return static_cast<pcap_t*>(handle); }

}  // namespace

void CaptureReader::Close::operator()(void* handle) const { pcap_close(as_pcap(handle)); }

Result<CaptureReader> CaptureReader::open(const std::string& path) {
  const auto fail = [&](std::string message) {
    return Error{.file = path, .message = std::move(message)};
  };
  std::FILE* file = std::fopen(path.c_str(), "rb");
  if (file == nullptr) return fail(std::strerror(errno));
  char why[PCAP_ERRBUF_SIZE] = "";
  pcap_t* handle =
      pcap_fopen_offline_with_tstamp_precision(file, PCAP_TSTAMP_PRECISION_NANO, why);
  if (handle == nullptr) {
    std::fclose(file);
    return fail(fmt::format("is no capture: {}", why));
  }
  CaptureReader reader;
  reader.path_ = path;
  reader.handle_.reset(handle);
  reader.link_type_ = pcap_datalink(handle);
  std::error_code none;
  const auto size = std::filesystem::file_size(path, none);
  reader.size_bytes_ = none ? 0 : size;
  if (!is_read(reader.link_type_))
    return fail(fmt::format("has the link type {}; read are Ethernet (EN10MB), Linux cooked "
                            "(LINUX_SLL, LINUX_SLL2) and raw IP (RAW, IPV4)",
                            name_of(reader.link_type_)));
  return reader;
}

Result<std::optional<CapturedFrame>> CaptureReader::next() {
  pcap_t* handle = as_pcap(handle_.get());
  for (;;) {
    pcap_pkthdr* header = nullptr;
    const u_char* bytes = nullptr;
    const int got = pcap_next_ex(handle, &header, &bytes);
    if (got == PCAP_ERROR_BREAK) return std::optional<CapturedFrame>{};
    if (got != 1) return Error{.file = path_, .message = pcap_geterr(handle)};
    const std::optional<Cooked> link = cooked(link_type_, bytes, header->caplen);
    if (!link) continue;  // not even a link header: nothing that could have been received
    if (link->type == PacketType::outgoing) continue;  // sent by whoever captured it
    CapturedFrame frame;
    frame.time_ns = std::int64_t{header->ts.tv_sec} * ns_per_s + header->ts.tv_usec;
    frame.bytes.assign(bytes + link->header_bytes, bytes + header->caplen);
    frame.has_ethernet = link_type_ == DLT_EN10MB;
    frame.type = link->type;
    frame.length_bytes = header->len - static_cast<std::uint32_t>(link->header_bytes);
    return std::optional(std::move(frame));
  }
}

std::uint64_t CaptureReader::position_bytes() const {
  const long at = std::ftell(pcap_file(as_pcap(handle_.get())));
  return at < 0 ? 0 : static_cast<std::uint64_t>(at);
}

void CaptureWriter::Close::operator()(void* handle) const {
  pcap_dump_close(static_cast<pcap_dumper_t*>(handle));
}
void CaptureWriter::Dead::operator()(void* handle) const { pcap_close(as_pcap(handle)); }

Result<CaptureWriter> CaptureWriter::create(const std::string& path, bool ethernet) {
  constexpr int whole_frames = 262144;  // tcpdump's snapshot length
  CaptureWriter writer;
  writer.path_ = path;
  writer.format_.reset(pcap_open_dead_with_tstamp_precision(ethernet ? DLT_EN10MB : DLT_RAW,
                                                            whole_frames,
                                                            PCAP_TSTAMP_PRECISION_NANO));
  pcap_dumper_t* dumper = pcap_dump_open(as_pcap(writer.format_.get()), path.c_str());
  if (dumper == nullptr)
    return Error{.file = path, .message = std::strerror(errno)};
  writer.dumper_.reset(dumper);
  return writer;
}

void CaptureWriter::write(std::int64_t time_ns, const std::vector<std::uint8_t>& frame) {
  pcap_pkthdr header{};
  header.ts.tv_sec = static_cast<time_t>(time_ns / ns_per_s);
  header.ts.tv_usec = static_cast<suseconds_t>(time_ns % ns_per_s);
  header.caplen = header.len = static_cast<bpf_u_int32>(frame.size());
  pcap_dump(static_cast<u_char*>(dumper_.get()), &header, frame.data());
}

Result<void> CaptureWriter::close() {
  auto* dumper = static_cast<pcap_dumper_t*>(dumper_.get());
  const bool failed = pcap_dump_flush(dumper) != 0 || std::ferror(pcap_dump_file(dumper)) != 0;
  dumper_.reset();
  if (failed) return Error{.file = path_, .message = "could not be written"};
  return {};
}

}  // namespace wayout::io
