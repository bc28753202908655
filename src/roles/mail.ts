import { type Secret, reveal } from '../base/secret.ts'
import type { Resource } from '../model/resource.ts'
import { directory } from '../resources/directory.ts'
import { file } from '../resources/file.ts'
import { packages } from '../resources/package.ts'
import { refuse } from '../resources/refusal.ts'
import { reload, restart, service } from '../resources/service.ts'

/** Mail that programs of this host send, passed on by Postfix to a server that delivers it. The host takes none in. */
export interface MailOptions {
  /** Who delivers it: `'smtp.example.org'`. Its MX is not asked for. */
  readonly relay: string
  /** Default: 587. With 465 the connection is encrypted from its start. */
  readonly port?: number
  /** How the host logs in there. */
  readonly login?: { readonly user: string; readonly password: Secret | string }
  /**
   * `'verify'`: encrypted, to a server whose certificate is valid for the relay's name. `'encrypt'`: to
   * whoever answers. `'off'`: never. Default: `'verify'`.
   */
  readonly tls?: 'verify' | 'encrypt' | 'off'
  /** The domain of senders that have none: `root@example.org`. Default: the host's own name. */
  readonly domain?: string
  /** Who gets the mail for this host's own users: `{ root: 'ops@example.org' }`. Default: it goes to the domain. */
  readonly aliases?: Readonly<Record<string, string>>
  /** The sender of everything, where the relay takes no other: `'shop@example.org'`. */
  readonly sender?: string
  /** Further settings of main.cf; they come last. */
  readonly settings?: Readonly<Record<string, string | number>>
}

/**
 * Describes the way of mail out of a host:
 *
 *     mail({
 *       relay: 'smtp.example.org',
 *       login: { user: 'shop', password: Secret.env('SMTP_PASSWORD') },
 *       aliases: { root: 'ops@example.org' },
 *     })
 */
export function mail(options: MailOptions): Resource[] {
  checkMail(options)
  const { login, aliases = {}, sender } = options
  const running = service('postfix')
  const folder = '/etc/postfix'
  const owned = { owner: 'root', group: 'root', user: 'root' } as const
  const table = (name: string, rows: readonly string[], mode: string): Resource =>
    file(`${folder}/${name}`, {
      content: `# Kept by Fettle.\n${rows.map((each) => `${each}\n`).join('')}`,
      mode,
      ...owned,
      notify: reload(running),
    })
  return [
    directory(folder, { mode: '0755', ...owned }),
    // Before the package: it keeps what is there, and never listens for mail from outside.
    file(`${folder}/main.cf`, {
      content: configuration(options),
      mode: '0644',
      ...owned,
      // Before the package there is nobody to ask.
      validate: `! command -v postconf >/dev/null || ( all=$(mktemp -d) && trap 'rm -rf -- "$all"' EXIT && cat %s >"$all/main.cf" && cp ${folder}/master.cf "$all" && { said=$(postconf -c "$all" 2>&1 >/dev/null) || { echo "$said"; false; }; } && case $said in *'unused parameter'*) echo "$said"; false;; esac )`,
      notify: restart(running),
    }),
    table('fettle-aliases', rowsOf(aliases), '0644'),
    ...(login
      ? [
          table(
            'fettle-login',
            [`${relayOf(options)} ${login.user}:${String(login.password)}`],
            '0600',
          ),
        ]
      : []),
    ...(sender === undefined ? [] : [table('fettle-sender', [`/./ ${sender}`], '0644')]),
    ...packages('postfix', 'ca-certificates', ...(login ? ['libsasl2-modules'] : [])),
    running,
  ]
}

const rowsOf = (pairs: Readonly<Record<string, string>>): string[] =>
  Object.entries(pairs).map(([from, to]) => `${from} ${to}`)

/** In brackets: that very host. */
const relayOf = ({ relay, port = 587 }: MailOptions): string => `[${relay}]:${port}`

const levels = { verify: 'secure', encrypt: 'encrypt', off: 'none' } as const

function configuration(options: MailOptions): string {
  const { login, tls = 'verify', domain, sender, port = 587, settings = {} } = options
  const folder = '/etc/postfix'
  const rows = {
    compatibility_level: '3.6',
    // Nothing from outside, and nothing for here.
    inet_interfaces: 'loopback-only',
    mynetworks_style: 'host',
    mydestination: '',
    local_transport: 'error:this host takes no mail in',
    local_recipient_maps: '',
    myorigin: domain ?? '$myhostname',
    // Who has no domain is looked for by name alone.
    virtual_alias_maps: `texthash:${folder}/fettle-aliases`,
    relayhost: relayOf(options),
    // Names of /etc/hosts too, for a relay in a private network.
    smtp_host_lookup: 'dns, native',
    ...(sender === undefined
      ? {}
      : {
          sender_canonical_maps: `regexp:${folder}/fettle-sender`,
          sender_canonical_classes: 'envelope_sender, header_sender',
        }),
    smtp_tls_security_level: levels[tls],
    ...(tls === 'off' ? {} : { smtp_tls_CAfile: '/etc/ssl/certs/ca-certificates.crt' }),
    ...(tls === 'verify' ? { smtp_tls_secure_cert_match: 'hostname' } : {}),
    ...(port === 465 && tls !== 'off' ? { smtp_tls_wrappermode: 'yes' } : {}),
    ...(login
      ? {
          smtp_sasl_auth_enable: 'yes',
          smtp_sasl_password_maps: `texthash:${folder}/fettle-login`,
          smtp_sasl_security_options: 'noanonymous',
        }
      : {}),
    smtpd_relay_restrictions: 'permit_mynetworks, reject',
    disable_vrfy_command: 'yes',
    biff: 'no',
    append_dot_mydomain: 'no',
    maillog_file: '',
    ...settings,
  }
  return `# Kept by Fettle.\n${Object.entries(rows)
    .map(([name, value]) => `${name} = ${value}`.trimEnd())
    .join('\n')}\n`
}

function checkMail({ relay, port = 587, login, aliases = {}, tls, ...options }: MailOptions): void {
  const fail = (field: string, value: unknown, suggestion: string): never =>
    refuse('mail', field, { problem: `cannot be ${JSON.stringify(value)}`, suggestion })
  const address = /^[^\s@,:;<>()"\\#]+@[\w.-]+$/
  if (!/^[\w.:-]+$/.test(relay)) fail('relay', relay, "a name such as 'smtp.example.org'")
  if (!Number.isInteger(port) || port < 1 || port > 65535) fail('port', port, '587, 465 or 25')
  if (login && !/^[^\s:]+$/.test(login.user))
    fail('login', login.user, 'a name without blanks and :')
  if (login && !/^\S(.*\S)?$/.test(reveal(String(login.password))))
    refuse('mail', 'login', {
      problem:
        'has a password that is empty, begins or ends with a blank, or is more than one line',
      suggestion: 'another password',
    })
  if (login && tls === 'off')
    refuse('mail', 'tls', {
      problem: "cannot be 'off' with a login: the password would be readable on its way",
      suggestion: "'verify', or no login",
    })
  if (options.domain !== undefined && !/^[\w.-]+$/.test(options.domain))
    fail('domain', options.domain, "a name such as 'example.org'")
  if (options.sender !== undefined && !address.test(options.sender))
    fail('sender', options.sender, "an address such as 'shop@example.org'")
  for (const [from, to] of Object.entries(aliases)) {
    if (!/^[\w.+-]+$/.test(from)) fail('aliases', from, "a user such as 'root'")
    if (!to.split(/, */).every((each) => address.test(each)))
      fail('aliases', to, "an address such as 'ops@example.org'")
  }
}
