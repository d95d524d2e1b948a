// SPDX-License-Identifier: MIT
#pragma once

#include "weir/config/detail/settings.hpp"
#include "weir/config/policy_leaves.hpp"
#include "weir/core/aimd.hpp"
#include "weir/core/backend_options.hpp"
#include "weir/core/error.hpp"
#include "weir/core/key.hpp"
#include "weir/core/policy.hpp"
#include "weir/core/result.hpp"
#include "weir/core/text.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace weir {

/// The checked policy of every key, and the settings of the whole process.
///
/// A default-constructed one has the built-in defaults: three roles with two rates each, no hosts, at most 500 requests
/// in flight, the memory store, no tuning.
///
/// **Thread safety.** Immutable: any number of threads may read one. **Complexity.** A copy is one pointer.
class configuration {
public:
    class builder;

    configuration() : state_(builtin()) {}

    /// The policy of a canonical host and a role.
    ///
    /// Each leaf has the first value that is set in this order: the host (with its port, then without it); the
    /// wildcards that match it (most specific first; with its port, then without); the role's defaults; for `aimd` the
    /// process-wide leaf; the role's built-in defaults. A host that belongs to a group has the policy of the group's
    /// name.
    ///
    /// **Errors.** `errc::unknown_role`, naming the closest role. **Complexity.** One lookup for each label of the
    /// host.
    [[nodiscard]] result<policy> policy_for(std::string_view host, std::string_view role) const {
        return state_->policy_for(host, role);
    }

    /// The host of the key of a canonical host's requests: the name of its group, or the host itself.
    ///
    /// The most specific member decides: the host with its port, without it, the wildcards. **Lifetime.** A view of the
    /// argument or of the configuration. **Complexity.** One lookup if there are no groups, else one for each label.
    [[nodiscard]] std::string_view key_host(std::string_view host) const { return state_->key_host(host); }
    /// Every group and its members.
    [[nodiscard]] const std::map<std::string, std::vector<std::string>, std::less<>>& host_groups() const noexcept {
        return state_->groups.members;
    }

    /// The maximum of requests of the whole process in flight; 0 = no ceiling.
    [[nodiscard]] std::int64_t global_max_inflight() const noexcept {
        return state_->disabled ? 0 : state_->global_max_inflight;
    }
    /// Every role, the built-in three first, then in the order of their declaration.
    [[nodiscard]] std::span<const std::string> roles() const noexcept { return state_->roles; }
    /// Every host and wildcard with its own leaves, sorted.
    [[nodiscard]] std::vector<std::string> hosts() const {
        std::vector<std::string> out;
        for (const auto& [name, leaves] : state_->hosts)
            out.push_back(name);
        return out;
    }
    [[nodiscard]] const backend_options& backend() const noexcept { return state_->backend; }
    [[nodiscard]] const aimd_options& aimd() const noexcept { return state_->aimd; }
    /// Whether limiting is off. Then every known role is `unlimited` and there is no ceiling.
    [[nodiscard]] bool disabled() const noexcept { return state_->disabled; }
    /// Whether every policy only reports, because `enforce` is false.
    [[nodiscard]] bool shadow() const noexcept { return state_->shadow; }

    friend bool operator==(const configuration& a, const configuration& b) {
        return a.state_ == b.state_ || *a.state_ == *b.state_;
    }

private:
    friend struct detail::configuration_access;
    explicit configuration(detail::settings s) : state_(std::make_shared<const detail::settings>(std::move(s))) {}

    static const std::shared_ptr<const detail::settings>& builtin() {
        static const auto instance = std::make_shared<const detail::settings>();
        return instance;
    }

    std::shared_ptr<const detail::settings> state_;
};

/// Makes a configuration in C++, starting from the built-in defaults.
///
/// A later call for the same leaf replaces an earlier one. Nothing is checked before `build()`, which reports all
/// faults together.
class configuration::builder {
public:
    /// Declares one more role. Its defaults are those of `metadata` until they are set.
    builder& role(std::string_view name) {
        if (const auto fault = detail::role_name_fault(name); !fault.empty())
            faults_.push_back(fault);
        else
            state_.declare(name);
        return *this;
    }
    /// Sets every leaf of a role's defaults, including its `aimd`.
    builder& defaults(std::string_view role, const policy& p) { return defaults(role, policy_leaves::of(p)); }
    /// Sets some leaves of a role's defaults.
    builder& defaults(std::string_view role, const policy_leaves& leaves) {
        steps_.push_back({{}, std::string{role}, leaves});
        return *this;
    }
    /// Sets every leaf of a host's role. The host is made canonical. `*.example.org` is every host below example.org.
    builder& host(std::string_view name, std::string_view role, const policy& p) {
        return host(name, role, policy_leaves::of(p));
    }
    /// Sets some leaves of a host's role; the others are inherited.
    builder& host(std::string_view name, std::string_view role, const policy_leaves& leaves) {
        steps_.push_back({std::string{name}, std::string{role}, leaves});
        if (name.empty())
            faults_.push_back("hosts: a host's name is empty");
        return *this;
    }
    /// The maximum of requests in flight; 0 = no ceiling.
    builder& global_max_inflight(std::int64_t max) {
        state_.global_max_inflight = max;
        return *this;
    }
    builder& backend(backend_options b) {
        state_.backend = std::move(b);
        return *this;
    }
    /// The tuner's options of every key that has none of its own.
    builder& aimd(const aimd_options& a) {
        state_.aimd = a;
        return *this;
    }
    /// Turns limiting off.
    builder& disabled(bool off = true) {
        state_.disabled = off;
        return *this;
    }
    /// Makes every policy only report.
    builder& shadow(bool only_report = true) {
        state_.shadow = only_report;
        return *this;
    }
    /// Makes hosts and wildcards share one budget, whose leaves are those of the host `group`. A later call for the
    /// group replaces its members.
    builder& host_group(std::string_view group, std::vector<std::string> members) {
        groups_.insert_or_assign(std::string{group}, std::move(members));
        return *this;
    }
    /// Makes A-labels of hosts with letters outside ASCII; without it such a host is a fault.
    builder& idna(idna_function f) {
        idna_ = f;
        return *this;
    }

    /// Checks everything and returns the configuration.
    ///
    /// **Errors.** `errc::bad_configuration`, whose message has one line for each fault. The builder does not change.
    [[nodiscard]] result<configuration> build() const {
        detail::settings out = state_;
        std::vector<std::string> faults = faults_;
        // A later step has precedence.
        for (auto s = steps_.rbegin(); s != steps_.rend(); ++s)
            apply(*s, out, faults);
        for (const auto& [group, members] : groups_)
            add_group(group, members, out, faults);
        if (!groups_.empty())
            out.groups.index();
        for (std::string& text : detail::faults_of(out))
            faults.push_back(std::move(text));
        if (faults.empty())
            return configuration{std::move(out)};
        std::string text;
        for (const std::string& fault : faults)
            text.append(text.empty() ? "" : "\n").append(fault);
        return error{errc::bad_configuration, std::move(text)};
    }

private:
    struct step {
        std::string host;
        std::string role;
        policy_leaves leaves;
    };

    void apply(const step& s, detail::settings& out, std::vector<std::string>& faults) const {
        const auto index = out.role_index(s.role);
        if (!index) {
            faults.push_back(out.unknown_role(s.role).message);
            return;
        }
        policy_leaves* slot = &out.defaults[*index];
        if (!s.host.empty()) {
            const auto name = detail::canonical_pattern(s.host, idna_);
            if (!name) {
                faults.push_back(name.error().message);
                return;
            }
            slot = &out.leaves_of(*name, *index);
        }
        if (s.leaves.has<&policy::rates>() && s.leaves.lifts())
            faults.push_back(s.role + ": unlimited: true contradicts the rates; keep one of them");
        slot->inherit(s.leaves);
    }

    void add_group(const std::string& group, const std::vector<std::string>& members, detail::settings& out,
                   std::vector<std::string>& faults) const {
        if (detail::classify_host(group) != detail::host_form::canonical)
            faults.push_back(fmt::format("host_groups: {} is no group's name: it is one or more labels in lower case, "
                                         "without a port",
                                         detail::in_quotes(group)));
        auto& list = out.groups.members[group];
        for (const std::string& member : members) {
            auto name = detail::canonical_pattern(member, idna_);
            if (name)
                list.push_back(*std::move(name));
            else
                faults.push_back(fmt::format("host_groups.{}: {}", group, name.error().message));
        }
    }

    detail::settings state_;
    std::vector<step> steps_;
    std::map<std::string, std::vector<std::string>, std::less<>> groups_;
    std::vector<std::string> faults_;
    idna_function idna_ = nullptr;
};

namespace detail {

/// Lets `resolve` pass settings whose leaves it has checked and whose source locations it knows.
struct configuration_access {
    [[nodiscard]] static result<configuration> make(settings s) {
        const std::vector<std::string> faults = faults_of(s);
        if (faults.empty())
            return configuration{std::move(s)};
        return error{errc::bad_configuration, fmt::format("{}", fmt::join(faults, "; "))};
    }
};

}  // namespace detail
}  // namespace weir
