import * as fc from 'fast-check'
import { quote } from '../../src/base/shell.ts'
import type { Resource } from '../../src/model/resource.ts'
import { places } from './world.ts'

/** What somebody may do to a host behind Fettle's back: a number for each resource to pick by. */
export const vandalism: fc.Arbitrary<number[]> = fc.array(fc.nat(99), {
  minLength: 12,
  maxLength: 12,
})

/** A script that does some of it, to about every third resource. */
export function vandalise(resources: readonly Resource[], picks: readonly number[]): string {
  const lines = resources.flatMap((resource, i) => {
    const ways = damages[resource.kind]?.(quote(resource.name), resource.name) ?? []
    const pick = (picks[i % picks.length]! * (i + 7)) % 99
    return pick % 3 === 0 && ways.length > 0 ? [ways[pick % ways.length]!] : []
  })
  return `exec 2>/dev/null\n${lines.join('\n')}\ntrue`
}

type Damage = (word: string, name: string) => readonly string[]

const textFile: Damage = (_, name) => {
  const path = quote(name.slice(0, name.indexOf('#')))
  return [`rm -f ${path}`, `: > ${path}`, `echo junk >> ${path}`, `sed -i '/=/d' ${path}`]
}

/** By kind. A path keeps its type: what stands in the place of a folder is a folder or nothing. */
const damages: Readonly<Record<string, Damage>> = {
  file: (path) => [
    `rm -f ${path}`,
    `[ ! -f ${path} ] || echo junk >> ${path}`,
    `[ ! -f ${path} ] || chmod 0777 ${path}`,
    `chown -h daemon:daemon ${path}`,
    `ln -sfn /not/there ${path}`,
  ],
  link: (path) => [`rm -f ${path}`, `ln -sfn /elsewhere ${path}`],
  directory: (path) => [`rm -rf ${path}`, `chmod 0711 ${path}`, `chown daemon:daemon ${path}`],
  user: (name) => [
    `userdel -r ${name}`,
    `usermod -s /bin/false -c Vandal ${name}`,
    `rm -rf /home/${name}`,
    `usermod -L ${name}`,
  ],
  group: (name) => [`groupdel ${name}`, `gpasswd -M daemon ${name}`],
  'authorized-keys': (name) => [
    `echo 'ssh-ed25519 ${'Z'.repeat(68)} vandal' >> /home/${name}/.ssh/authorized_keys`,
    `chmod 0777 /home/${name}/.ssh`,
    `rm -rf /home/${name}/.ssh`,
  ],
  'host-entry': (address) => [
    `sed '/^${address}/d' /etc/hosts > /tmp/h; cat /tmp/h > /etc/hosts`,
    `echo '${address} other' >> /etc/hosts`,
  ],
  line: textFile,
  block: textFile,
  cron: (name) => [`rm -f /etc/cron.d/${name}`, `echo '#' >> /etc/cron.d/${name}`],
  timer: (name) => [
    `systemctl stop ${name}.timer`,
    `systemctl disable ${name}.timer`,
    `rm -f /etc/systemd/system/${name}.service`,
    `echo '# junk' >> /etc/systemd/system/${name}.timer; systemctl daemon-reload`,
  ],
  unit: (name) => [
    `rm -f /etc/systemd/system/${name}`,
    `echo '# junk' >> /etc/systemd/system/${name}`,
    `echo '# junk' >> /etc/systemd/system/${name}; systemctl daemon-reload`,
  ],
  service: (name) => [
    `systemctl stop ${name}`,
    `systemctl start ${name}`,
    `systemctl disable ${name}`,
    `systemctl mask --runtime ${name}`,
    `systemctl kill -s KILL ${name}`,
  ],
  sysctl: (name) => [`sysctl -qw ${name}=6900`, `rm -f /etc/sysctl.d/*`],
  timezone: () => ['ln -sfn /usr/share/zoneinfo/Asia/Tokyo /etc/localtime', 'rm -f /etc/timezone'],
  command: (_, name) => [`rm -f /srv/r.${name.split(' ')[1]}`],
  package: (name) => [`dpkg --remove ${name}`, `dpkg --purge ${name}`],
  'apt-repository': (name) => [
    `rm -f /etc/apt/sources.list.d/${name}.sources`,
    `echo '# junk' >> /etc/apt/sources.list.d/${name}.sources`,
    `chmod 0600 /etc/apt/sources.list.d/${name}.sources`,
  ],
  git: (path) => [
    `rm -rf ${path}`,
    `echo junk > ${path}/a`,
    `rm -rf ${path}/a ${path}/b`,
    `git -C ${path} checkout -q -f --detach HEAD~1`,
    `git -C ${path} config remote.origin.url /elsewhere`,
    // Somebody pushed there.
    `git -C ${places.repository} branch -f main v2`,
    `git -C ${places.repository} branch -f main v1`,
  ],
}
