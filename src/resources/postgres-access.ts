import { postgresText } from './sql.ts'

/** What somebody may do in a database. */
export type PostgresAccess = 'connect' | 'read' | 'write'

/**
 * The statements that are missing for the database to be open to exactly these, each with a few
 * words on it: the same query is asked to plan and to change. Run in the database itself. What the
 * user owns is not looked at, since an owner may do everything with it.
 */
export function accessQuery(access: Readonly<Record<string, PostgresAccess>>): string {
  const wanted = Object.entries(access).map(
    ([user, level]) => `(${postgresText(user)}, ${postgresText(level)})`,
  )
  return `WITH wanted(name, level) AS (VALUES ${[...wanted, '(NULL, NULL)'].join(', ')}),
here AS (SELECT * FROM pg_database WHERE datname = current_database()),
described AS (SELECT w.name::text, w.level, r.oid FROM wanted w LEFT JOIN pg_roles r ON r.rolname = w.name WHERE w.name IS NOT NULL),
others AS (
  SELECT DISTINCT r.rolname::text AS name, 'none' AS level, a.grantee AS oid
  FROM here, aclexplode(coalesce(datacl, acldefault('d', datdba))) a LEFT JOIN pg_roles r ON r.oid = a.grantee
  WHERE a.grantee <> datdba AND a.grantee NOT IN (SELECT oid FROM described WHERE oid IS NOT NULL)),
rules(level, class, privileges) AS (VALUES
  ('none', 'DATABASE', ARRAY[]::text[]),
  ('connect', 'DATABASE', ARRAY['CONNECT']),
  ('read', 'DATABASE', ARRAY['CONNECT']),
  ('write', 'DATABASE', ARRAY['CONNECT', 'TEMPORARY']),
  ('read', 'SCHEMA', ARRAY['USAGE']), ('write', 'SCHEMA', ARRAY['USAGE']),
  ('read', 'TABLE', ARRAY['SELECT']), ('write', 'TABLE', ARRAY['DELETE', 'INSERT', 'SELECT', 'UPDATE']),
  ('read', 'SEQUENCE', ARRAY['SELECT']), ('write', 'SEQUENCE', ARRAY['SELECT', 'USAGE'])),
spaces AS (SELECT * FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'),
defaults(class, letter) AS (VALUES ('SCHEMA', 'n'), ('TABLE', 'r'), ('SEQUENCE', 'S')),
things AS (
  SELECT 'DATABASE' AS class, format('DATABASE %I', datname) AS place, 'database' AS label, '' AS prefix,
    datdba AS owner, coalesce(datacl, acldefault('d', datdba)) AS acl FROM here
  UNION ALL SELECT 'SCHEMA', format('SCHEMA %I', nspname), 'schema ' || nspname, '',
    nspowner, coalesce(nspacl, acldefault('n', nspowner)) FROM spaces
  UNION ALL SELECT CASE relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END,
    CASE relkind WHEN 'S' THEN 'SEQUENCE ' ELSE 'TABLE ' END || format('%I.%I', nspname, relname),
    nspname || '.' || relname, '',
    relowner, coalesce(relacl, acldefault(CASE relkind WHEN 'S' THEN 's' ELSE 'r' END::"char", relowner))
  FROM pg_class JOIN spaces ON spaces.oid = relnamespace WHERE relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
  UNION ALL SELECT class, class || 'S', 'later ' || lower(class) || 's',
    format('ALTER DEFAULT PRIVILEGES FOR ROLE %I ', pg_get_userbyid(datdba)), datdba, defaclacl
  FROM here CROSS JOIN defaults LEFT JOIN pg_default_acl
    ON defaclobjtype = letter::"char" AND defaclrole = datdba AND defaclnamespace = 0),
compared AS (
  SELECT who.name, coalesce(who.name, 'everybody') AS shown, class, place, label, prefix, privileges AS wanted,
    ARRAY(SELECT privilege_type FROM aclexplode(acl) a WHERE a.grantee = who.oid) AS actual
  FROM (SELECT * FROM described UNION ALL SELECT * FROM others) who
  JOIN rules USING (level) JOIN things USING (class) WHERE owner IS DISTINCT FROM who.oid),
moves AS (
  SELECT *, ARRAY(SELECT unnest(CASE verb WHEN 'GRANT' THEN wanted ELSE actual END)
    EXCEPT SELECT unnest(CASE verb WHEN 'GRANT' THEN actual ELSE wanted END) ORDER BY 1) AS privileges
  FROM compared CROSS JOIN (VALUES ('GRANT'), ('REVOKE')) verbs(verb))
SELECT shown || ' ' || lower(CASE verb WHEN 'GRANT' THEN '+' ELSE '-' END || array_to_string(privileges, ',')) || ' on ' || label AS words,
  prefix || verb || ' ' || array_to_string(privileges, ', ') || ' ON ' || place
    || CASE verb WHEN 'GRANT' THEN ' TO ' ELSE ' FROM ' END || coalesce(quote_ident(name), 'PUBLIC') AS statement
FROM moves WHERE privileges <> '{}' ORDER BY class, words, place`
}
