// SPDX-License-Identifier: MIT
#pragma once

#include "weir/config/layer.hpp"
#include "weir/core/text.hpp"
#include "weir/ext/yaml/detail/bounded_input.hpp"
#include "weir/ext/yaml/detail/key_set.hpp"
#include "weir/ext/yaml/parse_limits.hpp"

#include <fmt/format.h>
#include <yaml-cpp/anchor.h>
#include <yaml-cpp/emitterstyle.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/mark.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace weir::yaml::detail {

/// Ends the parsing early. The layer has the reason.
struct stop {};

/// Turns the parser's events into leaves. It uses events and not a node tree, because a tree drops the second of two
/// equal keys, shares aliased nodes and loses which scalar was quoted.
///
/// A fault does not end the reading, so that all faults are reported together. Reading ends early only if the rest has
/// no meaning or would cost too much.
class leaf_handler final : public YAML::EventHandler {
public:
    leaf_handler(layer& out, const source_location& file, bounded_input& input, const parse_limits& bounds)
        : out_(out), file_(file), input_(input), bounds_(bounds) {}

    /// Reports the faults that are known only at the end.
    void finish() {
        if (documents_ == 0)
            fail(file_, empty);
    }
    /// Forgets the value that a syntax error interrupted, because a fault about half a value would mislead.
    void cut() {
        if (!out_.leaves().empty() && out_.leaves().back().kind != value_kind::section)
            out_.drop_key();
    }
    /// Reports why the input ended early.
    void starve() {
        out_.add_fault(at(last_), "",
                       fmt::format("from here on {} KiB hold no key and no value; is a quote or a bracket not closed, "
                                   "or a text or a line without end?",
                                   bounded_input::max_ahead >> 10U));
    }

    void OnDocumentStart(const YAML::Mark& mark) override {
        if (++documents_ == 1)
            return;
        fail(at(mark), "it holds a second document; give each a file of its own");
        throw stop{};
    }
    void OnDocumentEnd() override {}

    void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
        begin(mark, "?", anchor);
        if (frames_.empty()) {
            fail(at(mark), empty);
            throw stop{};
        }
        if (wants_key())
            return take_key(mark, "null");
        if (top().is_list)
            count();
        if (top().is_list && top().kept)
            fail(at(mark), "a list holds no nulls", path());
        end_value();
    }

    void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
        begin(mark, "?", 0);
        fail(at(mark), no_anchors);
        if (frames_.empty())
            throw stop{};
        if (wants_key())
            return refuse_key();
        if (keep())
            out_.drop_key();
        end_value();
    }

    void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  const std::string& text) override {
        begin(mark, tag, anchor);
        if (frames_.empty()) {
            fail(at(mark), "found a single value; a configuration is a mapping such as \"version: 1\"");
            throw stop{};
        }
        if (wants_key())
            return take_key(mark, text);
        const scalar_form form = tag == "!" ? scalar_form::quoted : scalar_form::plain;
        if (top().is_list) {
            count();
            if (top().kept)
                out_.add_item(text, form, place_of(mark));
        } else if (keep()) {
            out_.set_value(value_kind::one, place_of(mark));
            out_.add_item(text, form, place_of(mark));
        }
        end_value();
    }

    void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                         YAML::EmitterStyle::value) override {
        begin(mark, tag, anchor);
        if (frames_.empty()) {
            fail(at(mark), "found a list; a configuration is a mapping such as \"version: 1\"");
            throw stop{};
        }
        if (may_open(mark, "a list"))
            out_.set_value(value_kind::list, place_of(mark));
        open(true);
    }
    void OnSequenceEnd() override { close(); }

    void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                    YAML::EmitterStyle::value) override {
        begin(mark, tag, anchor);
        if (!frames_.empty() && may_open(mark, "a mapping"))
            out_.set_value(value_kind::section, place_of(mark));
        open(false);
    }
    void OnMapEnd() override { close(); }

private:
    static constexpr const char* empty = "it is empty; write at least \"version: 1\"";
    static constexpr const char* no_anchors = "aliases and anchors are not taken; write the value out";

    struct frame {
        bool is_list = false;
        bool is_key = false;  ///< it is in the position of a key, which is a fault
        bool kept = true;     ///< false inside a refused value: it is read for its faults, but makes no leaves
        bool has_key = false;
        bool key_kept = true;
        bool is_hosts = false;              ///< it may have more keys than other mappings
        std::uint32_t section = leaf::top;  ///< the leaf whose value is this mapping
        std::size_t items = 0;
    };

    [[nodiscard]] static weir::mark place_of(const YAML::Mark& mark) noexcept {
        if (mark.is_null())
            return {};
        return {static_cast<std::uint32_t>(mark.line) + 1, static_cast<std::uint32_t>(mark.column) + 1};
    }
    [[nodiscard]] source_location at(const YAML::Mark& mark) const {
        return file_.at(place_of(mark).line, place_of(mark).column);
    }
    void fail(const source_location& where, std::string message, std::string path = {}) {
        out_.add_fault(where, std::move(path), std::move(message));
        if (out_.faults.size() < max_faults)
            return;
        out_.add_fault(where, "", fmt::format("these are {} faults; what follows is not read", max_faults));
        throw stop{};
    }
    /// Counts one more key or item.
    void count() {
        frame& f = top();
        if (++count_ > bounds_.leaves)
            fail(at(last_), fmt::format("the file has more than {} keys and lists' items", bounds_.leaves), path());
        else if (++f.items > bounds_.items && !f.is_hosts)
            fail(at(last_),
                 f.is_list ? fmt::format("it has more than {} items", bounds_.items)
                           : fmt::format("it has more than {} keys, as only hosts and host_groups may", bounds_.items),
                 f.is_list || f.section == leaf::top ? path() : out_.path(out_.leaves()[f.section]));
        else
            return;
        throw stop{};
    }
    void begin(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor) {
        input_.progress();
        last_ = mark;
        if (anchor != 0)
            fail(at(mark), no_anchors);
        if (!tag.empty() && tag != "?" && tag != "!")
            fail(at(mark), fmt::format("tags are not taken, found {}", weir::detail::in_quotes(tag)));
    }

    [[nodiscard]] frame& top() { return frames_.back(); }
    [[nodiscard]] bool wants_key() { return !top().is_list && !top().has_key; }
    /// Whether the next value makes a leaf.
    [[nodiscard]] bool keep() { return !top().is_list && top().kept && top().key_kept; }
    void end_value() { top().has_key = false; }
    void refuse_key() {
        top().has_key = true;
        top().key_kept = false;
    }

    /// Whether a list or mapping may begin here. If not, it reports why.
    [[nodiscard]] bool may_open(const YAML::Mark& mark, std::string_view what) {
        if (wants_key())
            fail(at(mark), fmt::format("found {} where a key stands", what), path());
        else if (top().is_list && top().kept)
            fail(at(mark), fmt::format("found {} in a list; a list holds single values", what), path());
        else
            return keep();
        return false;
    }
    void open(bool is_list) {
        if (frames_.size() >= bounds_.depth) {
            fail(at(last_), fmt::format("it is nested more than {} deep", bounds_.depth), path());
            throw stop{};
        }
        const bool root = frames_.empty();
        const bool is_key = !root && wants_key();
        if (!root && top().is_list)
            count();
        const bool kept = root || (!is_key && keep());
        const auto newest = static_cast<std::uint32_t>(out_.leaves().size() - 1);
        const bool is_hosts = frames_.size() == 1 && kept && is_long(out_.key(out_.leaves()[newest]));
        frames_.push_back({.is_list = is_list,
                           .is_key = is_key,
                           .kept = kept,
                           .is_hosts = is_hosts,
                           .section = root || !kept ? leaf::top : newest});
        if (keys_.size() < frames_.size())
            keys_.emplace_back();
        keys_[frames_.size() - 1].clear();
    }
    void close() {
        const bool was_key = top().is_key;
        // A list whose items were all refused is not an empty list.
        if (top().is_list && top().kept && top().items > 0 && out_.leaves().back().item_count == 0)
            out_.drop_key();
        frames_.pop_back();
        if (!frames_.empty())
            was_key ? refuse_key() : end_value();
    }

    void take_key(const YAML::Mark& mark, const std::string& text) {
        frame& f = top();
        f.has_key = true;
        f.key_kept = f.kept;
        if (!f.kept)
            return count();
        if (text.size() > bounds_.key) {
            fail(at(mark), fmt::format("found a key of {} bytes; none has more than {}", text.size(), bounds_.key));
            throw stop{};
        }
        const auto index = static_cast<std::uint32_t>(out_.leaves().size());
        const auto [first, crowded] = keys_[frames_.size() - 1].add(out_, text, index);
        if (first != nullptr) {
            f.key_kept = false;
            fail(at(mark), fmt::format("duplicate key: already at {}; keep one of them", out_.key_at(*first).text()),
                 out_.path(*first));
        } else if (crowded) {
            fail(at(mark), "its keys are made to collide in a hash table");
            throw stop{};
        } else {
            out_.add_key(f.section, text, place_of(mark));
        }
        count();
    }

    [[nodiscard]] static bool is_long(std::string_view key) { return key == "hosts" || key == "host_groups"; }

    /// The path of the key whose value is being read, or of the mapping.
    [[nodiscard]] std::string path() const {
        const auto inner = std::find_if(frames_.rbegin(), frames_.rend(), [](const frame& f) { return f.kept; });
        if (inner == frames_.rend() || out_.leaves().empty())
            return {};
        if (inner->is_list || (inner->has_key && inner->key_kept))
            return out_.path(out_.leaves().back());
        return inner->section == leaf::top ? "" : out_.path(out_.leaves()[inner->section]);
    }

    layer& out_;
    source_location file_;
    bounded_input& input_;
    parse_limits bounds_;
    std::size_t count_ = 0;
    std::size_t documents_ = 0;
    YAML::Mark last_{};  // of the last event
    std::vector<frame> frames_;
    std::vector<key_set> keys_;  // of the frame of the same depth; its memory is used again
};

}  // namespace weir::yaml::detail
