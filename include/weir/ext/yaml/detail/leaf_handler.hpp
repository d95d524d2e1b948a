// SPDX-License-Identifier: MIT
#pragma once

#include "weir/config/layer.hpp"
#include "weir/core/detail/text.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <yaml-cpp/anchor.h>
#include <yaml-cpp/emitterstyle.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/mark.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace weir::yaml::detail {

/// Ends the parsing early; the layer holds the reason.
struct stop {};

/// After so many faults of one file the rest is not worth reading.
inline constexpr std::size_t most_faults = 1000;

/// Turns the parser's events into leaves. Events, not a node tree: a tree drops the second of two equal keys, shares
/// aliased nodes and forgets which scalar was quoted.
class leaf_handler final : public YAML::EventHandler {
public:
    leaf_handler(layer& out, const place& file, std::size_t most_depth, std::size_t most_leaves)
        : out_(out), file_(file), most_depth_(most_depth), most_leaves_(most_leaves) {}

    /// Says what can only be known at the end.
    void finish() {
        if (documents_ == 0)
            fail(file_, "it is empty; write at least \"version: 1\"");
    }

    void OnDocumentStart(const YAML::Mark& mark) override {
        if (++documents_ == 1)
            return;
        fail(at(mark), "it holds a second document; give each a file of its own");
        throw stop{};
    }
    void OnDocumentEnd() override {}

    void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
        refuse(mark, "?", anchor);
        if (frames_.empty()) {
            fail(at(mark), "it is empty; write at least \"version: 1\"");
        } else if (wants_key()) {
            take_key(mark, "null");
        } else if (in_list()) {
            fail(at(mark), "a list holds no nulls", path_text());
        } else if (keep()) {
            out_.leaves.push_back({path(), value_kind::null, {}, key_place_, host_spelling::exact});
            value_done();
        }
    }

    void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
        fail(at(mark), "aliases and anchors are not taken; write the value out");
        throw stop{};
    }

    void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  const std::string& text) override {
        refuse(mark, tag, anchor);
        if (frames_.empty()) {
            fail(at(mark), "found a single value; a configuration is a mapping such as \"version: 1\"");
            throw stop{};
        }
        if (wants_key())
            return take_key(mark, text);
        scalar value{text, tag == "!" ? scalar_form::quoted : scalar_form::plain, at(mark)};
        if (in_list()) {
            if (frames_.back().kept)
                out_.leaves.back().items.push_back(std::move(value));
            count();
        } else if (keep()) {
            place where = value.at;
            out_.leaves.push_back(
                {path(), value_kind::one, {std::move(value)}, std::move(where), host_spelling::exact});
            value_done();
        }
    }

    void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                         YAML::EmitterStyle::value) override {
        refuse(mark, tag, anchor);
        if (!open(mark, "a list"))
            return;
        const bool kept = keep();
        if (kept)
            out_.leaves.push_back({path(), value_kind::list, {}, at(mark), host_spelling::exact});
        frames_.push_back({.is_list = true, .kept = kept});
        count();
    }
    void OnSequenceEnd() override { close(); }

    void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                    YAML::EmitterStyle::value) override {
        refuse(mark, tag, anchor);
        if (!open(mark, "a mapping"))
            return;
        const bool kept = frames_.empty() || keep();
        if (kept && !frames_.empty())
            out_.leaves.push_back({path(), value_kind::section, {}, key_place_, host_spelling::exact});
        frames_.push_back({.is_list = false, .kept = kept});
        count();
    }
    void OnMapEnd() override { close(); }

private:
    struct frame {
        bool is_list = false;
        bool kept = true;  ///< false below a key that was refused: read on, for its faults, but make no leaves
        bool has_key = false;
        bool key_kept = true;
        std::string key{};
        std::map<std::string, place, std::less<>> seen{};
    };

    [[nodiscard]] place at(const YAML::Mark& mark) const {
        if (mark.is_null())
            return file_;
        return file_.at(static_cast<std::uint32_t>(mark.line) + 1, static_cast<std::uint32_t>(mark.column) + 1);
    }
    void fail(const place& where, std::string message, std::string path = {}) {
        out_.add_fault(where, std::move(path), std::move(message));
        if (out_.faults.size() >= most_faults)
            throw stop{};
    }
    void count() {
        if (++count_ <= most_leaves_)
            return;
        fail(file_, fmt::format("it has more than {} keys and values", most_leaves_));
        throw stop{};
    }
    void refuse(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor) {
        if (anchor != 0) {
            fail(at(mark), "aliases and anchors are not taken; write the value out");
            throw stop{};
        }
        if (!tag.empty() && tag != "?" && tag != "!") {
            fail(at(mark), fmt::format("tags are not taken, found {}", weir::detail::in_quotes(tag)));
            throw stop{};
        }
    }

    [[nodiscard]] bool wants_key() const { return !frames_.back().is_list && !frames_.back().has_key; }
    [[nodiscard]] bool in_list() const { return frames_.back().is_list; }
    [[nodiscard]] bool keep() {
        const bool kept = frames_.back().is_list ? false : frames_.back().kept && frames_.back().key_kept;
        if (!kept && !frames_.back().is_list)
            frames_.back().has_key = false;
        return kept;
    }
    void value_done() { frames_.back().has_key = false; }

    /// Whether a list or mapping may begin here.
    bool open(const YAML::Mark& mark, std::string_view what) {
        if (frames_.empty() && what == "a mapping")
            return true;
        if (frames_.size() >= most_depth_)
            fail(at(mark), fmt::format("it is nested more than {} deep", most_depth_));
        else if (frames_.empty())
            fail(at(mark), "found a list; a configuration is a mapping such as \"version: 1\"");
        else if (wants_key())
            fail(at(mark), fmt::format("found {} where a key stands", what), path_text());
        else if (in_list())
            fail(at(mark), fmt::format("found {} in a list; a list holds single values", what), path_text());
        else
            return true;
        throw stop{};
    }
    void close() {
        frames_.pop_back();
        if (!frames_.empty())
            value_done();
    }

    void take_key(const YAML::Mark& mark, const std::string& text) {
        frame& f = frames_.back();
        key_place_ = at(mark);
        f.key = text;
        f.has_key = true;
        f.key_kept = true;
        const auto [first, fresh] = f.seen.try_emplace(text, key_place_);
        if (!fresh) {
            f.key_kept = false;
            fail(key_place_, fmt::format("duplicate key: already at {}; keep one of them", first->second.text()),
                 path_text());
        }
        count();
    }

    [[nodiscard]] std::vector<std::string> path() const {
        std::vector<std::string> out;
        out.reserve(frames_.size());
        for (const frame& f : frames_)
            if (!f.is_list)
                out.push_back(f.key);
        return out;
    }
    [[nodiscard]] std::string path_text() const { return fmt::format("{}", fmt::join(path(), ".")); }

    layer& out_;
    place file_;
    std::size_t most_depth_;
    std::size_t most_leaves_;
    std::size_t count_ = 0;
    std::size_t documents_ = 0;
    place key_place_{};
    std::vector<frame> frames_;
};

}  // namespace weir::yaml::detail
