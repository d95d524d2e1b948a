// SPDX-License-Identifier: MIT
#pragma once

#include "weir/core/decision.hpp"
#include "weir/core/multiplier.hpp"
#include "weir/core/time.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>

namespace weir {

/// What happened to a key.
enum class event_type : std::uint8_t {
    acquire,        ///< admitted
    block,          ///< denied, or never
    cancel,         ///< the caller gave up while waiting
    head_skip,      ///< a HEAD request passed uncounted
    response,       ///< response headers arrived
    gate,           ///< the gate moved forward
    shadow,         ///< admitted although a limit denies it: the policy is not enforced
    reload,         ///< a new configuration took effect, or was refused
    store,          ///< a verb of the shared store failed
    tune,           ///< the tuner changed the factor on the key's rates
    history_lost,   ///< the shared store has lost history: keys warm up
    store_warning,  ///< a setting of the shared store's server may lose history
    holder_died,    ///< a process that used the shared store died, and what it held on the key was ended
    feedback,       ///< an answer said something about limits that the one before did not say
};

[[nodiscard]] constexpr std::string_view to_string(event_type t) noexcept {
    switch (t) {
    case event_type::acquire:
        return "acquire";
    case event_type::block:
        return "block";
    case event_type::cancel:
        return "cancel";
    case event_type::head_skip:
        return "head_skip";
    case event_type::response:
        return "response";
    case event_type::gate:
        return "gate";
    case event_type::shadow:
        return "shadow";
    case event_type::reload:
        return "reload";
    case event_type::store:
        return "store";
    case event_type::tune:
        return "tune";
    case event_type::history_lost:
        return "history_lost";
    case event_type::store_warning:
        return "store_warning";
    case event_type::holder_died:
        return "holder_died";
    case event_type::feedback:
        return "feedback";
    }
    return "?";
}

/// One event. The texts live only as long as the call.
struct event {
    event_type type{};
    instant at{};  ///< on the store's timeline
    std::string_view host;
    std::string_view role;
    decision verdict{};        ///< for acquire, block, cancel, head_skip and shadow; `retry_at` for gate and feedback
    duration max_delay{};      ///< the longest time that this caller would have waited
    int status = 0;            ///< for response and feedback: the HTTP status, 0 = unknown
    std::string_view text{};   ///< for reload: the faults, or "" when it took effect; for store: what failed; for tune:
                               ///< why; for feedback: a warning, or ""
    multiplier before{};       ///< for tune: the factor until now
    multiplier after{};        ///< for tune: the factor from now on
    std::int64_t answers = 0;  ///< for tune: the answers that decided, including refusals
    std::int64_t refusals = 0;               ///< for tune: refusals among `answers`
    std::span<const std::string> used{};     ///< for feedback: what was understood and is obeyed
    std::span<const std::string> dropped{};  ///< for feedback: what was not, and why
    std::uint64_t holder = 0;                ///< for holder_died: the id of `holder_info`
    std::string_view holder_host{};          ///< for holder_died: the machine of the process
    std::int64_t holder_pid = 0;             ///< for holder_died: the process
    std::int64_t holder_entries = 0;         ///< for holder_died: its requests whose entries were ended
};

/// Sees what the limiter does, and cannot change it.
///
/// It is called on the thread that made the event, with no lock held, and from several threads at once. Its exceptions
/// are ignored, so it cannot break an acquire or lose a permit.
template <class O>
concept observer = requires(O& o, const event& e) {
    // One function, so that a new kind of event breaks no observer.
    o.on_event(e);
};

/// Ignores every event and costs nothing.
struct no_observer {
    static constexpr void on_event(const event&) noexcept {}
};

static_assert(observer<no_observer>);

/// Sends an event to an observer. With the default observer, the compiler removes the event too.
template <observer O, class MakeEvent>
inline void notify(O& o, MakeEvent&& make) noexcept {
    if constexpr (!std::is_same_v<O, no_observer>) {
        // An observer may turn out to be empty at run time. Making the event is most of the cost, so it is asked first.
        if constexpr (requires { o.is_listening(); })
            if (!o.is_listening())
                return;
        try {
            o.on_event(make());
        } catch (...) {  // NOLINT: a failure of the observer must not become the caller's
        }
    }
}

}  // namespace weir
