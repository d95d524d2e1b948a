// SPDX-License-Identifier: MIT
#pragma once

#include "weir/config/layer.hpp"
#include "weir/core/detail/text.hpp"
#include "weir/ext/yaml/detail/key_set.hpp"
#include "weir/ext/yaml/detail/paced_input.hpp"
#include "weir/ext/yaml/limits.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <yaml-cpp/anchor.h>
#include <yaml-cpp/emitterstyle.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/mark.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace weir::yaml::detail {

/// Ends the parsing early; the layer holds the reason.
struct stop {};

/// Turns the parser's events into leaves. Events, not a node tree: a tree drops the second of two equal keys, shares
/// aliased nodes and forgets which scalar was quoted.
///
/// A fault does not end the reading, so that all are told at once; only what makes the rest meaningless or dear does.
class leaf_handler final : public YAML::EventHandler {
public:
    leaf_handler(layer& out, const place& file, paced_input& input, const limits& bounds)
        : out_(out), file_(file), input_(input), bounds_(bounds) {}

    /// Says what can only be known at the end.
    void finish() {
        if (documents_ == 0)
            fail(file_, empty);
    }
    /// Forgets the value that a syntax error cut off: what is wrong with half of it would mislead.
    void cut() {
        if (!out_.leaves.empty() && out_.leaves.back().kind != value_kind::section)
            out_.leaves.pop_back();
    }
    /// Says why the input gave no more.
    void starve() {
        out_.add_fault(at(last_), "",
                       fmt::format("from here on {} KiB hold no key and no value; is a quote or a bracket not closed, "
                                   "or a text or a line without end?",
                                   paced_input::most_ahead >> 10U));
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
            fail(at(mark), "a list holds no nulls", path_text());
        else if (keep())
            out_.leaves.push_back({path(), value_kind::null, {}, key_place_, host_spelling::exact});
        end_value();
    }

    void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
        begin(mark, "?", 0);
        fail(at(mark), no_anchors);
        if (frames_.empty())
            throw stop{};
        wants_key() ? refuse_key() : end_value();
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
        scalar value{text, tag == "!" ? scalar_form::quoted : scalar_form::plain, at(mark)};
        if (top().is_list) {
            count();
            if (top().kept)
                out_.leaves.back().items.push_back(std::move(value));
        } else if (keep()) {
            place where = value.at;
            out_.leaves.push_back(
                {path(), value_kind::one, {std::move(value)}, std::move(where), host_spelling::exact});
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
            out_.leaves.push_back({path(), value_kind::list, {}, at(mark), host_spelling::exact});
        open(true);
    }
    void OnSequenceEnd() override { close(); }

    void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                    YAML::EmitterStyle::value) override {
        begin(mark, tag, anchor);
        if (!frames_.empty() && may_open(mark, "a mapping"))
            out_.leaves.push_back({path(), value_kind::section, {}, key_place_, host_spelling::exact});
        open(false);
    }
    void OnMapEnd() override { close(); }

private:
    static constexpr const char* empty = "it is empty; write at least \"version: 1\"";
    static constexpr const char* no_anchors = "aliases and anchors are not taken; write the value out";

    struct frame {
        bool is_list = false;
        bool is_key = false;  ///< it stands where a key does, which is a fault
        bool kept = true;     ///< false below what was refused: read on, for its faults, but make no leaves
        bool has_key = false;
        bool key_kept = true;
        std::string key{};
        std::size_t items = 0;
    };

    [[nodiscard]] place at(const YAML::Mark& mark) const {
        if (mark.is_null())
            return file_;
        return file_.at(static_cast<std::uint32_t>(mark.line) + 1, static_cast<std::uint32_t>(mark.column) + 1);
    }
    void fail(const place& where, std::string message, std::string path = {}) {
        out_.add_fault(where, std::move(path), std::move(message));
        if (out_.faults.size() < most_faults)
            return;
        out_.add_fault(where, "", fmt::format("these are {} faults; what follows is not read", most_faults));
        throw stop{};
    }
    /// One more key or item.
    void count() {
        frame& f = top();
        const bool many =
            !f.is_list && frames_.size() == 2 && (frames_[0].key == "hosts" || frames_[0].key == "host_groups");
        if (++count_ > bounds_.leaves)
            fail(at(last_), fmt::format("the file has more than {} keys and lists' items", bounds_.leaves),
                 path_text());
        else if (++f.items > bounds_.items && !many)
            fail(at(last_),
                 f.is_list ? fmt::format("it has more than {} items", bounds_.items)
                           : fmt::format("it has more than {} keys, as only hosts and host_groups may", bounds_.items),
                 path_text(f.is_list ? 0 : 1));
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
    /// Whether the value that comes makes a leaf.
    [[nodiscard]] bool keep() { return !top().is_list && top().kept && top().key_kept; }
    void end_value() { top().has_key = false; }
    void refuse_key() {
        top().has_key = true;
        top().key_kept = false;
    }

    /// Whether a list or mapping may begin here; says why not.
    [[nodiscard]] bool may_open(const YAML::Mark& mark, std::string_view what) {
        if (wants_key())
            fail(at(mark), fmt::format("found {} where a key stands", what), path_text(1));
        else if (top().is_list && top().kept)
            fail(at(mark), fmt::format("found {} in a list; a list holds single values", what), path_text());
        else
            return keep();
        return false;
    }
    void open(bool is_list) {
        if (frames_.size() >= bounds_.depth) {
            fail(at(last_), fmt::format("it is nested more than {} deep", bounds_.depth), path_text());
            throw stop{};
        }
        const bool root = frames_.empty();
        const bool is_key = !root && wants_key();
        if (!root && top().is_list)
            count();
        frames_.push_back({.is_list = is_list, .is_key = is_key, .kept = root || (!is_key && keep())});
        if (keys_.size() < frames_.size())
            keys_.emplace_back();
        keys_[frames_.size() - 1].clear();
    }
    void close() {
        const bool was_key = top().is_key;
        // A list whose every item is refused is not an empty one.
        if (top().is_list && top().kept && top().items > 0 && out_.leaves.back().items.empty())
            out_.leaves.pop_back();
        frames_.pop_back();
        if (!frames_.empty())
            was_key ? refuse_key() : end_value();
    }

    void take_key(const YAML::Mark& mark, const std::string& text) {
        frame& f = top();
        key_place_ = at(mark);
        f.key = text;
        count();
        f.has_key = true;
        f.key_kept = true;
        const auto [first, crowded] = keys_[frames_.size() - 1].add(text, key_place_.line(), key_place_.column());
        if (first != nullptr) {
            f.key_kept = false;
            fail(key_place_,
                 fmt::format("duplicate key: already at {}; keep one of them",
                             file_.at(first->line, first->column).text()),
                 path_text());
        } else if (crowded) {
            fail(key_place_, "its keys are made to collide in a hash table");
            throw stop{};
        }
    }

    [[nodiscard]] std::vector<std::string> path() const {
        std::vector<std::string> out;
        out.reserve(frames_.size());
        for (const frame& f : frames_)
            if (!f.is_list)
                out.push_back(f.key);
        return out;
    }
    [[nodiscard]] std::string path_text(std::size_t without = 0) const {
        auto all = path();
        all.resize(all.size() - without);
        return fmt::format("{}", fmt::join(all, "."));
    }

    layer& out_;
    place file_;
    paced_input& input_;
    limits bounds_;
    std::size_t count_ = 0;
    std::size_t documents_ = 0;
    YAML::Mark last_{};  // of the last event
    place key_place_{};
    std::vector<frame> frames_;
    std::vector<key_set> keys_;  // of the frame of the same depth; kept for the next one there
};

}  // namespace weir::yaml::detail
