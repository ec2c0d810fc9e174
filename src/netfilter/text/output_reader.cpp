#include "netfilter/text/output_reader.hpp"

#include <utility>

#include "netfilter/text/lines.hpp"

namespace wayout::netfilter::text {

OutputReader::OutputReader(const std::string& file, const ReadOptions& options)
    : options_(options) {
  ruleset_.backend = options.backend;
  ruleset_.family = options.family;
  ruleset_.file = file;
}

Result<Ruleset> OutputReader::read(std::string_view text) {
  split(text);
  for_lines(&OutputReader::show_chain);
  for_lines(&OutputReader::read_line);
  if (problem_.found()) return error_at(ruleset_.file, line_, problem_);
  return std::move(tables_).finish(std::move(ruleset_));
}

void OutputReader::for_lines(Action action) {
  for (const Output& output : outputs_.list()) {
    if (output.lines.empty()) continue;
    TableBuilder& table = tables_.table(output.table(options_.table));
    for (const NumberedLine& line : output.lines) {
      if (problem_.found()) return;
      line_ = line.number;
      (this->*action)(line.text, table);
    }
  }
}

}  // namespace wayout::netfilter::text
