import { certificatesFolder } from '../balancer/description.ts'
import { acmePort } from '../balancer/frontend.ts'
import { sh } from '../base/shell.ts'
import type { PlacedApp } from '../model/app.ts'
import type { Resource } from '../model/resource.ts'
import { command } from '../resources/command.ts'
import { file } from '../resources/file.ts'
import { service } from '../resources/service.ts'

/**
 * Certificates from an authority that speaks ACME, such as Let's Encrypt, through certbot: one for each app,
 * of the domains that are exact. An authority asks for the proof over plain HTTP, so the domains must lead to
 * this host when it is first made.
 */
export interface AcmeOptions {
  /** Where the authority may write to. */
  readonly email: string
  /** The authority's directory. Default: Let's Encrypt. */
  readonly server?: string
}

/** Nobody can prove over HTTP that all below a domain is theirs. */
export const isExact = (domain: string): boolean => !domain.startsWith('*')

const hook = '/usr/local/sbin/fettle-certificate'

/** certbot runs it with each certificate that it has got. */
export function acmeHook(): Resource {
  return file(hook, {
    mode: '0755',
    owner: 'root',
    group: 'root',
    user: 'root',
    content: `#!/bin/sh
# Kept by Fettle: hands a certificate of certbot's to HAProxy.
set -e
umask 077
new=$(mktemp ${certificatesFolder}/.fettle.XXXXXXXX)
trap 'rm -f "$new"' EXIT
cat "$RENEWED_LINEAGE/fullchain.pem" "$RENEWED_LINEAGE/privkey.pem" > "$new"
sync "$new"
mv -fT "$new" "${certificatesFolder}/acme-\${RENEWED_LINEAGE##*/}.pem"
systemctl reload haproxy
`,
  })
}

/**
 * The first certificate of each app; certbot's timer renews it. HAProxy must know where to send the
 * authority before that, so it is reloaded first.
 */
export function acmeCertificates(
  { email, server }: AcmeOptions,
  placed: readonly PlacedApp[],
  hasOther: (domain: string) => boolean,
): Resource[] {
  const commands = placed.flatMap(({ app }) => {
    const domains = app.domains.filter((each) => isExact(each) && !hasOther(each)).sort()
    if (domains.length === 0) return []
    const lineage = `/etc/letsencrypt/live/${app.name}`
    const pem = `${certificatesFolder}/acme-${app.name}.pem`
    const given = server === undefined ? [] : ['--server', server]
    const names = domains.flatMap((each) => ['-d', each])
    const get = sh`certbot certonly -n --agree-tos -m ${email} --cert-name ${app.name} --standalone --preferred-challenges http --http-01-address 127.0.0.1 --http-01-port ${acmePort} --keep-until-expiring --renew-with-new-domains --deploy-hook ${hook} ${given} ${names}`
    const whole = sh`cat ${lineage}/fullchain.pem ${lineage}/privkey.pem 2>/dev/null | cmp -s - ${pem}`
    const same = sh`[ "$(openssl x509 -in ${pem} -noout -ext subjectAltName 2>/dev/null | grep -o 'DNS:[^, ]*' | sort | tr '\n' ' ')" = ${domains.map((each) => `DNS:${each} `).join('')} ]`
    return command(`certificate-${app.name}`, {
      run: sh`systemctl reload-or-restart haproxy && ${get} && { ${whole} || RENEWED_LINEAGE=${lineage} ${hook}; }`
        .text,
      unless: sh`${whole} && ${same}`.text,
      user: 'root',
      after: 'service:haproxy',
    })
  })
  return commands.length === 0 ? [] : [service('certbot.timer'), ...commands]
}
