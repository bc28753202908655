/** What programs write by themselves, or what other parts of the description stand for. */
const generated: readonly string[] = [
  '/etc/{passwd,group,shadow,gshadow,subuid,subgid}',
  '/etc/{passwd,group,shadow,gshadow,subuid,subgid}-',
  '/etc/.pwd.lock',
  '/etc/security/opasswd',
  '/etc/machine-id',
  '/etc/hostname',
  '/etc/hosts',
  '/etc/{localtime,timezone,adjtime}',
  '/etc/ld.so.cache',
  '/etc/mtab',
  '/etc/resolv.conf',
  '/etc/{shells,networks}',
  '/etc/ca-certificates.conf',
  '/etc/pam.d/common-*',
  '/etc/ssh/ssh_host_*',
  '/etc/dpkg/origins/default',
  '/etc/{opt,runit/**}',
  '/usr/local/{bin,sbin,etc}',
  '/etc/console-setup/**',
  '/etc/default/{keyboard,console-setup,locale}',
  // Debian 13 keeps these there, and a time stamp.
  '/etc/{vconsole,locale}.conf',
  '/etc/.updated',
  '/etc/udev/hwdb.bin',
  '/etc/apt/trusted.gpg~',
  '/etc/.git/**',
  '/etc/.etckeeper',
  // What package managers and editors leave beside a file.
  '/**/*.{dpkg-old,dpkg-dist,dpkg-new,dpkg-bak,ucf-old,ucf-new,ucf-dist,swp}',
  '/**/*~',
]

/** What fits one machine alone, and why it is left out. */
const machine: readonly (readonly [string, string])[] = [
  ['/etc/{network,netplan,NetworkManager}/**', 'the network of this machine'],
  ['/etc/{crypttab,mdadm/**,lvm/**,initramfs-tools/**}', 'the disks of this machine'],
  ['/etc/default/grub', 'how this machine boots'],
  ['/etc/default/grub.d/**', 'how this machine boots'],
  ['/etc/letsencrypt/**', 'certificates that certbot gets and renews'],
]

function pattern(glob: string): RegExp {
  const source = glob
    .replace(/[.+^$()|[\]\\]/g, '\\$&')
    .replaceAll('**', '\0')
    .replaceAll('*', '[^/]*')
    .replaceAll('\0', '.*')
    .replaceAll('?', '[^/]')
    .replaceAll(/\{([^}]*)\}/g, (_, list: string) => `(?:${list.replaceAll(',', '|')})`)
  return new RegExp(`^${source}$`)
}

const generatedPatterns = generated.map(pattern)
const machinePatterns = machine.map(([glob, why]) => [pattern(glob), why] as const)

export const isGenerated = (path: string): boolean =>
  generatedPatterns.some((each) => each.test(path))

export const ofMachine = (path: string): string | undefined =>
  machinePatterns.find(([each]) => each.test(path))?.[1]

/** Files that have no effect as long as there is nothing but comments in them. */
export const idleWhenEmpty: ReadonlySet<string> = new Set([
  '/etc/hosts.allow',
  '/etc/hosts.deny',
  '/etc/environment',
  '/etc/fstab',
])
