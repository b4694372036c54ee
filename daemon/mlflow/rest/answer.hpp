#pragma once

#include <functional>
#include <variant>

#include "daemon/mlflow/rest/failure.hpp"

namespace tracelink {

// What a server said: a value, or why there is none.
template <class T>
using Answer = std::variant<T, Failure>;
template <class T>
using AnswerHandler = std::function<void(Answer<T>)>;

}  // namespace tracelink
