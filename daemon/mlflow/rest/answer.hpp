#pragma once

#include <functional>

#include "daemon/base/result.hpp"
#include "daemon/mlflow/rest/failure.hpp"

namespace tracelink {

// What a server said: a value, or why there is none.
template <class T>
using Answer = Result<T, Failure>;
template <class T>
using AnswerHandler = std::function<void(Answer<T>)>;

}  // namespace tracelink
