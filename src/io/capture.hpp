// Captures as tcpdump writes them: frames with times, read one by one and written one by one.
//
// Reading takes pcap and pcapng, in microseconds or nanoseconds, of Ethernet, Linux cooked (SLL and
// SLL2) and raw IP; what is written is pcap in nanoseconds, of Ethernet or raw IP. Memory: one frame.
// libpcap does the formats; nothing here looks into a frame further than its link header.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "packet/packet.hpp"
#include "wayout/result.hpp"

namespace wayout::io {

/// One frame of a capture.
struct CapturedFrame {
  std::int64_t time_ns = 0;          ///< Unix time
  std::vector<std::uint8_t> bytes;   ///< from the Ethernet header on; without one: from the IP header
  bool has_ethernet = true;
  PacketType type = PacketType::host;  ///< without an Ethernet header: whom it was for, where known
  std::uint32_t length_bytes = 0;    ///< on the wire

  [[nodiscard]] bool is_cut() const { return length_bytes > bytes.size(); }
};

/// A capture being read. Life: open, next() until it yields nothing or fails, gone.
class CaptureReader {
 public:
  /// Fails, naming the file, where there is none, where it is no capture, and at a link type that is
  /// not among those above (which it names).
  [[nodiscard]] static Result<CaptureReader> open(const std::string& path);

  /// The next frame; nothing at the end. Fails where the file ends in the middle of a frame or is
  /// broken; what came before it has been given out.
  [[nodiscard]] Result<std::optional<CapturedFrame>> next();

  [[nodiscard]] const std::string& path() const { return path_; }
  /// How far the file has been read, and how long it is, in bytes; 0 where it is no regular file.
  [[nodiscard]] std::uint64_t position_bytes() const;
  [[nodiscard]] std::uint64_t size_bytes() const { return size_bytes_; }

 private:
  struct Close {
    void operator()(void* handle) const;
  };
  CaptureReader() = default;

  std::string path_;
  std::unique_ptr<void, Close> handle_;  ///< pcap_t
  int link_type_ = 0;
  std::uint64_t size_bytes_ = 0;
};

/// A capture being written. Life: create, write() any number of times, close(); without close() the
/// destructor does it and errors are lost.
class CaptureWriter {
 public:
  /// Fails, naming the file, where it cannot be made.
  [[nodiscard]] static Result<CaptureWriter> create(const std::string& path, bool ethernet = true);

  /// `time_ns`: Unix time. Errors show at close().
  void write(std::int64_t time_ns, const std::vector<std::uint8_t>& frame);
  /// Everything is in the file. Fails where it could not be written (disk full).
  [[nodiscard]] Result<void> close();

 private:
  struct Close {
    void operator()(void* handle) const;
  };
  struct Dead {
    void operator()(void* handle) const;
  };
  CaptureWriter() = default;

  std::string path_;
  std::unique_ptr<void, Dead> format_;   ///< pcap_t of pcap_open_dead
  std::unique_ptr<void, Close> dumper_;  ///< pcap_dumper_t
};

}  // namespace wayout::io
