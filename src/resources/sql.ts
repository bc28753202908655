import { transform } from './secret-text.ts'

/** A name in PostgreSQL's SQL, whatever it holds. */
export const postgresName = (name: string): string =>
  transform(name, (text) => `"${text.replaceAll('"', '""')}"`)

/** A text in PostgreSQL's SQL, whatever it holds and however the server takes backslashes. */
export const postgresText = (text: string): string =>
  transform(text, (text) => {
    const quoted = `'${text.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`
    return text.includes('\\') ? ` E${quoted}` : quoted
  })

/** A name in MariaDB's SQL, whatever it holds. */
export const mariadbName = (name: string): string =>
  transform(name, (text) => `\`${text.replaceAll('`', '``')}\``)

/** A text in MariaDB's SQL, where backslashes escape (sql_mode without NO_BACKSLASH_ESCAPES). */
export const mariadbText = (text: string): string =>
  transform(text, (text) => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`)

/** The name of a database where GRANT takes a pattern: itself and no other. */
export const mariadbPattern = (name: string): string => name.replace(/[\\%_]/g, '\\$&')
