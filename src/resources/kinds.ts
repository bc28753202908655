import type { Kind } from '../model/kind.ts'
import type { Lock } from '../model/lock.ts'
import { appKind } from './app.ts'
import { aptRepositoryKind } from './apt-repository.ts'
import { archiveKind } from './archive.ts'
import { authorizedKeysKind } from './authorized-keys.ts'
import { balancerKind } from './balancer.ts'
import { blockKind } from './block.ts'
import { certificateKind } from './certificate.ts'
import { commandKind } from './command.ts'
import { containerImageKind } from './container-image.ts'
import { containerKind } from './container.ts'
import { cronKind } from './cron.ts'
import { directoryKind } from './directory.ts'
import { downloadKind } from './download.ts'
import { fileKind } from './file.ts'
import { firewallKind } from './firewall.ts'
import { gemKind } from './gem.ts'
import { gitKind } from './git.ts'
import { groupKind } from './group.ts'
import { hostEntryKind } from './host-entry.ts'
import { hostnameKind } from './hostname.ts'
import { kernelModuleKind } from './kernel-module.ts'
import { lineKind } from './line.ts'
import { linkKind } from './link.ts'
import { localeKind } from './locale.ts'
import { logrotateKind } from './logrotate.ts'
import { mountKind } from './mount.ts'
import { npmKind } from './npm.ts'
import { ntpKind } from './ntp.ts'
import { mariadbDatabaseKind } from './mariadb-database.ts'
import { mariadbUserKind } from './mariadb-user.ts'
import { lockedPackageKind, packageKind } from './package.ts'
import { pipKind } from './pip.ts'
import { postgresDatabaseKind } from './postgres-database.ts'
import { postgresServerKind } from './postgres-server.ts'
import { postgresUserKind } from './postgres-user.ts'
import { serviceKind } from './service.ts'
import { sshdKind } from './sshd.ts'
import { sudoKind } from './sudo.ts'
import { swapKind } from './swap.ts'
import { sysctlKind } from './sysctl.ts'
import { timerKind } from './timer.ts'
import { timezoneKind } from './timezone.ts'
import { unitKind } from './unit.ts'
import { userKind } from './user.ts'

/** Every kind of resource, by name. A further kind is one new file and one line here. */
const list: readonly Kind[] = [
  appKind,
  aptRepositoryKind,
  archiveKind,
  authorizedKeysKind,
  balancerKind,
  blockKind,
  certificateKind,
  commandKind,
  containerImageKind,
  containerKind,
  cronKind,
  directoryKind,
  downloadKind,
  fileKind,
  firewallKind,
  gemKind,
  gitKind,
  groupKind,
  hostEntryKind,
  hostnameKind,
  kernelModuleKind,
  lineKind,
  linkKind,
  localeKind,
  logrotateKind,
  mountKind,
  npmKind,
  ntpKind,
  mariadbDatabaseKind,
  mariadbUserKind,
  packageKind,
  pipKind,
  postgresDatabaseKind,
  postgresServerKind,
  postgresUserKind,
  serviceKind,
  sshdKind,
  sudoKind,
  swapKind,
  sysctlKind,
  timerKind,
  timezoneKind,
  unitKind,
  userKind,
]

export const kinds: ReadonlyMap<string, Kind> = new Map(list.map((kind) => [kind.name, kind]))

/** The same, keeping to a fettle.lock where there is one. */
export function kindsWith(lock: Lock | undefined): ReadonlyMap<string, Kind> {
  return lock ? new Map([...kinds, [packageKind.name, lockedPackageKind(lock)]]) : kinds
}
