// SPDX-License-Identifier: MIT
//
// Written by .ci/lint/presets --fix from config/presets/*.yaml: change those.
#pragma once

#include <array>
#include <string_view>

namespace weir::yaml {

/// A shipped configuration of one service's limits.
struct preset_text {
    std::string_view name;
    std::string_view text;  ///< YAML
};

// clang-format off
/// Every preset, sorted by name.
inline constexpr std::array<preset_text, 18> preset_texts{{
    {"arxiv",
     R"yaml(checked: 2026-11-01
source: https://info.arxiv.org/help/api/tou.html
# 1 in 3 seconds on 1 connection, over the query API, OAI-PMH and RSS together and over all your machines: share a store
# between machines, and use one role for all requests.
host_groups:
  arxiv: [arxiv.org, "*.arxiv.org"]
hosts:
  arxiv:
    "*": {rates: [1/3SECOND], max_concurrent: 1, max_delay_ms: 30000, count_head: true}
)yaml"},
    {"crossref-plus",
     R"yaml(checked: 2026-11-01
source: https://www.crossref.org/documentation/retrieve-metadata/rest-api/access-and-authentication/
# For requests with a Crossref-Plus-API-Token. 150 a second, any number at a time.
roles: [list]
hosts:
  api.crossref.org:
    "*": {rates: [150/SECOND], max_concurrent: null, max_delay_ms: 5000, count_head: true}
)yaml"},
    {"crossref-polite",
     R"yaml(checked: 2026-11-01
source: https://www.crossref.org/documentation/retrieve-metadata/rest-api/access-and-authentication/
# For requests with mailto= or an address in the User-Agent. 10 single records and 3 list queries a second, 3 at a time.
roles: [list]
hosts:
  api.crossref.org:
    "*": {rates: [3/SECOND], max_concurrent: 3, max_delay_ms: 10000, count_head: true}
    metadata: {rates: [10/SECOND]}  # one work by its DOI
    list: {rates: [3/SECOND]}       # anything with a query, a filter or a cursor
)yaml"},
    {"crossref-public",
     R"yaml(checked: 2026-11-01
source: https://www.crossref.org/documentation/retrieve-metadata/rest-api/access-and-authentication/
# Nothing identifies the client. In force since 2025-12-01: 5 single records and 1 list query a second, 1 at a time. The
# service counts the two apart (x-api-pool: public-single, public-array). 50 a second is no longer right for anybody.
# A 403 is a block by hand: do not retry it.
roles: [list]
hosts:
  api.crossref.org:
    "*": {rates: [1/SECOND], max_concurrent: 1, max_delay_ms: 10000, count_head: true}
    metadata: {rates: [5/SECOND]}  # one work by its DOI: /works/10.1038/nature12373
    list: {rates: [1/SECOND]}      # anything with a query, a filter or a cursor: /works?query=...
)yaml"},
    {"datacite",
     R"yaml(checked: 2026-11-01
source: https://support.datacite.org/docs/rate-limit
# Nothing identifies the client. One budget over all roles, counted by address.
# Content negotiation goes to doi.org and has 1000 in 5 minutes of its own; the test system has 750.
hosts:
  api.datacite.org:
    "*": {rates: [500/5min], max_delay_ms: 10000, count_head: true}
  api.test.datacite.org:
    "*": {rates: [500/5min], max_delay_ms: 10000, count_head: true}
  doi.org:
    "*": {rates: [1000/5min], max_delay_ms: 10000, count_head: true}
)yaml"},
    {"datacite-authenticated",
     R"yaml(checked: 2026-11-01
source: https://support.datacite.org/docs/rate-limit
# For requests with an Authorization field. One budget over all roles, counted by address.
# Content negotiation goes to doi.org and has 1000 in 5 minutes of its own; the test system has 750.
hosts:
  api.datacite.org:
    "*": {rates: [3000/5min], max_delay_ms: 10000, count_head: true}
  api.test.datacite.org:
    "*": {rates: [750/5min], max_delay_ms: 10000, count_head: true}
  doi.org:
    "*": {rates: [1000/5min], max_delay_ms: 10000, count_head: true}
)yaml"},
    {"datacite-identified",
     R"yaml(checked: 2026-11-01
source: https://support.datacite.org/docs/rate-limit
# For requests with mailto= or an address in the User-Agent. One budget over all roles, counted by address.
# Content negotiation goes to doi.org and has 1000 in 5 minutes of its own; the test system has 750.
hosts:
  api.datacite.org:
    "*": {rates: [1000/5min], max_delay_ms: 10000, count_head: true}
  api.test.datacite.org:
    "*": {rates: [750/5min], max_delay_ms: 10000, count_head: true}
  doi.org:
    "*": {rates: [1000/5min], max_delay_ms: 10000, count_head: true}
)yaml"},
    {"github",
     R"yaml(checked: 2026-11-01
source: https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api
# Without a token: 60 an hour, searches 10 a minute. A refusal is a 403 or a 429; one that states no time means a minute.
roles: [search]
hosts:
  api.github.com:
    "*": {rates: [60/HOUR], max_concurrent: 100, max_delay_ms: 5000, count_head: true,
          refusal_statuses: [403, 429, 503], refusal_pause_ms: 60000}
    search: {rates: [10/MINUTE, 60/HOUR]}  # /search/...
)yaml"},
    {"github-token",
     R"yaml(checked: 2026-11-01
source: https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api
# With a token: 5000 an hour, searches 30 a minute. At most 100 at a time, and 900 points a minute, of which a GET takes
# 1 and a write 5: give writes a cost of 5. A refusal is a 403 or a 429; one that states no time means a minute.
roles: [search]
hosts:
  api.github.com:
    "*": {rates: [900/MINUTE, 5000/HOUR], max_concurrent: 100, max_delay_ms: 5000, count_head: true,
          refusal_statuses: [403, 429, 503], refusal_pause_ms: 60000}
    search: {rates: [30/MINUTE]}  # /search/...
)yaml"},
    {"ncbi",
     R"yaml(checked: 2026-11-01
source: https://www.ncbi.nlm.nih.gov/books/NBK25497/
# E-utilities without a key: 3 a second, with tool= and email=. Big jobs at weekends or 21:00 to 05:00 Eastern time.
# One budget over all roles: use one role for all requests.
hosts:
  eutils.ncbi.nlm.nih.gov:
    "*": {rates: [3/SECOND], max_delay_ms: 5000, count_head: true}
)yaml"},
    {"ncbi-key",
     R"yaml(checked: 2026-11-01
source: https://www.ncbi.nlm.nih.gov/books/NBK25497/
# E-utilities with a key (api_key=): 10 a second; more on request. One budget over all roles, as without a key.
hosts:
  eutils.ncbi.nlm.nih.gov:
    "*": {rates: [10/SECOND], max_delay_ms: 5000, count_head: true}
)yaml"},
    {"openalex",
     R"yaml(checked: 2026-11-01
source: https://developers.openalex.org/api-reference/authentication
# Without a key. 100 a second in all, and $0.10 a day (older pages: $0.01): a list costs $0.0001, a search $0.001, a PDF
# $0.01, a single record nothing. Requests have no price here, so the day's money is shared out: 0.04 for lists, 0.04
# for searches, 0.02 for PDFs. Whoever needs only one of them may take all of it: list 1000, search 100, artifact 10.
# More than 100 a second is refused with 403. The fields report credits; a single record costs none, so its role ignores
# them.
roles: [list, search]
hosts:
  api.openalex.org:
    "*": {rates: [40/day], max_delay_ms: 5000, count_head: true, refusal_statuses: [403, 429, 503]}
    metadata: {rates: [100/SECOND], reported_limits: ignore}  # one entity by its id
    list: {rates: [100/SECOND, 400/day]}     # filter=, group_by=, cursor=
    search: {rates: [40/day]}                # search=
  content.openalex.org:
    "*": {rates: [1/SECOND, 2/day], max_delay_ms: 5000, count_head: true}
)yaml"},
    {"openalex-key",
     R"yaml(checked: 2026-11-01
source: https://developers.openalex.org/api-reference/authentication
# With a free key (api_key=). 100 a second in all, and $1 a day, shared out as in the preset openalex: 0.4 for lists,
# 0.4 for searches, 0.2 for PDFs. More than 100 a second is refused with 403.
roles: [list, search]
hosts:
  api.openalex.org:
    "*": {rates: [100/SECOND, 400/day], max_delay_ms: 5000, count_head: true, refusal_statuses: [403, 429, 503]}
    metadata: {rates: [100/SECOND], reported_limits: ignore}  # one entity by its id
    list: {rates: [100/SECOND, 4000/day]}    # filter=, group_by=, cursor=
    search: {rates: [100/SECOND, 400/day]}   # search=
  content.openalex.org:
    "*": {rates: [1/SECOND, 20/day], max_delay_ms: 5000, count_head: true}
)yaml"},
    {"semantic-scholar",
     R"yaml(checked: 2026-11-01
source: https://www.semanticscholar.org/product/api
# Without a key everybody shares one pool, whose size is not told (quoted: 100 in 5 minutes): expect a 429 even so.
# Its one budget is over all roles: use one role for all requests.
hosts:
  api.semanticscholar.org:
    "*": {rates: [1/3SECOND], max_concurrent: 1, max_delay_ms: 30000, count_head: true}
)yaml"},
    {"semantic-scholar-key",
     R"yaml(checked: 2026-11-01
source: https://www.semanticscholar.org/product/api
# With a key (x-api-key). 1 a second over all endpoints, so over all roles: use one role for all requests.
hosts:
  api.semanticscholar.org:
    "*": {rates: [1/SECOND], max_concurrent: 1, max_delay_ms: 10000, count_head: true}
)yaml"},
    {"unpaywall",
     R"yaml(checked: 2026-11-01
source: https://unpaywall.org/products/api
# 100,000 a day with email=, one budget over all roles; 10 a second is our own idea of reasonable.
hosts:
  api.unpaywall.org:
    "*": {rates: [10/SECOND, 100000/day], max_delay_ms: 5000, count_head: true}
)yaml"},
    {"zenodo",
     R"yaml(checked: 2026-11-01
source: https://developers.zenodo.org/#rate-limiting
# A guest: 60 a minute and 2000 an hour; searches 30 a minute.
roles: [search]
hosts:
  zenodo.org:
    "*": {rates: [60/MINUTE, 2000/HOUR], max_delay_ms: 10000, count_head: true}
    search: {rates: [30/MINUTE]}  # /api/records?q=...
)yaml"},
    {"zenodo-token",
     R"yaml(checked: 2026-11-01
source: https://developers.zenodo.org/#rate-limiting
# With a token: 100 a minute and 5000 an hour; searches 30 a minute.
roles: [search]
hosts:
  zenodo.org:
    "*": {rates: [100/MINUTE, 5000/HOUR], max_delay_ms: 10000, count_head: true}
    search: {rates: [30/MINUTE]}  # /api/records?q=...
)yaml"},
}};
// clang-format on

}  // namespace weir::yaml
