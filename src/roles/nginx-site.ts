import { type Common, type Reference, type Resource, given } from '../model/resource.ts'
import { file } from '../resources/file.ts'
import { refuse } from '../resources/refusal.ts'
import { reload } from '../resources/service.ts'

/** What answers at an address: files, a program behind nginx, PHP, or a redirect elsewhere. */
export interface NginxAnswer {
  /** A folder of files. */
  readonly root?: string
  /**
   * Where a program of yours listens: `'http://127.0.0.1:3000'` or `'unix:/run/shop.sock'`; several
   * take turns, and one that is down is passed over. WebSockets go through.
   */
  readonly proxy?: string | readonly string[]
  /** The socket of a pool of PHP, such as `phpSocket('shop')`; `root` says where its files are. */
  readonly php?: string
  /** Everything goes there, path included: `'https://www.example.org'`. */
  readonly redirect?: string
  /** Instead of a missing file: `'/index.html'`. Default with PHP: `/index.php`, else a 404. */
  readonly fallback?: string
  /** Further directives, such as `{ proxy_read_timeout: '10m' }`; a list repeats one. */
  readonly settings?: NginxSettings
}

/** Directives by name. */
export type NginxSettings = Readonly<Record<string, string | number | readonly string[]>>

/** One site of nginx: a file in /etc/nginx/conf.d, which takes its place only when nginx takes all of its files. */
export interface NginxSiteOptions extends NginxAnswer, Common {
  /** The names that it answers to: `'example.org'`, `'*.example.org'`. */
  readonly domains: string | readonly string[]
  /**
   * A `certificate(...)`, to be described with `notify: reload('nginx')`, or paths on the host. With it
   * the site is served by https, and plain http is redirected there.
   */
  readonly certificate?: Resource | { readonly certificate: string; readonly key: string }
  /** With a certificate: what plain http does. Default: `'redirect'`. */
  readonly http?: 'redirect' | 'serve' | 'off'
  /** With a certificate: how long browsers may insist on https, in seconds; 0 is not at all. Default: half a year. */
  readonly hsts?: number
  /** Where files that prove the domain to a certificate authority are looked for, by plain http. Default: /var/www/acme. */
  readonly acme?: string
  /** The largest upload. Default: `'16m'`. */
  readonly maxBody?: string
  /** Headers of all answers, over those that are usual; `''` leaves one out. */
  readonly headers?: Readonly<Record<string, string>>
  /** Other answers below some paths: `{ '/api/': { proxy: 'http://127.0.0.1:4000' } }`; `'= /x'` is that path alone. */
  readonly locations?: Readonly<Record<string, NginxAnswer>>
}

/** Describes a site of nginx: `nginxSite('shop', { domains: 'shop.example.org', proxy: 'http://127.0.0.1:3000' })`. */
export function nginxSite(name: string, options: NginxSiteOptions): Resource {
  checkSite(name, options)
  const { after = [], notify = [], user, certificate } = options
  const first = certificate && 'kind' in certificate ? [certificate] : []
  return nginxFile(`/etc/nginx/conf.d/site-${name}.conf`, siteOf(name, options), {
    ...given({ user }),
    after: [...first, ...many(after)],
    notify: [reload('nginx'), ...[notify].flat()],
  })
}

/** A file of nginx; it takes its place only if nginx takes all files with it. */
export function nginxFile(path: string, content: string, common: Common): Resource {
  const validate = tryAll.replaceAll('FILE', path.replace('/etc/nginx/', ''))
  return file(path, {
    content: `# Kept by Fettle.\n${content}`,
    owner: 'root',
    group: 'root',
    mode: '0644',
    user: 'root',
    validate,
    ...common,
  })
}

/**
 * All of nginx's files beside each other once more, with the new one among them. Where they were
 * broken already in another file, that one says nothing against this one: nginx is not reloaded on it.
 */
const tryAll = `(
stage=$(mktemp -d) && trap 'rm -rf -- "$stage"' EXIT && mkdir "$stage/nginx" && cp -a /etc/nginx/. "$stage/nginx" || exit 1
try() {
  grep -rlIF /etc/nginx/ "$stage/nginx" | while read -r each; do sed -i "s#/etc/nginx/#$stage/nginx/#g" "$each"; done
  nginx -t -q -c "$stage/nginx/nginx.conf" >"$stage/all" 2>&1 && return
  grep -F '[emerg]' "$stage/all" | sed "s#$stage/nginx/#/etc/nginx/#g; s|^.*\\[emerg\\] \\([0-9#]*: \\)*||" >"$stage/said"
  false
}
try || before=broken
rm -f -- "$stage/nginx/FILE" && cat %s >"$stage/nginx/FILE" || exit 1
try || { [ "\${before-}" ] && ! grep -qF '/etc/nginx/FILE:' "$stage/said"; } || { cat "$stage/said"; false; }
)`

/** Where nginx has variables of its own in texts, these are nginx's. */
export const quoted = (text: string): string => `"${text.replace(/["\\]/g, '\\$&')}"`

export function directives(settings: NginxSettings): string[] {
  return Object.entries(settings).flatMap(([name, value]) =>
    (Array.isArray(value) ? value : [value]).map((each) => `${name} ${each};`),
  )
}

export const block = (head: string, body: readonly string[]): string[] => [
  `${head} {`,
  ...body.map((each) => `  ${each}`),
  '}',
]

/** As resources and ids, whichever way they were given. */
const many = (after: Reference | readonly Reference[]): (Resource | string)[] =>
  [after].flat(2) as (Resource | string)[]

/** Where the certificate and its key are. */
function filesOf(given: NginxSiteOptions['certificate']):
  | undefined
  | {
      certificate: string
      key: string
    } {
  if (!given || !('kind' in given)) return given
  const { directory } = given.desired as { directory?: string }
  if (given.kind !== 'certificate' || directory === undefined)
    refuse('nginxSite', 'certificate', {
      problem: `cannot be ${given.kind}:${given.name}`,
      suggestion: 'a certificate(...), or { certificate, key } with paths on the host',
    })
  return { certificate: `${directory}/fullchain.pem`, key: `${directory}/privkey.pem` }
}

const domain = /^(\*\.)?[\p{L}\p{N}]([\p{L}\p{N}._-]*[\p{L}\p{N}])?$|^~\S+$/u

function checkSite(name: string, options: NginxSiteOptions): void {
  const fail = (field: string, problem: string, suggestion: string): never =>
    refuse(`nginxSite:${name}`, field, { problem, suggestion })
  const cannot = (value: unknown): string => `cannot be ${JSON.stringify(value)}`
  if (!/^[\w][\w.-]*$/.test(name)) fail('its name', cannot(name), "letters, digits, '.', '_', '-'")
  for (const each of [options.domains].flat())
    if (!domain.test(each)) fail('domains', cannot(each), "a name such as 'shop.example.org'")
  if ([options.domains].flat().length === 0) fail('domains', 'is empty', 'at least one name')
  const answers: [string, NginxAnswer][] = Object.entries(options.locations ?? {})
  for (const [path] of answers)
    if (!/^((=|\^~) )?\/[^\s{};"'\\]*$/.test(path))
      fail('locations', cannot(path), "a path such as '/api/'")
  const certificate = filesOf(options.certificate)
  const all: [string, NginxAnswer][] = [['', options], ...answers]
  for (const [where, answer] of all) {
    const complaint = complaintAbout(answer, where !== '' && options.root !== undefined)
    if (complaint)
      fail(where === '' ? complaint[0] : `locations ${where}`, complaint[1], complaint[2])
  }
  for (const path of [certificate?.certificate, certificate?.key, options.acme])
    if (path !== undefined && !isPath(path)) fail('certificate', cannot(path), 'an absolute path')
}

/** nginx has no way to write a dollar sign. */
const isPath = (path: string): boolean => /^\/[^\n\r\0$]*$/.test(path)

function complaintAbout(
  { root, proxy, php, redirect, fallback, settings }: NginxAnswer,
  rooted: boolean,
): [field: string, problem: string, suggestion: string] | undefined {
  const cannot = (value: unknown): string => `cannot be ${JSON.stringify(value)}`
  if (root !== undefined && !isPath(root)) return ['root', cannot(root), 'an absolute path']
  if (php !== undefined && !isPath(php)) return ['php', cannot(php), 'the path of a socket']
  if (php !== undefined && root === undefined && !rooted)
    return ['root', 'is missing', 'the folder where the files of PHP are']
  for (const each of [proxy ?? []].flat())
    if (
      !/^(https?:\/\/[\w.-]+(:\d+)?|https?:\/\/\[[\da-f:]+\](:\d+)?|unix:\/[\w./@-]+)$/i.test(each)
    )
      return ['proxy', cannot(each), "'http://127.0.0.1:3000' or 'unix:/run/shop.sock'"]
  if (new Set([proxy ?? []].flat().map((each) => each.startsWith('https:'))).size > 1)
    return ['proxy', 'mixes http and https', 'one of them']
  if (redirect !== undefined && !/^https?:\/\/[^\s"'\\;{}]+$/.test(redirect))
    return ['redirect', cannot(redirect), "an address such as 'https://www.example.org'"]
  const kinds = [proxy, redirect, php ?? root].filter((each) => each !== undefined)
  if (kinds.length !== 1 && !(kinds.length === 0 && settings))
    return [
      'root',
      `is one of several ways to answer, and there are ${kinds.length}`,
      'one of root (with or without php), proxy and redirect',
    ]
  if (fallback !== undefined && !/^[/=@][^\s"'\\;{}]*$/.test(fallback))
    return ['fallback', cannot(fallback), "a path such as '/index.html'"]
  return undefined
}

function siteOf(name: string, options: NginxSiteOptions): string {
  const { http = 'redirect', acme = '/var/www/acme' } = options
  const certificate = filesOf(options.certificate)
  const names = `server_name ${[options.domains]
    .flat()
    .map((each) => (each.startsWith('~') ? quoted(each) : each))
    .join(' ')};`
  const challenge = block('location ^~ /.well-known/acme-challenge/', [
    `root ${quoted(acme)};`,
    'default_type text/plain;',
  ])
  const plain = ['listen 80;', 'listen [::]:80;']
  const upstreams = new Upstreams(name)
  const body = bodyOf(options, upstreams)
  const secure = certificate && [
    'listen 443 ssl;',
    'listen [::]:443 ssl;',
    names,
    `ssl_certificate ${quoted(certificate.certificate)};`,
    `ssl_certificate_key ${quoted(certificate.key)};`,
    ...body,
  ]
  const redirecting = [
    ...plain,
    names,
    ...challenge,
    ...block('location /', ['return 301 https://$host$request_uri;']),
  ]
  const serving = certificate
    ? [...(http === 'serve' ? plain : []), ...secure!, ...(http === 'serve' ? challenge : [])]
    : [...plain, names, ...body, ...challenge]
  const servers = [
    ...(certificate && http === 'redirect' ? block('server', redirecting) : []),
    ...block('server', serving),
  ]
  return [...upstreams.lines, ...servers].map((each) => `${each}\n`).join('')
}

/** Those that are usual; a program behind nginx that says one itself is not contradicted. */
const usualHeaders: Readonly<Record<string, string>> = {
  'X-Content-Type-Options': '$fettle_content_type_options',
  'X-Frame-Options': '$fettle_frame_options',
  'Referrer-Policy': '$fettle_referrer_policy',
}

function bodyOf(options: NginxSiteOptions, upstreams: Upstreams): string[] {
  const { certificate, hsts = 15_768_000, headers = {}, maxBody, locations = {} } = options
  const lower = new Set(Object.keys(headers).map((each) => each.toLowerCase()))
  const usual = Object.entries({
    ...usualHeaders,
    ...(certificate && hsts > 0 ? { 'Strict-Transport-Security': `max-age=${hsts}` } : {}),
  }).filter(([name]) => !lower.has(name.toLowerCase()))
  const all = [...usual, ...Object.entries(headers).filter(([, value]) => value !== '')]
  return [
    ...(maxBody === undefined ? [] : [`client_max_body_size ${maxBody};`]),
    ...all.map(([name, value]) => `add_header ${quoted(name)} ${quoted(value)} always;`),
    ...(options.root === undefined ? [] : [`root ${quoted(options.root)};`]),
    ...answer('/', options, upstreams),
    ...Object.entries(locations).flatMap(([path, each]) => answer(path, each, upstreams)),
  ]
}

function answer(path: string, given: NginxAnswer, upstreams: Upstreams): string[] {
  const { root, proxy, php, redirect, settings = {} } = given
  const own = directives(settings)
  if (redirect !== undefined)
    return block(`location ${path}`, [
      ...own,
      `return 301 ${quoted(`${redirect.replace(/\/$/, '')}$request_uri`)};`,
    ])
  if (proxy !== undefined)
    return block(`location ${path}`, [`proxy_pass ${upstreams.to([proxy].flat())};`, ...own])
  const { fallback = php === undefined ? '=404' : '/index.php$is_args$args' } = given
  const files = [
    ...(root === undefined || path === '/' ? [] : [`root ${quoted(root)};`]),
    ...(root === undefined && php === undefined
      ? []
      : [
          `index ${php === undefined ? '' : 'index.php '}index.html;`,
          `try_files $uri $uri/ ${fallback};`,
        ]),
    ...own,
    // What begins with a dot, such as .git and .env, is nobody's business.
    ...(path.startsWith('=') ? [] : block('location ~ /\\.(?!well-known/)', ['return 404;'])),
  ]
  if (php === undefined) return block(`location ${path}`, files)
  return block(`location ${path}`, [
    ...files,
    ...block('location ~ \\.php$', [
      // Only a file that is there: a path behind it is not run as if it were one.
      'try_files $uri =404;',
      'include fastcgi_params;',
      'fastcgi_param SCRIPT_FILENAME $realpath_root$fastcgi_script_name;',
      'fastcgi_param DOCUMENT_ROOT $realpath_root;',
      'fastcgi_param HTTP_PROXY "";',
      `fastcgi_pass ${quoted(`unix:${php}`)};`,
    ]),
  ])
}

/** Programs behind nginx: connections to them stay open, and one that is down is passed over. */
class Upstreams {
  readonly lines: string[] = []
  readonly #site: string
  #count = 0

  constructor(site: string) {
    this.#site = site
  }

  to(addresses: readonly string[]): string {
    const name = `fettle_${this.#site}_${++this.#count}`
    const servers = addresses.map((each) => `server ${each.replace(/^https?:\/\//, '')};`)
    this.lines.push(...block(`upstream ${name}`, [...servers, 'keepalive 32;']))
    return `${addresses[0]!.startsWith('https:') ? 'https' : 'http'}://${name}`
  }
}
