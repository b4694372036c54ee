#pragma once

#include <string>

#include "ipc/server/sequential_connection.hpp"
#include "ipc/wire/line_splitter.hpp"

namespace tracelink {

// Each line is one OTLP JSON request and is answered by one line:
// {} or {"partialSuccess":…} or {"error":…}.
class JsonLinesConnection final : public SequentialConnection {
 public:
  JsonLinesConnection(StreamSocket socket, Peer peer, ServerContext& context,
                      std::string first_bytes);
  Task<void> run() override;

 private:
  std::string farewell() const override { return reply_line(no_room()); }
  Task<bool> serve_input();
  Task<bool> give_up_line();
  Task<bool> grow();
  Task<bool> serve_line(Result<std::string> line);

  LineSplitter lines_;
  std::string input_;
  std::size_t reserved_bytes_ = 0;
};

}  // namespace tracelink
