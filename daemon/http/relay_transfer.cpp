#include "daemon/http/relay_transfer.hpp"

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "daemon/http/curl_easy.hpp"
#include "daemon/text/ascii_case.hpp"
#include "daemon/text/blanks.hpp"

namespace tracelink {
namespace {

constexpr long kConnectSeconds = 5;
constexpr std::size_t kMaxAnswerHeaderBytes = 128u << 10;

}  // namespace

RelayTransfer::RelayTransfer(const std::string& uri, const CurlOptions& options,
                             RelayRequest request, std::shared_ptr<RelayTarget> target)
    : options_(options),
      url_(uri + request.target),
      request_(std::move(request)),
      target_(std::move(target)),
      easy_(curl_easy_init()) {
  if (easy_ == nullptr) std::abort();  // out of memory
}

RelayTransfer::~RelayTransfer() {
  curl_easy_cleanup(easy_);
  curl_slist_free_all(header_list_);
}

Result<void> RelayTransfer::prepare() {
  set_connection_options();
  set_method_and_body();
  return set_headers();
}

void RelayTransfer::set_connection_options() {
  set_common_options(easy_, options_, url_);
  curl_easy_setopt(easy_, CURLOPT_PATH_AS_IS, 1L);
  curl_easy_setopt(easy_, CURLOPT_CONNECTTIMEOUT, kConnectSeconds);
  curl_easy_setopt(easy_, CURLOPT_LOW_SPEED_LIMIT, 1L);
  curl_easy_setopt(easy_, CURLOPT_LOW_SPEED_TIME, static_cast<long>(request_.silence.count()));
  if (request_.timeout) {
    curl_easy_setopt(easy_, CURLOPT_TIMEOUT_MS, static_cast<long>(request_.timeout->count()));
  }
  curl_easy_setopt(easy_, CURLOPT_ERRORBUFFER, error_text_.data());
  curl_easy_setopt(easy_, CURLOPT_WRITEFUNCTION, &on_write);
  curl_easy_setopt(easy_, CURLOPT_WRITEDATA, this);
  curl_easy_setopt(easy_, CURLOPT_HEADERFUNCTION, &on_header);
  curl_easy_setopt(easy_, CURLOPT_HEADERDATA, this);
}

void RelayTransfer::set_method_and_body() {
  const bool has_body = !request_.body_bytes || *request_.body_bytes > 0;
  const bool may_lack_body = request_.method == "GET" || drops_body();
  if (drops_body()) {
    curl_easy_setopt(easy_, CURLOPT_NOBODY, 1L);
  } else if (has_body || !may_lack_body) {
    curl_easy_setopt(easy_, CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(easy_, CURLOPT_READFUNCTION, &on_read);
    curl_easy_setopt(easy_, CURLOPT_READDATA, this);
    const auto bytes = request_.body_bytes ? static_cast<curl_off_t>(*request_.body_bytes) : -1;
    curl_easy_setopt(easy_, CURLOPT_INFILESIZE_LARGE, bytes);
  }
  // On a kept connection that the server closes meanwhile, libcurl would send it twice, or fail.
  if (!may_lack_body) curl_easy_setopt(easy_, CURLOPT_FRESH_CONNECT, 1L);
  curl_easy_setopt(easy_, CURLOPT_CUSTOMREQUEST, request_.method.c_str());
}

Result<void> RelayTransfer::set_headers() {
  add_header("Expect:");
  add_header("Accept:");  // libcurl's own, unless the client has one
  for (const auto& [name, value] : request_.headers) {
    if (breaks_a_header(name) || breaks_a_header(value)) {
      return Error{ErrorCode::invalid, "a header holds a control character"};
    }
    add_header(value.empty() ? name + ";" : name + ": " + value);
  }
  curl_easy_setopt(easy_, CURLOPT_HTTPHEADER, header_list_);
  return {};
}

void RelayTransfer::add_header(const std::string& line) {
  curl_slist* longer = curl_slist_append(header_list_, line.c_str());
  if (longer == nullptr) std::abort();  // out of memory
  header_list_ = longer;
}

// A body comes at once, or in pieces of which few wait here: either way little is moved, if it is
// moved here.
void RelayTransfer::send(std::string_view bytes, bool last) {
  if (drops_body()) return target_->on_sent(bytes.size());
  outgoing_.erase(0, std::exchange(outgoing_at_, 0));
  outgoing_ += bytes;
  all_given_ |= last;
  if (!std::exchange(sending_paused_, false)) return;
  curl_easy_pause(easy_, receiving_paused_ ? CURLPAUSE_RECV : CURLPAUSE_CONT);
}

void RelayTransfer::taken(std::size_t bytes) {
  untaken_ -= std::min(untaken_, bytes);
  if (untaken_ >= kRelayWindow || !std::exchange(receiving_paused_, false)) return;
  curl_easy_pause(easy_, sending_paused_ ? CURLPAUSE_SEND : CURLPAUSE_CONT);
}

Result<void> RelayTransfer::result_of(CURLcode code) const {
  if (header_bytes_ > kMaxAnswerHeaderBytes) {
    return Error{ErrorCode::unavailable, "the answer's header is longer than " +
                                             std::to_string(kMaxAnswerHeaderBytes) + " bytes"};
  }
  if (code == CURLE_OK && answered_) return {};
  const auto error = code == CURLE_OPERATION_TIMEDOUT ? ErrorCode::timeout : ErrorCode::unavailable;
  if (code == CURLE_OK) return Error{error, "the answer is no HTTP"};
  return Error{error, error_text(easy_, options_, error_text_.data(), code)};
}

std::size_t RelayTransfer::on_read(char* data, std::size_t size, std::size_t count, void* self) {
  auto& transfer = *static_cast<RelayTransfer*>(self);
  const std::size_t left = transfer.outgoing_.size() - transfer.outgoing_at_;
  if (left == 0) {
    if (transfer.all_given_) return 0;
    transfer.sending_paused_ = true;
    return CURL_READFUNC_PAUSE;
  }
  const std::size_t bytes = std::min(size * count, left);
  transfer.outgoing_.copy(data, bytes, transfer.outgoing_at_);
  transfer.outgoing_at_ += bytes;
  transfer.target_->on_sent(bytes);
  return bytes;
}

std::size_t RelayTransfer::on_write(char* data, std::size_t size, std::size_t count, void* self) {
  auto& transfer = *static_cast<RelayTransfer*>(self);
  if (transfer.untaken_ >= kRelayWindow) {
    transfer.receiving_paused_ = true;
    return CURL_WRITEFUNC_PAUSE;
  }
  const std::size_t bytes = size * count;
  transfer.untaken_ += bytes - transfer.target_->on_body(std::string(data, bytes));
  return bytes;
}

std::size_t RelayTransfer::on_header(char* data, std::size_t size, std::size_t count, void* self) {
  auto& transfer = *static_cast<RelayTransfer*>(self);
  if (!transfer.count_header(size * count)) return 0;
  transfer.take_header_line({data, size * count});
  return size * count;
}

bool RelayTransfer::count_header(std::size_t bytes) {
  header_bytes_ += bytes;
  return header_bytes_ <= kMaxAnswerHeaderBytes;
}

// Where a body comes in chunks, a Content-Length is not its length (RFC 9112, section 6.3).
void RelayTransfer::leave_out_unused_length() {
  const auto is = [](std::string_view name) {
    return [name](const auto& header) { return equal_ignoring_case(header.first, name); };
  };
  if (std::ranges::any_of(answer_.headers, is("transfer-encoding"))) {
    std::erase_if(answer_.headers, is("content-length"));
  }
}

// Blocks of headers of 1xx answers come before the one that counts, trailers behind it.
void RelayTransfer::take_header_line(std::string_view line) {
  if (answered_) return;
  if (line.starts_with("HTTP/")) {
    const auto blank = line.find(' ');
    answer_ = {};
    if (blank != std::string_view::npos) {
      answer_.status = std::atoi(std::string(line.substr(blank + 1, 3)).c_str());
    }
    return;
  }
  if (trimmed(line).empty()) {
    answered_ = answer_.status >= 200;
    if (!answered_) return;
    leave_out_unused_length();
    target_->on_answer(std::move(answer_));
    return;
  }
  const auto colon = line.find(':');
  if (colon == std::string_view::npos) return;
  answer_.headers.emplace_back(line.substr(0, colon), trimmed(line.substr(colon + 1)));
}

}  // namespace tracelink
