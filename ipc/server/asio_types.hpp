#pragma once

#include <chrono>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace tracelink {

// Asio's types bound to the io_context's own executor: its type-erased default costs an allocation
// and virtual calls for each operation. The generic protocol covers Unix and TCP sockets.
using IoExecutor = boost::asio::io_context::executor_type;
using StreamSocket =
    boost::asio::basic_stream_socket<boost::asio::generic::stream_protocol, IoExecutor>;
using StreamAcceptor =
    boost::asio::basic_socket_acceptor<boost::asio::generic::stream_protocol, IoExecutor>;
using IoTimer = boost::asio::basic_waitable_timer<
    std::chrono::steady_clock, boost::asio::wait_traits<std::chrono::steady_clock>, IoExecutor>;
template <class T>
using Task = boost::asio::awaitable<T, IoExecutor>;

// Errors as values: auto [error] = co_await timer.async_wait(kUseTask);
inline constexpr boost::asio::as_tuple_t<boost::asio::use_awaitable_t<IoExecutor>> kUseTask{};

}  // namespace tracelink
