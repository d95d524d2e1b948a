// SPDX-License-Identifier: MIT
#include "weir/config/explanation.hpp"

#include "support/catch.hpp"

namespace {

weir::explanation sample() {
    const weir::source_location line = weir::source_location{"a.yaml"}.at(3, 9);
    weir::explanation out;
    out.host = "api.x.org";
    out.roles.push_back(
        {"metadata",
         {{"rates",
           weir::value_type::rates,
           {"20/SECOND, 9/HOUR", weir::layer_kind::command_line, weir::source_location{"--rate"}, "hosts.x"},
           {{"5/SECOND", weir::layer_kind::file, line, "hosts.x"}, {"10/SECOND", weir::layer_kind::builtin, {}, ""}}},
          {"burst", weir::value_type::whole, {"none", weir::layer_kind::builtin, {}, ""}, {}}}});
    out.process.push_back({"backend.kind", weir::value_type::word, {"memory", weir::layer_kind::builtin, {}, ""}, {}});
    return out;
}

}  // namespace

TEST_CASE("an explanation's table has aligned columns, and what was shadowed below each leaf", "[config]") {
    CHECK(weir::to_table(sample()) == R"(api.x.org metadata
rates         20/SECOND, 9/HOUR  command line  --rate      hosts.x
  over        5/SECOND           file          a.yaml:3:9  hosts.x
  over        10/SECOND          built-in
burst         none               built-in

the whole process
backend.kind  memory             built-in
)");
}

TEST_CASE("an explanation is coloured only when asked, and colour adds nothing but colour", "[config]") {
    const std::string plain = weir::to_table(sample());
    CHECK(plain.find('\x1b') == std::string::npos);
    std::string coloured = weir::to_table(sample(), true);
    CHECK(coloured.starts_with("\x1b[1mapi.x.org metadata\x1b[0m\n"));
    for (const char* code : {"\x1b[1m", "\x1b[2m", "\x1b[0m"})
        for (auto at = coloured.find(code); at != std::string::npos; at = coloured.find(code))
            coloured.erase(at, 4);
    CHECK(coloured == plain);
}

TEST_CASE("an explanation's JSON has values of their own types", "[config]") {
    CHECK(
        weir::to_json(sample()) ==
        R"({"host":"api.x.org","group":null,"roles":{"metadata":{)"
        R"("rates":{"value":["20/SECOND","9/HOUR"],"layer":"command line","place":"--rate","path":"hosts.x","shadows":[)"
        R"({"value":["5/SECOND"],"layer":"file","place":"a.yaml:3:9","line":3,"column":9,"path":"hosts.x"},)"
        R"({"value":["10/SECOND"],"layer":"built-in","place":"built-in"}]},)"
        R"("burst":{"value":null,"layer":"built-in","place":"built-in","shadows":[]}}},)"
        R"("process":{"backend.kind":{"value":"memory","layer":"built-in","place":"built-in","shadows":[]}}})"
        "\n");
    weir::explanation odd;
    odd.group = "a\"b";
    CHECK(weir::to_json(odd) == R"({"host":null,"group":"a\"b","roles":{},"process":{}})"
                                "\n");
}

TEST_CASE("NO_COLOR with any value takes the colours away", "[config]") {
    const auto allowed = [](std::vector<const char*> entries) {
        entries.push_back(nullptr);
        return weir::may_colour(entries.data());
    };
    CHECK(weir::may_colour(nullptr));
    CHECK(allowed({"TERM=xterm", "NO_COLOR="}));
    CHECK_FALSE(allowed({"TERM=xterm", "NO_COLOR=0"}));
    CHECK(allowed({"NO_COLORS=1"}));
}
