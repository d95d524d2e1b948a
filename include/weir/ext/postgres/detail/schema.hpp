// SPDX-License-Identifier: MIT
#pragma once

#include "weir/ext/postgres/detail/tuner_verbs.hpp"
#include "weir/ext/postgres/detail/verbs.hpp"

#include <fmt/format.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace weir::postgres::detail {

/// The version of the schema that this program uses.
inline constexpr std::int64_t schema_version = 2;

/// The tables. A key is one hot row in `state`: its 32 to 95 newest stamps in `recent`, its newest entries in `ids` and
/// `facts` (three numbers each: units, negative once they are stamped; expiry; stamp). Older stamps lie in `log`, 32 to
/// a row and in a ring that grows on use; older entries in `block`. No index covers a column that changes, so every
/// update can stay on its page (HOT) and the pages clean themselves.
///
/// `credit` is what makes a decision cheap: so many more units fit under `plan` at any time from `credit_from` on,
/// because stamps only age. `admit` counts it; every admission takes from it; nothing but an admission can make it too
/// high. So `stamp` and `open` are one update each, whose condition is checked on the newest version of the row however
/// many wait for it.
///
/// The row's own lock is all that orders the holders of a key. Log and blocks change only together with the row, so who
/// reads all three and then finds the row as it was has seen one state.
inline constexpr std::string_view sql_tables = R"(
CREATE SEQUENCE @S.key_id;
CREATE TABLE @S.meta (
  one boolean PRIMARY KEY DEFAULT true CHECK (one),
  version bigint NOT NULL, epoch bigint NOT NULL, unlogged boolean NOT NULL,
  relaxed boolean NOT NULL DEFAULT false, timeline text NOT NULL, lost_at timestamptz);
CREATE UNLOGGED TABLE @S.alive (one boolean PRIMARY KEY DEFAULT true CHECK (one));
CREATE @UNLOGGED TABLE @S.key (
  id bigint PRIMARY KEY, digest bytea NOT NULL UNIQUE, host bytea NOT NULL, role bytea NOT NULL);
CREATE @UNLOGGED TABLE @S.state (
  id bigint PRIMARY KEY,
  newest bigint NOT NULL DEFAULT @NEVER, gate bigint NOT NULL DEFAULT @NEVER, factor bigint NOT NULL DEFAULT 1000000,
  open bigint NOT NULL DEFAULT 0, first_expiry bigint NOT NULL DEFAULT @FAR,
  plan bigint NOT NULL DEFAULT 0, credit bigint NOT NULL DEFAULT 0, skew bigint NOT NULL DEFAULT 0,
  spilled bigint NOT NULL DEFAULT 0, span bigint NOT NULL DEFAULT 0, dropped bigint NOT NULL DEFAULT @NEVER,
  blocked bigint NOT NULL DEFAULT 0, longest bigint NOT NULL DEFAULT 0, keep bigint NOT NULL DEFAULT @NEVER,
  recent bigint[] NOT NULL DEFAULT '{}', ids bigint[] NOT NULL DEFAULT '{}', facts bigint[] NOT NULL DEFAULT '{}')
  WITH (fillfactor = 50);
CREATE @UNLOGGED TABLE @S.log (
  key bigint NOT NULL, pos bigint NOT NULL, no bigint NOT NULL, stamps bigint[] NOT NULL, PRIMARY KEY (key, pos))
  WITH (fillfactor = 70);
CREATE @UNLOGGED TABLE @S.block (
  key bigint NOT NULL, no bigint NOT NULL, ids bigint[] NOT NULL, facts bigint[] NOT NULL, PRIMARY KEY (key, no))
  WITH (fillfactor = 50);
-- No number is given twice, also not by a schema that is made anew.
SELECT setval('@S.key_id', 1 + (random() * 4611686018427387903)::bigint);
INSERT INTO @S.alive DEFAULT VALUES;
INSERT INTO @S.meta (version, epoch, unlogged, timeline) VALUES
  (1, (random() * 4611686018427387903)::bigint, @IS_UNLOGGED, left(pg_walfile_name(pg_current_wal_lsn()), 8));
)";

/// Greets a connection: [version, epoch, ns since history was lost or -1, unlogged, read-only].
///
/// The row in `alive` does not outlive a crash, for its table is unlogged, and a promoted standby starts a new
/// timeline: so a server that may have forgotten something says so, to every process and also to those it never knew.
inline constexpr std::string_view sql_hello = R"(
CREATE FUNCTION @S.hello(p_relaxed bigint) RETURNS bigint[] LANGUAGE plpgsql AS $$
DECLARE m @S.meta; here text;
BEGIN
  SELECT * INTO m FROM @S.meta;
  IF pg_is_in_recovery() OR current_setting('transaction_read_only')::boolean THEN
    RETURN ARRAY[m.version, m.epoch, -1, m.unlogged::int, 1];
  END IF;
  here := left(pg_walfile_name(pg_current_wal_lsn()), 8);
  IF NOT EXISTS (SELECT FROM @S.alive) OR m.timeline <> here OR (p_relaxed <> 0 AND NOT m.relaxed) THEN
    PERFORM set_config('synchronous_commit', 'on', true);
    PERFORM pg_advisory_xact_lock(@K, -1);
    SELECT * INTO m FROM @S.meta;
    IF m.timeline <> here OR (NOT EXISTS (SELECT FROM @S.alive) AND (m.unlogged OR m.relaxed)) THEN
      m.lost_at := clock_timestamp();
    END IF;
    INSERT INTO @S.alive DEFAULT VALUES ON CONFLICT DO NOTHING;
    UPDATE @S.meta SET lost_at = m.lost_at, timeline = here, relaxed = m.relaxed OR p_relaxed <> 0;
  END IF;
  RETURN ARRAY[m.version, m.epoch,
    CASE WHEN m.lost_at IS NULL THEN -1
      ELSE (greatest(date_part('epoch', clock_timestamp() - m.lost_at), 0) * 1e9)::bigint END, m.unlogged::int, 0];
END $$;
)";

/// The two-part advisory locks of one schema share this first part.
[[nodiscard]] inline std::uint32_t lock_class(std::string_view schema) noexcept {
    std::uint32_t hash = 2166136261U;
    for (const char c : schema)
        hash = (hash ^ static_cast<unsigned char>(c)) * 16777619U;
    return hash & 0x7fff'ffffU;
}

/// What brings a schema from one version to the next, as one text of several statements to be run in a transaction.
/// A later version adds its own text behind these; none is changed once it has been released.
///
/// **Preconditions.** `schema` is a plain lower-case identifier; `version` < `schema_version`.
[[nodiscard]] inline std::string migration_text(std::int64_t version, std::string_view schema, bool unlogged) {
    std::string text;
    if (version == 0)
        for (const std::string_view part : {sql_tables, sql_hello, sql_steps, sql_admit, sql_settle, sql_rest})
            text += part;
    else if (version == 1)
        text = std::string{sql_tuner} += sql_admit;
    const auto put = [&text](std::string_view name, std::string_view value) {
        for (std::size_t at = 0; (at = text.find(name, at)) != std::string::npos; at += value.size())
            text.replace(at, name.size(), value);
    };
    put("@OPEN", verb_begin);
    put("@CREATE", version == 0 ? "CREATE" : "CREATE OR REPLACE");
    put("@COUNTED", version == 0 ? "" : ", credit_from = t");
    put("@STILL", version == 0 ? "" : " AND s.credit_from <= greatest(s.newest, t)");
    put("@CLOCK", "(date_part('epoch', clock_timestamp()) * 1e6)::bigint * 1000");
    put("@STEP", "1000000000");
    put("@NEVER", "(-4611686018427387904)");
    put("@FAR", "4611686018427387903");
    put("@IS_UNLOGGED", unlogged ? "true" : "false");
    put("@UNLOGGED", unlogged ? "UNLOGGED" : "");
    put("@K", fmt::format("{}", lock_class(schema)));
    put("@S", fmt::format("\"{}\"", schema));
    return text;
}

}  // namespace weir::postgres::detail
