// SPDX-License-Identifier: MIT
#pragma once

#include "weir/core/decision.hpp"
#include "weir/core/policy.hpp"
#include "weir/core/time.hpp"
#include "weir/observe/feedback.hpp"
#include "weir/observe/feedback_text.hpp"
#include "weir/observe/observer.hpp"
#include "weir/storage/store_notice.hpp"
#include "weir/tuner/aimd_law.hpp"

#include <algorithm>
#include <cstdint>
#include <new>
#include <string_view>
#include <type_traits>

namespace weir::detail {

/// Sends events to one observer; each call is one event. With the default observer the compiler removes them.
template <observer Observer>
struct event_emitter {
    [[no_unique_address]] Observer to;

    template <class Node>
    void decided([[maybe_unused]] const Node& n, [[maybe_unused]] std::int64_t cost, [[maybe_unused]] const decision& d,
                 [[maybe_unused]] instant at, [[maybe_unused]] duration max_delay) noexcept {
        notify(to, [&] {
            event e{event_type::block, at + d.waited, n.host, n.role, d, max_delay};
            if (d.granted() && d.cause != cause::none)
                e.type = event_type::shadow;
            else if (d.granted())
                e.type = cost == 0 ? event_type::head_skip : event_type::acquire;
            else if (d.outcome == outcome::cancelled)
                e.type = event_type::cancel;
            return e;
        });
    }
    template <class Node>
    void answered([[maybe_unused]] const Node& n, [[maybe_unused]] int status, [[maybe_unused]] instant now) noexcept {
        notify(to, [&] {
            event e{event_type::response, now, n.host, n.role};
            e.status = status;
            return e;
        });
    }
    template <class Node>
    void gate_moves([[maybe_unused]] const Node& n, [[maybe_unused]] instant now,
                    [[maybe_unused]] instant until) noexcept {
        notify(to, [&] {
            event e{event_type::gate, now, n.host, n.role};
            e.verdict.retry_at = until;
            return e;
        });
    }
    template <class Node>
    void tuned([[maybe_unused]] const Node& n, [[maybe_unused]] const adjustment& a,
               [[maybe_unused]] instant now) noexcept {
        notify(to, [&] {
            event e{event_type::tune, now, n.host, n.role};
            e.text = to_string(a.why);
            e.before = a.before;
            e.after = a.after;
            e.answers = a.answers;
            e.refusals = a.refusals;
            return e;
        });
    }
    /// The key sends nothing until `until`; `long_ago` = it goes on.
    template <class Node>
    void feedback([[maybe_unused]] const Node& n, [[maybe_unused]] const policy& p,
                  [[maybe_unused]] const weir::feedback& said, [[maybe_unused]] bool is_refused,
                  [[maybe_unused]] instant until, [[maybe_unused]] instant now) noexcept {
        if constexpr (!std::is_same_v<Observer, no_observer>) {
            try {
                const auto text = describe(p, said, is_refused, until > now ? until - now : duration::zero());
                notify(to, [&] {
                    event e{event_type::feedback, now, n.host, n.role};
                    e.verdict.retry_at = std::max(until, now);
                    e.status = said.status;
                    e.text = text.warning;
                    e.used = text.used;
                    e.dropped = text.dropped;
                    return e;
                });
            } catch (const std::bad_alloc&) {
                // Without memory there is no event.
            }
        }
    }
    /// `faults` is empty when the new configuration took effect.
    void reloaded([[maybe_unused]] std::string_view faults, [[maybe_unused]] instant now) noexcept {
        notify(to, [&] {
            event e{event_type::reload, now, {}, {}};
            e.text = faults;
            return e;
        });
    }
    template <class Node>
    void store_noticed([[maybe_unused]] const Node& n, [[maybe_unused]] const store_notice& what,
                       [[maybe_unused]] instant now) noexcept {
        notify(to, [&] {
            event e{type_of(what.type), now, n.host, n.role};
            e.text = what.text;
            e.holder = what.died.id;
            e.holder_host = what.died.host;
            e.holder_pid = what.died.pid;
            e.holder_entries = what.died.entries;
            return e;
        });
    }
    [[nodiscard]] static constexpr event_type type_of(store_notice::kind k) noexcept {
        switch (k) {
        case store_notice::kind::history_lost:
            return event_type::history_lost;
        case store_notice::kind::holder_died:
            return event_type::holder_died;
        case store_notice::kind::warning:
            break;
        }
        return event_type::store_warning;
    }
    template <class Node>
    void store_failed([[maybe_unused]] const Node& n, [[maybe_unused]] std::string_view what,
                      [[maybe_unused]] instant now) noexcept {
        notify(to, [&] {
            event e{event_type::store, now, n.host, n.role};
            e.text = what;
            return e;
        });
    }
};

}  // namespace weir::detail
