import { type Resource, absent } from '../model/resource.ts'
import { file } from '../resources/file.ts'
import { packages } from '../resources/package.ts'
import { reload, service } from '../resources/service.ts'
import type { Machine } from './machine.ts'
import {
  type NginxSettings,
  type NginxSiteOptions,
  block,
  directives,
  nginxFile,
  nginxSite,
} from './nginx-site.ts'

/** nginx from the packages of the distribution. Whoever asks for a name that no site has gets no answer. */
export interface NginxOptions {
  /** Sites by name. Other roles may describe further ones with `nginxSite`. */
  readonly sites?: Readonly<Record<string, NginxSiteOptions>>
  /** Whether names that no site has are refused. False: the first site gets them. Default: true. */
  readonly refuseUnknown?: boolean
  /** Further directives of the http block; they come over the usual ones. */
  readonly settings?: NginxSettings
}

/** Before these, one `http2` for all listening sockets was not known yet, and a handshake could not be refused. */
const olds: Readonly<Record<string, 'no-http2-directive' | 'no-reject'>> = {
  bullseye: 'no-reject',
  jammy: 'no-reject',
  bookworm: 'no-http2-directive',
  noble: 'no-http2-directive',
}

/**
 * Describes nginx with its sites:
 *
 *     nginx(host, {
 *       sites: { shop: { domains: 'shop.example.org', proxy: 'http://127.0.0.1:3000' } },
 *     })
 */
export function nginx(host: Machine, options: NginxOptions = {}): Resource[] {
  const { sites = {}, refuseUnknown = true } = options
  const old = olds[host.facts.os.codename]
  const running = service('nginx')
  const notify = reload(running)
  // The certificate that nobody trusts is for those who ask for no name that is here.
  const cert = refuseUnknown && old === 'no-reject' ? ['ssl-cert'] : []
  const unknown = nginxFile('/etc/nginx/conf.d/default.conf', refusing(old), { notify })
  return [
    ...packages('nginx', 'logrotate', ...cert),
    // The package brings it: an empty one is what can be described before that.
    file('/etc/nginx/sites-enabled/default', {
      content: '# Kept by Fettle: see conf.d/default.conf.\n',
      user: 'root',
      notify,
    }),
    nginxFile('/etc/nginx/nginx.conf', configuration(options, old), { notify }),
    refuseUnknown ? unknown : absent(unknown),
    ...Object.entries(sites).map(([name, each]) => nginxSite(name, each)),
    running,
  ]
}

function refusing(old: string | undefined): string {
  const http2 = old === undefined ? '' : ' http2'
  const reject =
    old === 'no-reject'
      ? [
          'ssl_certificate /etc/ssl/certs/ssl-cert-snakeoil.pem;',
          'ssl_certificate_key /etc/ssl/private/ssl-cert-snakeoil.key;',
        ]
      : ['ssl_reject_handshake on;']
  const server = block('server', [
    'listen 80 default_server;',
    'listen [::]:80 default_server;',
    `listen 443 ssl${http2} default_server;`,
    `listen [::]:443 ssl${http2} default_server;`,
    'server_name _;',
    ...reject,
    'access_log off;',
    'return 444;',
  ])
  return server.map((each) => `${each}\n`).join('')
}

/** Usual directives of the http block. */
const usual: NginxSettings = {
  default_type: 'application/octet-stream',
  sendfile: 'on',
  tcp_nopush: 'on',
  types_hash_max_size: 2048,
  server_names_hash_bucket_size: 128,
  server_tokens: 'off',
  client_max_body_size: '16m',
  keepalive_timeout: '65s',
  access_log: '/var/log/nginx/access.log fettle',
  error_log: '/var/log/nginx/error.log',
  gzip: 'on',
  gzip_vary: 'on',
  gzip_proxied: 'any',
  gzip_comp_level: 5,
  gzip_min_length: 1024,
  gzip_types:
    'text/plain text/css text/xml text/javascript application/javascript application/json application/xml application/rss+xml application/atom+xml application/wasm image/svg+xml font/ttf',
  ssl_protocols: 'TLSv1.2 TLSv1.3',
  ssl_ciphers:
    'ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305',
  ssl_prefer_server_ciphers: 'off',
  ssl_session_cache: 'shared:tls:10m',
  ssl_session_timeout: '1d',
  ssl_session_tickets: 'off',
  proxy_http_version: '1.1',
  proxy_connect_timeout: '5s',
  proxy_set_header: [
    'Host $host',
    'X-Real-IP $remote_addr',
    'X-Forwarded-For $proxy_add_x_forwarded_for',
    'X-Forwarded-Proto $scheme',
    'X-Forwarded-Host $host',
    'Upgrade $http_upgrade',
    'Connection $fettle_connection',
    // Some programs take it for the address of a proxy that they should use.
    'Proxy ""',
  ],
}

function configuration({ settings = {} }: NginxOptions, old: string | undefined): string {
  const http = [
    'include mime.types;',
    ...block('map $http_upgrade $fettle_connection', ['default upgrade;', "'' '';"]),
    ...header('content_type_options', 'nosniff'),
    ...header('frame_options', 'SAMEORIGIN'),
    ...header('referrer_policy', 'strict-origin-when-cross-origin'),
    // As everybody's "combined", and at its end for whom and how long.
    `log_format fettle '$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent" $host $request_time $upstream_response_time';`,
    ...directives({ ...usual, ...(old === undefined ? { http2: 'on' } : {}), ...settings }),
    'include conf.d/*.conf;',
    'include sites-enabled/*;',
  ]
  return [
    'user www-data;',
    'worker_processes auto;',
    'worker_rlimit_nofile 16384;',
    'pid /run/nginx.pid;',
    'include modules-enabled/*.conf;',
    ...block('events', ['worker_connections 4096;']),
    ...block('http', http),
  ]
    .map((each) => `${each}\n`)
    .join('')
}

/** Empty, and so not sent, where the program behind says it itself. */
const header = (name: string, value: string): string[] =>
  block(`map $upstream_http_${name.startsWith('ref') ? name : `x_${name}`} $fettle_${name}`, [
    `'' ${value};`,
    "default '';",
  ])
