// SPDX-License-Identifier: MIT
#include "schema.hpp"

#include "weir/config/detail/canonical.hpp"
#include "weir/config/schema.hpp"
#include "weir/config/value.hpp"
#include "weir/core/rate.hpp"
#include "weir/core/text.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <cstdio>
#include <string>
#include <string_view>

namespace weir::tools {
namespace {

using json = nlohmann::ordered_json;

constexpr std::string_view schema_usage =
    "usage: weir schema\n\n"
    "Prints the JSON Schema (2020-12) of a configuration file. An editor completes and "
    "checks a file by it whose first\n"
    "line is\n\n"
    "# yaml-language-server: $schema=PATH/ratelimits.schema.json\n";

/// A word in any case, as a regular expression: those of JSON Schema know no flags.
std::string any_case(std::string_view word) {
    std::string out;
    for (const char c : word)
        out += detail::is_alpha(c)
                   ? fmt::format("[{}{}]", detail::to_lower(c), static_cast<char>(detail::to_lower(c) - 32))
                   : std::string{c};
    return out;
}

std::string any_unit() {
    std::string out;
    for (const auto& unit : detail::time_units)
        out += (out.empty() ? "" : "|") + any_case(unit.name);
    return "(" + out + ")";
}

std::string whole(const std::string& pattern) { return "^" + pattern + "$"; }

const std::string rate_pattern =
    "[ \\t]*0*([1-9][0-9]{0,8}|1000000000)[ \\t]*/[ \\t]*(0*[1-9][0-9]*)?[ \\t]*" + any_unit() + "[ \\t]*";
const std::string span_pattern = "[ \\t]*(0|[1-9][0-9]*)(\\.[0-9]+)?[ \\t]*" + any_unit() + "[ \\t]*";
const std::string role_pattern = "(?!.*__)(?!.*_($|,))[a-z][a-z0-9_-]{0,63}";
const std::string port_pattern =
    "(:([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5]))?";
// Letters outside ASCII are for whoever gives the loader an IDNA function.
const std::string label_pattern = "[A-Za-z0-9_\\u0080-\\uFFFF-]+";
const std::string host_pattern =
    "((\\*\\.)?" + label_pattern + "(\\." + label_pattern + ")*\\.?|\\[[0-9A-Fa-f:.]{2,}\\])" + port_pattern;

json text(const std::string& pattern) { return {{"type", "string"}, {"pattern", whole(pattern)}}; }
json ref(const char* name) { return {{"$ref", std::string{"#/$defs/"} + name}}; }

json number(const leaf_rule& rule, const char* type) {
    json out{{"type", type}};
    const auto bound = [](double n) {
        return n == static_cast<double>(static_cast<std::int64_t>(n)) ? json(static_cast<std::int64_t>(n)) : json(n);
    };
    out["minimum"] = bound(rule.min);
    out["maximum"] = bound(rule.max);
    return out;
}

json none_by(std::string_view word) { return {{"anyOf", {json{{"type", "null"}}, text(any_case(word))}}}; }

/// What a leaf may be, without its description.
json value_of(const leaf_rule& rule) {
    json out;
    switch (rule.type) {
    case value_type::whole:
        out = rule.min == rule.max ? json{{"const", static_cast<int>(rule.min)}} : number(rule, "integer");
        break;
    case value_type::number:
        out = number(rule, "number");
        break;
    case value_type::boolean:
        return ref("boolean");
    case value_type::word: {
        json words = json::array();
        for (const std::string_view word : detail::split(rule.words, ","))
            words.push_back(word);
        return {{"enum", words}};
    }
    case value_type::text:
        return {{"type", {"string", "number", "boolean"}}};
    case value_type::rates:
        return ref("rates");
    case value_type::span:
        out = {{"anyOf", {number(rule, "number"), ref("span")}}};
        break;
    case value_type::names:
        return ref("roles");
    case value_type::hosts:
        return ref("hosts");
    case value_type::wholes: {
        const std::string one = "[1-9][0-9]*";
        return {{"anyOf",
                 {number(rule, "integer"),
                  json{{"type", "array"},
                       {"items", {{"anyOf", {number(rule, "integer"), text(one)}}}},
                       {"minItems", 1},
                       {"maxItems", detail::max_wholes}},
                  text("[ \\t]*" + one + "([ \\t]*[,+][ \\t]*" + one + ")*[ \\t]*")}}};
    }
    }
    if (!rule.may_be_none())
        return out;
    json any = out.contains("anyOf") ? out["anyOf"] : json::array({out});
    any.push_back(rule.none_word == "none" ? ref("none") : none_by(rule.none_word));
    return {{"anyOf", any}};
}

template <class Owner>
json described(const member_rule<Owner>& rule) {
    json out = value_of(rule);
    out["description"] = fmt::format("{}. Default: {}.", rule.meaning, detail::default_text(rule));
    return out;
}

json closed(json properties) {
    return {{"type", "object"}, {"properties", std::move(properties)}, {"additionalProperties", false}};
}

/// The leaves of one table: those of a section, or those that are in none.
template <class Table>
json leaves(const Table& rules, std::string_view section) {
    json out = json::object();
    for (const auto& rule : rules) {
        const auto dot = rule.name.find('.');
        const bool here = section.empty() ? dot == std::string_view::npos : rule.name.substr(0, dot) == section;
        if (here && rule.in_files)
            out[std::string{section.empty() ? rule.name : rule.name.substr(dot + 1)}] = described(rule);
    }
    return out;
}

json with(json object, const char* key, json value) {
    object[key] = std::move(value);
    return object;
}

json builtin_roles(bool star) {
    json out = json::array();
    for (const std::string_view role : detail::builtin_roles)
        out.push_back(role);
    if (star)
        out.push_back("*");
    return out;
}

/// A mapping of roles to their leaves; the built-in ones are there by name, so that an editor offers them.
json roles_of(bool star) {
    json properties = json::object();
    for (const std::string_view role : detail::builtin_roles)
        properties[std::string{role}] =
            with(ref("leaves"), "description", fmt::format("the limits of {} requests", role));
    if (star)
        properties["*"] = with(ref("leaves"), "description", "the limits of every role that is not named here");
    return {{"type", "object"},
            {"properties", std::move(properties)},
            {"propertyNames", text(star ? "(" + role_pattern + "|\\*)" : role_pattern)},
            {"additionalProperties", ref("leaves")}};
}

/// `unlimited: true` contradicts rates, and a burst that is not stated to be none.
json contradictions() {
    const json yes{{"anyOf", {json{{"const", true}}, text("(" + any_case("yes") + "|" + any_case("on") + ")")}}};
    const json free{{"properties", {{"unlimited", yes}}}, {"required", {"unlimited"}}};
    return {{"if", free}, {"then", {{"properties", {{"rates", false}, {"burst", ref("none")}}}}}};
}

json definitions() {
    json policy = closed(leaves(policy_rules, ""));
    policy["properties"]["aimd"] =
        with(closed(leaves(policy_rules, "aimd")), "description", "whether and how the rates of this key are tuned");
    policy.update(contradictions());

    const std::string rate_list =
        rate_pattern + "([,+]" + rate_pattern + fmt::format("){{0,{}}}", detail::max_rates - 1);
    json rates{
        {"anyOf",
         {json{{"type", "array"}, {"items", text(rate_pattern)}, {"minItems", 1}, {"maxItems", detail::max_rates}},
          text(rate_list)}}};
    json roles{{"anyOf",
                {json{{"type", "array"}, {"items", text(role_pattern)}, {"maxItems", detail::max_names}},
                 text("[ \\t]*" + role_pattern + "([ \\t]*,[ \\t]*" + role_pattern + ")*[ \\t]*")}}};
    json hosts{{"anyOf",
                {json{{"type", "array"}, {"items", text(host_pattern)}, {"minItems", 1}, {"uniqueItems", true}},
                 text(host_pattern + "([ \\t]*,[ \\t]*" + host_pattern + ")*")}}};
    rates["examples"] = {json::array({"10/SECOND", "5000/HOUR"}), json::array({"1/3s"})};
    return {{"leaves", std::move(policy)},
            {"rates", std::move(rates)},
            {"span", with(text(span_pattern), "examples", {"250ms", "2s", "1.5min"})},
            {"boolean",
             {{"anyOf",
               {json{{"type", "boolean"}}, text("(" + any_case("yes") + "|" + any_case("no") + "|" + any_case("on") +
                                                "|" + any_case("off") + ")")}}}},
            {"none", none_by("none")},
            {"roles", std::move(roles)},
            {"hosts", std::move(hosts)}};
}

json whole_schema() {
    json properties = leaves(process_rules, "");
    properties["defaults"] = with(roles_of(false), "description", "limits of every host that says nothing else");
    properties["hosts"] = {{"type", "object"},
                           {"description", "limits by host; \"*.example.org\" is every host below example.org"},
                           {"propertyNames", text(host_pattern)},
                           {"additionalProperties", roles_of(true)}};
    properties["host_groups"] = {{"type", "object"},
                                 {"description", group_rule.meaning},
                                 {"propertyNames", text("[a-z0-9_-]+(\\.[a-z0-9_-]+)*")},
                                 {"additionalProperties", ref("hosts")}};
    properties["backend"] =
        with(closed(leaves(process_rules, "backend")), "description", "the store that holds the logs");
    properties["aimd"] = with(closed(leaves(process_rules, "aimd")), "description",
                              "whether and how rates follow the server's refusals");

    json out{{"$schema", "https://json-schema.org/draft/2020-12/schema"},
             {"title", "Rate limits of weir"},
             {"description", "Written by `weir schema`. docs/configuration.md explains every key."}};
    out.update(closed(std::move(properties)));
    // A file that declares no roles has the built-in ones alone.
    out["if"] = {{"not", {{"required", {"roles"}}}}};
    out["then"] = {{"properties",
                    {{"defaults", {{"propertyNames", {{"enum", builtin_roles(false)}}}}},
                     {"hosts", {{"additionalProperties", {{"propertyNames", {{"enum", builtin_roles(true)}}}}}}}}}};
    out["$defs"] = definitions();
    return out;
}

}  // namespace

int schema(std::span<const char* const> args) {
    if (!args.empty()) {
        const bool help = std::string_view{args[0]} == "--help" || std::string_view{args[0]} == "-h";
        fmt::print(help ? stdout : stderr, "{}", schema_usage);
        return help ? 0 : 2;
    }
    fmt::print("{}\n", whole_schema().dump(2));
    return 0;
}

}  // namespace weir::tools
