/** What a `fleet.ts` may import. */
export { Secret } from './base/secret.ts'
export type { App, AppPlacement } from './model/app.ts'
export type {
  AppBalance,
  AppBuild,
  AppHealth,
  AppJob,
  AppLimits,
  AppOptions,
  AppRollout,
} from './model/app-options.ts'
export { type Fleet, type FleetDescription, type HostDescription, fleet } from './model/fleet.ts'
export type { Facts } from './model/facts.ts'
export {
  type Common,
  type Notification,
  type Reference,
  type Resource,
  absent,
  as,
} from './model/resource.ts'
export {
  type Host,
  type Placement,
  type Resources,
  type Role,
  type RoleOptions,
  type Selector,
  role,
} from './model/role.ts'
export { type AptRepositoryOptions, aptRepository } from './resources/apt-repository.ts'
export { type ArchiveOptions, archive } from './resources/archive.ts'
export { type AuthorizedKeysOptions, authorizedKeys } from './resources/authorized-keys.ts'
export { type BlockOptions, block } from './resources/block.ts'
export { type CertificateOptions, certificate } from './resources/certificate.ts'
export { type CommandOptions, command, trigger } from './resources/command.ts'
export { type ContainerImageOptions, containerImage } from './resources/container-image.ts'
export { type ContainerOptions, container } from './resources/container.ts'
export { type CronOptions, cron } from './resources/cron.ts'
export { type DirectoryOptions, directory } from './resources/directory.ts'
export { type DownloadOptions, download } from './resources/download.ts'
export { type FileOptions, file } from './resources/file.ts'
export type { FirewallPolicy, FirewallPort } from './resources/firewall-rules.ts'
export { type FirewallMatch, type FirewallRule, allow, deny } from './resources/firewall-rules.ts'
export { type FirewallOptions, firewall } from './resources/firewall.ts'
export { type GemOptions, gemPackages } from './resources/gem.ts'
export { type GitOptions, git } from './resources/git.ts'
export { type GroupOptions, group } from './resources/group.ts'
export { type HostEntryOptions, hostEntry } from './resources/host-entry.ts'
export { type HostnameOptions, hostname } from './resources/hostname.ts'
export type { Ownership } from './resources/inode.ts'
export { type KernelModuleOptions, kernelModule } from './resources/kernel-module.ts'
export { type LineOptions, line } from './resources/line.ts'
export { type LinkOptions, link } from './resources/link.ts'
export { type LocaleOptions, locale } from './resources/locale.ts'
export { type LogrotateOptions, logrotate } from './resources/logrotate.ts'
export { type MountOptions, mount } from './resources/mount.ts'
export { type NpmOptions, npmPackages } from './resources/npm.ts'
export { type NtpOptions, ntp } from './resources/ntp.ts'
export type { MariadbAccess } from './resources/mariadb-database.ts'
export { type MariadbDatabaseOptions, mariadbDatabase } from './resources/mariadb-database.ts'
export { type MariadbUserOptions, mariadbUser } from './resources/mariadb-user.ts'
export { type PackageOptions, packages } from './resources/package.ts'
export { type PipOptions, pipPackages } from './resources/pip.ts'
export type { PostgresAccess } from './resources/postgres-access.ts'
export type { PostgresAccessRule } from './resources/postgres-access-rules.ts'
export { type PostgresDatabaseOptions, postgresDatabase } from './resources/postgres-database.ts'
export { type PostgresServerOptions, postgresServer } from './resources/postgres-server.ts'
export { type PostgresUserOptions, postgresUser } from './resources/postgres-user.ts'
export { type ServiceOptions, reload, restart, service } from './resources/service.ts'
export { template } from './resources/source.ts'
export type { SshdSettings, SshdValue } from './resources/sshd-settings.ts'
export { type SshdOptions, sshd } from './resources/sshd.ts'
export { type SudoOptions, sudo } from './resources/sudo.ts'
export { type SwapOptions, swap } from './resources/swap.ts'
export { type SysctlOptions, sysctl } from './resources/sysctl.ts'
export { type TimezoneOptions, timezone } from './resources/timezone.ts'
export { type TimerOptions, timer } from './resources/timer.ts'
export {
  type UnattendedUpgradesOptions,
  unattendedUpgrades,
} from './resources/unattended-upgrades.ts'
export { type UnitOptions, type UnitSections, type UnitValue, unit } from './resources/unit.ts'
export { type UserOptions, user } from './resources/user.ts'
export { app } from './roles/app.ts'
export { type MariadbOptions, mariadb } from './roles/mariadb.ts'
export { type BalancerOptions, balancer } from './roles/balancer.ts'
export type { AcmeOptions } from './roles/balancer-acme.ts'
export type { PairOptions } from './roles/balancer-pair.ts'
export { type BaseFirewall, type BaseOptions, type BaseUser, base } from './roles/base.ts'
export type { Upstream } from './roles/language-version.ts'
export { type MailOptions, mail } from './roles/mail.ts'
export { type MemcachedOptions, memcached } from './roles/memcached.ts'
export { type NginxOptions, nginx } from './roles/nginx.ts'
export { type NginxAnswer, type NginxSiteOptions, nginxSite } from './roles/nginx-site.ts'
export { type NodejsOptions, nodejs } from './roles/nodejs.ts'
export { type PhpOptions, type PhpPool, php, phpSocket } from './roles/php.ts'
export { type PostgresOptions, postgres } from './roles/postgres.ts'
export { type PythonOptions, python } from './roles/python.ts'
export { type QueueOptions, queue } from './roles/queue.ts'
export { type RedisOptions, redis } from './roles/redis.ts'
export { type RubyOptions, ruby } from './roles/ruby.ts'
export { secret } from './secrets/secret.ts'
